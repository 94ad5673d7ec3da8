// A lock on a directory that the system releases when the process ends: a listening local socket in that directory. Equal pids in two
// containers do not fool it, and a container that shares the directory sees it, because a socket file is found by its path and not by the
// network namespace in which it was created. It does not work between machines that share the directory by a network file system.

import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, realpath, rename, rm, stat, symlink, unlink } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { DetourError, errnoOf } from '../core/error.ts';
import { syncDirectory } from '../core/files.ts';

/** Releases a lock. */
export type Release = () => Promise<void>;

/** Prefix of the socket names. Each process that wants the lock has a socket of its own in the directory, under this prefix once it listens. */
const VISIBLE = 'lock-';
/** Prefix of the name of a socket that does not listen yet. Other processes ignore it. */
const HIDDEN = '.lock-';

/** A length in bytes that every system allows for the path of a local socket: macOS allows 104, Linux 108, with the zero at the end. */
const LONGEST_PATH = 100;

/** How often the process whose name comes first looks whether the others have withdrawn. */
const LOOKS = 20;
/** The pause between two of these looks, in milliseconds. */
const LOOK_MS = 25;

// Errors of file systems that have files but no sockets, mostly shared folders of virtual machines.
const NO_SOCKETS = new Set(['EOPNOTSUPP', 'ENOTSUP', 'ENOSYS', 'EINVAL', 'EPERM']);

/**
 * Takes the lock on a directory for this process, and durably creates the directory if it does not exist.
 * @returns a function that releases the lock
 * @throws DetourError `locked` if another process has it; `not_a_directory`; the system's errno if the directory cannot be created
 * @throws Error the system's, if the lock cannot be created
 */
export async function holdLock(dir: string): Promise<Release> {
  await makeDirectory(path.resolve(dir));
  const real = await realpath(dir);
  const hash = createHash('sha256').update(real).digest('hex').slice(0, 32);
  if (process.platform === 'win32') return holdPipe(`\\\\.\\pipe\\detour-${hash}`, dir);
  const drop = await holdNameless(real, dir);
  try {
    const release = await holdFile(real, hash, dir);
    return () => release().finally(drop);
  } catch (error) {
    await drop();
    throw error;
  }
}

// On Linux there is a second socket, in the abstract namespace, named after the directory's device and inode: nobody can delete it while
// the process runs. Other network namespaces, such as those of containers, do not see it; they only have the socket file.
async function holdNameless(real: string, dir: string): Promise<Release> {
  if (process.platform !== 'linux') return async () => {};
  const { dev, ino } = await stat(real);
  return holdPipe(`\0detour-${dev}-${ino}`, dir);
}

async function holdFile(real: string, hash: string, dir: string): Promise<Release> {
  try {
    return await holdInside(real, dir);
  } catch (error) {
    if (!NO_SOCKETS.has(errnoOf(error))) throw error;
    const folder = path.join(os.tmpdir(), `detour-${hash}`);
    await mkdir(folder, { mode: 0o700 }).catch((failed: unknown) => {
      if (errnoOf(failed) !== 'EEXIST') throw failed;
    });
    return holdAmong(folder, dir);
  }
}

// If the path is too long for a socket, a short symbolic link leads there.
async function holdInside(real: string, dir: string): Promise<Release> {
  if (Buffer.byteLength(path.join(real, HIDDEN)) + 16 <= LONGEST_PATH) return holdAmong(real, dir);
  const bridge = await mkdtemp(path.join(os.tmpdir(), 'detour-'));
  const leave = (): Promise<void> => rm(bridge, { recursive: true, force: true });
  try {
    await symlink(real, path.join(bridge, 'd'));
    const release = await holdAmong(path.join(bridge, 'd'), dir);
    return () => release().finally(leave);
  } catch (error) {
    await leave();
    throw error;
  }
}

// First become visible, then look. A visible socket already listens, so of two processes that want the lock, the one that looks later sees
// the other: at least one of them finds somebody. A socket that refuses was left by a dead process and is deleted; it cannot be one that is
// about to listen. If the two see each other, the one whose name comes first waits for the other to withdraw.
async function holdAmong(folder: string, dir: string): Promise<Release> {
  const token = randomBytes(8).toString('hex');
  const name = VISIBLE + token;
  const close = await listen(path.join(folder, HIDDEN + token));
  const release = async (): Promise<void> => {
    await unlink(path.join(folder, name)).catch(() => undefined);
    await close();
  };
  try {
    await rename(path.join(folder, HIDDEN + token), path.join(folder, name));
    for (let look = 0; look < LOOKS; look++) {
      const others = await othersIn(folder, name);
      if (others.length === 0) return release;
      if (others.some((other) => other < name)) break;
      await pause(LOOK_MS);
    }
  } catch (error) {
    await release();
    throw error;
  }
  await release();
  throw lockedError(dir);
}

// The names of the other sockets on which a process listens. Deletes those that dead processes have left.
async function othersIn(folder: string, own: string): Promise<string[]> {
  const alive: string[] = [];
  for (const name of await readdir(folder)) {
    if (!name.startsWith(VISIBLE) || name === own) continue;
    if (await answers(path.join(folder, name))) alive.push(name);
    else await unlink(path.join(folder, name)).catch(() => undefined);
  }
  return alive;
}

async function holdPipe(pipe: string, dir: string): Promise<Release> {
  try {
    return await listen(pipe);
  } catch (error) {
    throw errnoOf(error) === 'EADDRINUSE' || errnoOf(error) === 'EACCES' ? lockedError(dir) : error;
  }
}

// Resolves once the socket listens. Closing it also removes its file.
function listen(address: string): Promise<Release> {
  return new Promise((resolve, reject) => {
    const server = net.createServer((socket) => socket.destroy());
    server.once('error', reject);
    server.listen(address, () => {
      server.removeListener('error', reject);
      // A connection that cannot be accepted does not matter to the lock, and the lock alone must not keep the process alive.
      server.on('error', () => {});
      server.unref();
      resolve(() => new Promise((closed) => server.close(() => closed())));
    });
  });
}

// Does a process listen there? Only a refusal, or a missing file, proves that none does.
function answers(address: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(address);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) => {
      if (errnoOf(error) === 'ECONNREFUSED' || errnoOf(error) === 'ENOENT') resolve(false);
      else if (errnoOf(error) === 'ENOTSOCK' || errnoOf(error) === 'EAGAIN') resolve(true);
      else reject(error);
    });
  });
}

function lockedError(dir: string): DetourError {
  return new DetourError(
    'locked',
    `another relay is using the journal in ${dir}`,
    'Stop it, or give this one another directory with --journal.',
  );
}

async function makeDirectory(dir: string): Promise<void> {
  const isDirectory = (name: string): Promise<boolean> =>
    stat(name).then(
      (found) => found.isDirectory(),
      () => false,
    );
  // Not mkdir's own `recursive`: if a file system answers every mkdir with ENOENT, as /proc does, Node 20 retries forever.
  try {
    await mkdir(dir, { mode: 0o700 });
  } catch (error) {
    const parent = path.dirname(dir);
    // Some systems report EROFS or EACCES before they check whether the directory exists.
    if (await isDirectory(dir)) return;
    if (['EEXIST', 'ENOTDIR'].includes(errnoOf(error)))
      throw new DetourError('not_a_directory', `${dir} is not a folder, and the journal needs one`, '', {
        cause: error,
      });
    if (errnoOf(error) !== 'ENOENT' || parent === dir || (await isDirectory(parent)))
      throw new DetourError(
        errnoOf(error),
        `the journal's folder ${dir} cannot be created: ${error instanceof Error ? error.message : String(error)}`,
      );
    await makeDirectory(parent);
    await mkdir(dir, { mode: 0o700 });
  }
  await syncDirectory(path.dirname(dir));
}
