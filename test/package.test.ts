// What npm is told about detour: the lock file works on every system and with every registry, and the package contains what it runs.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { tempDir } from './harness.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

interface Manifest {
  readonly engines: { readonly node: string };
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly bundleDependencies: readonly string[];
  readonly devDependencies: Readonly<Record<string, string>>;
}

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly engines?: { readonly node?: string };
  readonly dev?: boolean;
  readonly optional?: boolean;
}

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const manifest = JSON.parse(read('package.json')) as Manifest;
const lockText = read('package-lock.json');
const locked = Object.entries((JSON.parse(lockText) as { packages: Record<string, Locked> }).packages).filter(
  ([path]) => path !== '',
);

describe('the lock file', () => {
  it('names no registry, so that everybody can use their own', () => {
    expect(lockText).not.toContain('"resolved"');
    expect(lockText).not.toMatch(/registry|\.tgz/);
    expect(read('.npmrc')).toContain('omit-lockfile-registry-resolved=true');
  });

  it('pins every package by its checksum', () => {
    expect(locked.length).toBeGreaterThan(50);
    expect(locked.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'))).toEqual([]);
  });

  // npm has left out the packages for other systems, and then the lock file fails there.
  it('has every package that is for only one system', () => {
    const paths = new Set(locked.map(([path]) => path));
    const missing = locked.flatMap(([path, { optionalDependencies }]) =>
      Object.keys(optionalDependencies ?? {}).filter((name) => !found(paths, path, name)),
    );
    expect(missing).toEqual([]);
  });

  it.each(['linux', 'darwin', 'win32'])('has the native tools for %s, x64 and arm64', (os) => {
    const families = new Map<string, string[]>();
    for (const [path, { optionalDependencies }] of locked) {
      const natives = Object.keys(optionalDependencies ?? {}).filter(
        (name) => platform(name).os !== undefined,
      );
      if (natives.length > 1) families.set(path, natives);
    }
    expect(families.size).toBeGreaterThanOrEqual(4);
    for (const [path, natives] of families) {
      const cpus = natives.map(platform).filter((one) => one.os?.includes(os));
      for (const cpu of ['x64', 'arm64'])
        expect(
          cpus.some((one) => one.cpu?.includes(cpu)),
          `${path} on ${os} ${cpu}`,
        ).toBe(true);
    }
  });

  it('agrees with package.json', () => {
    const root = (JSON.parse(lockText) as { packages: Record<string, Manifest> }).packages[''];
    expect(root).toMatchObject({
      dependencies: manifest.dependencies,
      bundleDependencies: manifest.bundleDependencies,
      devDependencies: manifest.devDependencies,
      engines: manifest.engines,
    });
  });
});

// Where Node would look: next to the package that asks, then outwards.
function found(paths: ReadonlySet<string>, from: string, name: string): boolean {
  for (let at = from; ; at = at.replace(/(^|\/)node_modules\/(@[^/]+\/)?[^/]+$/, '')) {
    if (paths.has(at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`)) return true;
    if (at === '') return false;
  }
}

function platform(name: string): Locked {
  return locked.find(([path]) => path.endsWith(`node_modules/${name}`))?.[1] ?? {};
}

describe('package.json', () => {
  it('asks for a Node version on which every package that it installs runs', () => {
    expect(manifest.engines.node).toBe('>=20.19');
    // The parts of a range about 20 begin at 20.19 or below, or at any 20.
    const tooNew = locked.filter(([, { engines, optional }]) => !optional && !runsOn20(engines?.node ?? '*'));
    expect(tooNew.map(([path, { engines }]) => `${path} ${engines?.node}`)).toEqual([]);
  });

  it('has few dependencies, each with an exact version', () => {
    expect(Object.keys(manifest.dependencies)).toEqual(['commander', 'pino']);
    expect(Object.keys(manifest.devDependencies).length).toBeLessThanOrEqual(13);
    for (const version of Object.values({ ...manifest.dependencies, ...manifest.devDependencies }))
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    const shipped = locked.filter(([, { dev, optional }]) => !dev && !optional);
    expect(shipped.length).toBeLessThanOrEqual(20);
  });
});

// Left to the compiler: the body is a Buffer, the number may be missing, and a wrong argument is an error.
const PROGRAM = `
import { collect, deposit, memoryLog, type Sent, send, startRelay } from 'detour';
const relay = await startRelay({ log: memoryLog(), port: 0 });
const sent: Sent = await deposit(relay, 'bob', 'hello');
console.log(sent.verdict, sent.number ?? 0);
for await (const { from, body, attempt } of collect(relay)) console.log(\`\${from}: \${body.toString('utf8')} \${attempt}\`);
await relay.close();
// @ts-expect-error a number is not an address
const wrong = () => send(4101, 'hello');
const inner: string = 'detour/dist/cli/main.js';
await import(inner).catch((error: NodeJS.ErrnoException) => console.log(error.code));
`;

function runsOn20(range: string): boolean {
  return range.split('||').some((part) => {
    const version = /(\^|>=?|~)?\s*v?(\d+)(?:\.(\d+))?/.exec(part);
    if (version === null) return part.includes('*');
    const [, sign = '', major = '0', minor = '0'] = version;
    if (Number(major) === 20) return Number(minor) <= 19;
    return Number(major) < 20 && sign.startsWith('>');
  });
}

describe('the package', () => {
  it('contains what it runs and nothing else', { tags: ['slow'] }, () => {
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
    // Without its scripts, because the tests have built it.
    const told = execFileSync(`${npm} pack --dry-run --json --ignore-scripts`, {
      cwd: ROOT,
      shell: true,
      encoding: 'utf8',
    });
    const [pack] = JSON.parse(told) as { size: number; unpackedSize: number; files: { path: string }[] }[];
    const files = pack?.files.map(({ path }) => path) ?? [];
    for (const needed of [
      'package.json',
      'LICENSE',
      'dist/cli/main.js',
      'dist/index.js',
      'dist/index.d.ts',
      manifest.bin.detour,
      'scripts/setup.mjs',
      'src/wire/PROTOCOL.md',
      'src/lab/TEACHING.md',
      'scripts/picture/run.svg',
      'scripts/picture/bench.svg',
      'scripts/picture/board.png',
      'dist/lab/board/page.js',
    ])
      expect(files).toContain(needed);
    // Students install it without a network, so it has with it what it needs.
    expect(manifest.bundleDependencies).toEqual(Object.keys(manifest.dependencies));
    const shipped = locked.filter(([, { dev }]) => !dev).map(([path]) => `${path}/package.json`);
    expect(files).toEqual(expect.arrayContaining(shipped));
    const strange = files.filter(
      (path) =>
        !/^(dist\/.*\.(js|d\.ts)|dist\/lab\/board\/style\.css|node_modules\/.*|scripts\/(detour|setup)\.mjs|scripts\/(picture\/\w+\.(svg|png)|teaching\/(handout|homework|lab)\.md)|src\/(wire\/PROTOCOL|lab\/TEACHING)\.md|README\.md|LICENSE|package\.json)$/.test(
          path,
        ),
    );
    expect(strange).toEqual([]);
    // Nobody can import the command line or the laboratory.
    expect(files.filter((path) => /^dist\/(cli|lab|trace)\/.*\.d\.ts$/.test(path))).toEqual([]);
    // Half of it is commander and pino, with what they need; pictures and the board's page are 0.3 MB.
    expect(pack?.unpackedSize).toBeLessThan(4_000_000);
    expect(existsSync(new URL(`../${manifest.bin.detour}`, import.meta.url))).toBe(true);
  });

  // As if it were installed: .ci/package.sh installs it for real.
  it('has the types with it, for a strict program, and gives it nothing else', { tags: ['slow'] }, () => {
    const dir = tempDir();
    const shell = { cwd: ROOT, shell: true, encoding: 'utf8' } as const;
    const modules = join(dir, 'node_modules');
    mkdirSync(join(modules, 'detour'), { recursive: true });
    execFileSync(`npm pack --silent --ignore-scripts --pack-destination "${dir}"`, shell);
    const [tarball = ''] = readdirSync(dir).filter((name) => name.endsWith('.tgz'));
    execFileSync(
      `tar -xzf "${join(dir, tarball)}" -C "${join(modules, 'detour')}" --strip-components=1`,
      shell,
    );
    symlinkSync(join(ROOT, 'node_modules', '@types'), join(modules, '@types'), 'junction');
    writeFileSync(join(dir, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(dir, 'program.ts'), PROGRAM);
    const [, shown = ''] = /^```ts\n(.*?)^```$/ms.exec(read('README.md')) ?? [];
    expect(shown).toContain("from 'detour';");
    writeFileSync(join(dir, 'readme.ts'), shown);
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const options = '--strict --target es2023 --module nodenext --types node program.ts readme.ts'.split(' ');
    try {
      execFileSync(process.execPath, [tsc, ...options], { cwd: dir, encoding: 'utf8' });
    } catch (error) {
      expect(error instanceof Error && 'stdout' in error ? error.stdout : error).toBe('');
    }
    const said = execFileSync(process.execPath, [join(dir, 'program.js')], { encoding: 'utf8' });
    expect(said).toBe('STORED 1\nalice: hello 1\nERR_PACKAGE_PATH_NOT_EXPORTED\n');
  });
});
