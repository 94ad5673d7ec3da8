// A start that sets itself up, in small clones with a compiler that only records when it runs. npm is real, but fetches nothing, because
// the only dependency is next to the clone.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished, test } from 'vitest';
import { tempDir } from './harness.ts';

const SETUP = fileURLToPath(new URL('../scripts/setup.mjs', import.meta.url));

/** The user who owns nothing. */
const NOBODY = 65_534;

/** Replaces tsc: it records that it ran, waits if it is to hang, and fails if the source says so. */
const COMPILER = `
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
appendFileSync('log', 'build ' + process.pid + '\\n');
if (readFileSync('src/main.ts', 'utf8').includes('broken')) process.exit(2);
mkdirSync('dist');
writeFileSync('dist/main.js', readFileSync('src/main.ts'));
// Long enough for a second start to find it at work. A hanging one ends with the process that started it.
if (existsSync('hang')) setInterval(() => existsSync('hang') || process.exit(1), 20);
else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
`;

class Clone {
  dir: string;
  readonly temp: string;
  #reader: number | undefined;

  constructor() {
    this.dir = join(tempDir(), 'clone');
    this.temp = tempDir();
    const compiler = { name: 'typescript', version: '1.0.0', type: 'module', bin: { tsc: 'bin/tsc' } };
    this.write('package.json', {
      name: 'clone',
      version: '1.0.0',
      scripts: { install: 'echo install >> log' },
      devDependencies: { typescript: 'file:compiler' },
    });
    this.write('package-lock.json', {
      name: 'clone',
      version: '1.0.0',
      lockfileVersion: 3,
      packages: {
        '': { name: 'clone', version: '1.0.0', devDependencies: { typescript: 'file:compiler' } },
        compiler: { ...compiler, dev: true },
        'node_modules/typescript': { resolved: 'compiler', link: true },
      },
    });
    this.write('compiler/package.json', compiler);
    this.write('compiler/bin/tsc', COMPILER);
    this.write('tsconfig.json', {});
    this.write('src/main.ts', 'first');
    mkdirSync(join(this.dir, 'scripts'));
    cpSync(SETUP, join(this.dir, 'scripts', 'setup.mjs'));
    // What comes after the compiler has nothing to do here.
    this.write('scripts/bundle.mjs', '');
  }

  write(path: string, content: string | object): void {
    const file = join(this.dir, path);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  }

  /** What ran, in order: `install`, `build`. */
  log(): string[] {
    const file = join(this.dir, 'log');
    if (!existsSync(file)) return [];
    return readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(' ')[0] ?? '');
  }

  /** From now on it belongs to somebody else, and whoever starts it may only read it. */
  giveAway(): void {
    chmodSync(join(this.dir, '..'), 0o755);
    for (const folder of ['', 'node_modules', 'dist']) {
      const path = join(this.dir, folder);
      if (!existsSync(path)) continue;
      chmodSync(path, 0o555);
      onTestFinished(() => chmodSync(path, 0o755));
    }
    // Root may write everywhere.
    if (process.getuid?.() === 0) this.#reader = NOBODY;
  }

  launch(env: NodeJS.ProcessEnv = {}): ChildProcess {
    const child = spawn(process.execPath, [join(this.dir, 'scripts', 'setup.mjs')], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TMPDIR: this.temp, TEMP: this.temp, ...env },
      ...(this.#reader !== undefined && { uid: this.#reader, gid: this.#reader }),
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    return child;
  }

  async start(env: NodeJS.ProcessEnv = {}): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const child = this.launch(env);
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (bytes: Buffer) => {
      stdout += bytes.toString();
    });
    child.stderr?.on('data', (bytes: Buffer) => {
      stderr += bytes.toString();
    });
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, stdout, stderr };
  }
}

/** Resolves when the condition holds. The test's own timeout is the limit. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('the first start', () => {
  it('installs and builds, and says so only on stderr; the second start does nothing', async () => {
    const clone = new Clone();
    const first = await clone.start();
    expect(first).toMatchObject({ code: 0, stdout: '' });
    expect(first.stderr).toContain('installing (once)');
    expect(clone.log()).toEqual(['install', 'build']);
    expect(await clone.start()).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(clone.log()).toEqual(['install', 'build']);
  });

  it('works where NODE_ENV says production', { tags: ['slow'] }, async () => {
    const clone = new Clone();
    expect(await clone.start({ NODE_ENV: 'production' })).toMatchObject({ code: 0 });
    expect(clone.log()).toEqual(['install', 'build']);
  });

  it('in several terminals at the same time does the work once', { tags: ['slow'] }, async () => {
    const clone = new Clone();
    const starts = await Promise.all(Array.from({ length: 5 }, () => clone.start()));
    expect(starts.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0]);
    expect(clone.log()).toEqual(['install', 'build']);
  });

  it('does nothing in an installed package, which has neither sources nor a compiler', async () => {
    const clone = new Clone();
    for (const path of ['tsconfig.json', 'package-lock.json', 'compiler', 'src/main.ts'])
      rmSync(join(clone.dir, path), { recursive: true });
    clone.write('src/wire/PROTOCOL.md', 'packed too');
    expect(await clone.start()).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(clone.log()).toEqual([]);
  });
});

// Root becomes nobody for this, who may not be allowed to start a Node that is in root's own folder.
const someoneCanStart =
  process.platform !== 'win32' &&
  (process.getuid?.() !== 0 || spawnSync(process.execPath, ['--version'], { uid: NOBODY }).status === 0);

describe.runIf(someoneCanStart)("a start in somebody else's folder, without rights to write", () => {
  it('runs what is built', { tags: ['slow'] }, async () => {
    const clone = new Clone();
    await clone.start();
    mkdirSync(join(clone.dir, 'node_modules', 'commander'));
    // It could not install what the lock file says now, but only development needs that.
    clone.write('package-lock.json', {});
    clone.giveAway();
    expect(await clone.start()).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('says in one sentence what to do if nothing is built', async () => {
    const clone = new Clone();
    clone.giveAway();
    const { code, stderr } = await clone.start();
    expect(code).toBe(1);
    expect(stderr).toBe(
      `detour: ${clone.dir} is not set up, and you cannot write to it\n` +
        `  try  copy it and use the copy, or ask its owner to run: node ${clone.dir}/scripts/setup.mjs\n`,
    );
  });
});

// The file system is that of this computer, but Node says what it says on a USB stick.
test.skipIf(process.platform === 'win32')(
  'where there are no symbolic links it installs without them',
  { tags: ['slow'] },
  async () => {
    const stick = join(tempDir(), 'stick.cjs');
    writeFileSync(stick, "require('node:fs').symlinkSync = () => { throw new Error('ENOSYS'); };\n");
    for (const [links, env] of [
      [true, {}],
      [false, { NODE_OPTIONS: `--require ${stick}` }],
    ] as const) {
      const clone = new Clone();
      expect(await clone.start(env)).toMatchObject({ code: 0 });
      expect(clone.log()).toEqual(['install', 'build']);
      expect(existsSync(join(clone.dir, 'node_modules', '.bin', 'tsc'))).toBe(links);
    }
  },
);

describe('a later start', () => {
  it('builds again when a source has changed, but not when only its time has, or in a clone that was moved', {
    tags: ['slow'],
  }, async () => {
    const clone = new Clone();
    await clone.start();
    utimesSync(join(clone.dir, 'src', 'main.ts'), new Date(), new Date());
    utimesSync(join(clone.dir, 'package-lock.json'), new Date(), new Date());
    renameSync(clone.dir, `${clone.dir}-moved`);
    clone.dir += '-moved';
    expect(await clone.start()).toEqual({ code: 0, stdout: '', stderr: '' });
    clone.write('src/main.ts', 'second');
    expect((await clone.start()).stderr).toBe('detour: building ...\n');
    expect(clone.log()).toEqual(['install', 'build', 'build']);
    expect(readFileSync(join(clone.dir, 'dist', 'main.js'), 'utf8')).toBe('second');
  });

  it('installs again when the lock file has changed', { tags: ['slow'] }, async () => {
    const clone = new Clone();
    await clone.start();
    const lockfile = join(clone.dir, 'package-lock.json');
    writeFileSync(lockfile, `${readFileSync(lockfile, 'utf8')}\n`);
    await clone.start();
    expect(clone.log()).toEqual(['install', 'build', 'install']);
  });
});

describe('a start that goes wrong', () => {
  it('says which step failed, exits 1, and lets the next start try again', { tags: ['slow'] }, async () => {
    const clone = new Clone();
    clone.write('src/main.ts', 'broken');
    const failed = await clone.start();
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain('this did not work: tsc');
    clone.write('src/main.ts', 'mended');
    expect(await clone.start()).toMatchObject({ code: 0 });
  });

  it('or is killed while it works is cleaned up by a later start', { tags: ['slow'] }, async () => {
    const clone = new Clone();
    clone.write('hang', '');
    const killed = clone.launch();
    await until(() => clone.log().includes('build'));
    killed.kill('SIGKILL');
    await new Promise((resolve) => killed.once('exit', resolve));
    rmSync(join(clone.dir, 'hang'));
    const starts = await Promise.all(Array.from({ length: 4 }, () => clone.start()));
    expect(starts.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(clone.log()).toEqual(['install', 'build', 'build']);
  });
});

describe('a Node that is too old', () => {
  const scripts = ['detour.mjs', 'setup.mjs'].map((name) => join(SETUP, '..', name));

  it.each(scripts)('is told so in one sentence by %s', async (script) => {
    const pretend = join(tempDir(), 'old.cjs');
    writeFileSync(
      pretend,
      `Object.defineProperty(process, 'version', { value: 'v20.18.3' });
      Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.18.3' } });`,
    );
    const child = spawn(process.execPath, ['--require', pretend, script, '--help']);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (said += bytes));
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(code).toBe(1);
    expect(said).toBe('detour needs Node 20.19 or newer; this is v20.18.3. Get one at https://nodejs.org\n');
  });

  // Node 12 was run by hand: what it cannot read, it reports as a SyntaxError in place of the sentence.
  it.each(scripts)('can read %s: nothing in it is newer than Node 12', (script) => {
    const text = readFileSync(script, 'utf8');
    expect(text).not.toMatch(/\?\?|\?\.[\w([]/);
    expect(text).not.toMatch(/^await |^(?:const|let) .* = await /m);
    expect(text).not.toMatch(/import \{[^}]*\} from 'node:fs'/);
  });
});
