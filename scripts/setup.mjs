// Makes a clone ready, once: checks the Node version, installs what is missing, builds what is stale. Plain JavaScript, because it
// runs before anything is installed. In an installed package everything is there and there is nothing to do.
// This file and detour.mjs are written in the JavaScript of Node 12, so that an old Node gets to the sentence that says it is too old.

import { execFileSync, execSync } from 'node:child_process';
import { createHash } from 'node:crypto';
// As a whole: Node 12 has no rmSync, and would refuse to load this file.
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} = fs;
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `detour needs Node 20.19 or newer; this is ${process.version}. Get one at https://nodejs.org\n`,
  );
  process.exit(1);
}

/** Makes the clone ready if it is not. If that fails, it explains why on stderr and ends the process with exit code 1. */
export function setUp() {
  // A package has no tsconfig.json: it was built before it was packed.
  if (!existsSync(join(root, 'tsconfig.json')) || ready()) return;
  if (!writable()) {
    // Somebody else's folder. If it is built it can run, even if something is missing that only development needs.
    if (built() && existsSync(join(root, 'node_modules', 'commander'))) return;
    process.stderr.write(
      `detour: ${root} is not set up, and you cannot write to it\n  try  copy it and use the copy, or ask its owner to run: node ${join(root, 'scripts', 'setup.mjs')}\n`,
    );
    process.exit(1);
  }
  let failure;
  // Two terminals may start at the same time: one works, the other waits.
  const release = takeLock();
  try {
    // Another process may have done it by now.
    if (!installed()) install();
    if (!built()) build();
  } catch (error) {
    failure = error;
  }
  release();
  if (failure === undefined) return;
  process.stderr.write(
    `detour: this did not work: ${failure.command || failure.message}\n  try  look at the lines above; without a network, install from the tarball (README)\n`,
  );
  process.exit(1);
}

const ready = () => installed() && built();

function writable() {
  try {
    for (const folder of [root, join(root, 'node_modules'), join(root, 'dist')])
      if (existsSync(folder)) accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

// ---- installing

/** The file that is written after an install, with the hash of the package-lock.json that was installed. */
const installMark = join(root, 'node_modules', '.detour');

function installed() {
  if (existsSync(installMark)) return readFileSync(installMark, 'utf8') === lockfile();
  // Somebody may have run npm by hand. npm writes its own file when it installs.
  const npmMark = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(npmMark) || !existsSync(tsc)) return false;
  return statSync(npmMark).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs;
}

const lockfile = () => hashOf([join(root, 'package-lock.json')]);

function install() {
  process.stderr.write('detour: installing (once) …\n');
  // The compiler is a development dependency; NODE_ENV=production must not leave it out.
  npm(`ci --include=dev --no-audit --no-fund --loglevel=error${linkable() ? '' : ' --no-bin-links'}`);
  mkdirSync(dirname(installMark), { recursive: true });
  writeFileSync(installMark, lockfile());
}

// A USB stick (FAT, exFAT) has no symbolic links, and npm would stop at the first. On Windows npm needs none.
function linkable() {
  if (process.platform === 'win32') return true;
  const link = join(root, `.link-${process.pid}`);
  try {
    symlinkSync('package.json', link);
  } catch {
    return false;
  }
  rmSync(link);
  return true;
}

function npm(line) {
  const args = line.split(' ');
  const candidates = [
    process.env.npm_execpath || '',
    join(dirname(process.execPath), 'node_modules', 'npm', 'bin', 'npm-cli.js'),
  ];
  const cli = candidates.find((path) => basename(path) === 'npm-cli.js' && existsSync(path));
  if (cli !== undefined) run(`npm ${line}`, () => execFileSync(process.execPath, [cli, ...args], OPTIONS));
  // On Windows npm is a batch file, which only a shell can start. The line is safe: nothing in it comes from a user.
  else run(`npm ${line}`, () => execSync(`npm ${line}`, OPTIONS));
}

// ---- building

const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const bundle = join(root, 'scripts', 'bundle.mjs');
/** The file that is written after a build, with the hash of the sources that were built. */
const buildMark = join(root, 'dist', '.stamp');

function built() {
  return existsSync(buildMark) && readFileSync(buildMark, 'utf8') === sources();
}

function build() {
  process.stderr.write('detour: building ...\n');
  const state = sources();
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  run('tsc', () => execFileSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.json')], OPTIONS));
  run('bundle', () => execFileSync(process.execPath, [bundle], OPTIONS));
  writeFileSync(buildMark, state);
}

function sources() {
  const files = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(?:tsx?|css|json)$/.test(entry.name))
    .map((entry) => join(entry.parentPath || entry.path, entry.name));
  return hashOf([...files.sort(), join(root, 'tsconfig.json'), bundle]);
}

// Hashes paths in the clone and contents: a clone that was moved, copied or checked out again is not stale.
function hashOf(paths) {
  const hash = createHash('sha256');
  for (const path of paths) {
    const content = readFileSync(path);
    hash.update(`${relative(root, path).split(sep).join('/')} ${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}

// The output of the tools goes to stderr, because stdout belongs to the command that the user gave.
const OPTIONS = { cwd: root, stdio: ['ignore', 2, 2] };

function run(command, call) {
  try {
    call();
  } catch (cause) {
    throw Object.assign(new Error(command, { cause }), { command });
  }
}

// ---- the lock: a folder with the holder's pid in it, outside the clone, because the clone may be read-only

function takeLock() {
  const lock = join(tmpdir(), `detour-setup-${createHash('sha256').update(root).digest('hex').slice(0, 16)}`);
  const began = Date.now();
  let said = false;
  for (;;) {
    if (make(lock)) {
      writeFileSync(join(lock, 'pid'), String(process.pid));
      return () => rmSync(lock, { recursive: true, force: true });
    }
    if (abandoned(lock)) clear(lock);
    else if (!said && Date.now() - began > 3000) {
      process.stderr.write(`detour: another process is setting this up; waiting (${lock})\n`);
      said = true;
    }
    pause(100);
  }
}

/** Makes a folder. @returns false if it already exists */
function make(folder) {
  try {
    mkdirSync(folder);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

// Is its holder gone? A folder without a pid was either made just now, or its holder ended before it could write the pid.
function abandoned(lock) {
  try {
    const pid = readFileSync(join(lock, 'pid'), 'utf8');
    if (pid !== '') return !alive(Number(pid));
    return Date.now() - statSync(lock).mtimeMs > 5000;
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    try {
      return Date.now() - statSync(lock).mtimeMs > 5000;
    } catch {
      return false; // it was released just now
    }
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

// Only one process clears at a time, and it checks again first. Otherwise a second one could clear a lock that the first has taken since.
function clear(lock) {
  const broom = `${lock}-clearing`;
  if (!make(broom)) {
    const { mtimeMs = Date.now() } = statSync(broom, { throwIfNoEntry: false }) || {};
    if (Date.now() - mtimeMs > 10_000) rmSync(broom, { recursive: true, force: true });
    return;
  }
  if (abandoned(lock)) rmSync(lock, { recursive: true, force: true });
  rmSync(broom, { recursive: true, force: true });
}

function pause(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

// `node scripts/setup.mjs`, also by a path with a symbolic link in it.
if (process.argv[1] && realpathSync(process.argv[1]) === realpathSync(fileURLToPath(import.meta.url)))
  setUp();
