// Makes a clone ready, once: checks the Node version, installs what is missing, builds what is stale. Plain JavaScript, because it
// runs before anything is installed. In an installed package there is no src/ and nothing to do.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `detour needs Node 20.19 or newer; this is ${process.version}. Get one at https://nodejs.org\n`,
  );
  process.exit(1);
}

/** Makes the clone ready; does nothing if it is. */
export function setUp() {
  if (!existsSync(join(root, 'src')) || ready()) return;
  // Two terminals may come at the same time: one works, the other waits.
  const lock = join(tmpdir(), `detour-setup-${createHash('sha256').update(root).digest('hex').slice(0, 16)}`);
  takeLock(lock);
  try {
    if (!installed()) install();
    if (!built()) build();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

const ready = () => installed() && built();

function installed() {
  const mark = join(root, 'node_modules', '.package-lock.json');
  return existsSync(mark) && statSync(mark).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs;
}

function install() {
  process.stderr.write('detour: installing (once) …\n');
  npm('ci', '--no-audit', '--no-fund', '--loglevel=error');
  // npm keeps a mark that is newer than the lock file, but not by much: a checkout may have set the lock file's time later.
  const mark = join(root, 'node_modules', '.package-lock.json');
  writeFileSync(mark, readFileSync(mark));
}

// The stamp is the state of the sources that dist/ was built from.
const stampFile = join(root, 'dist', '.stamp');

function built() {
  return existsSync(stampFile) && readFileSync(stampFile, 'utf8') === sources();
}

function sources() {
  const hash = createHash('sha256');
  const files = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  for (const path of [
    ...files.map((entry) => join(entry.parentPath ?? entry.path, entry.name)),
    join(root, 'tsconfig.json'),
  ].sort()) {
    const { size, mtimeMs } = statSync(path);
    hash.update(`${path} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

function build() {
  process.stderr.write('detour: building …\n');
  const state = sources();
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  run(process.execPath, [
    join(root, 'node_modules', 'typescript', 'bin', 'tsc'),
    '-p',
    join(root, 'tsconfig.json'),
  ]);
  writeFileSync(stampFile, state);
}

function npm(...args) {
  const cli = process.env.npm_execpath;
  if (cli?.endsWith('.js')) run(process.execPath, [cli, ...args]);
  // On Windows npm is a batch file, which only a shell starts; the arguments are ours alone.
  else run(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, process.platform === 'win32');
}

function run(command, args, shell = false) {
  try {
    // What the tools print goes to stderr: stdout belongs to the command that the person gave.
    execFileSync(command, args, { cwd: root, shell, stdio: ['ignore', 2, 2] });
  } catch {
    process.stderr.write(
      `detour: this did not work: ${[command, ...args].join(' ')}\n  try  look at the lines above; without a network, install from the tarball (README)\n`,
    );
    process.exit(1);
  }
}

function takeLock(lock) {
  const began = Date.now();
  for (;;) {
    try {
      mkdirSync(lock);
      writeFileSync(join(lock, 'pid'), String(process.pid));
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (!alive(lock) && Date.now() - began > 2000) rmSync(lock, { recursive: true, force: true });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  }
}

function alive(lock) {
  try {
    process.kill(Number(readFileSync(join(lock, 'pid'), 'utf8')), 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) setUp();
