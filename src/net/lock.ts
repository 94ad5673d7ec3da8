// A lock on a directory that the system releases when the process ends: a listening local socket in that directory. Equal pids in two
// containers do not fool it, and a container that shares the directory sees it, because a socket file is found by its path and not by the
// network namespace in which it was created. It does not work between computers that share the directory by a network file system: there
// a file in the directory names the computer that uses it, and stays if that computer fails.

import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, statfsSync } from 'node:fs';
import {
  mkdir,
  mkdtemp,
  readdir,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { DetourError, errnoOf } from '../core/error.ts';
import { syncDirectory } from '../core/files.ts';
import { visible } from '../core/visible.ts';

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

/** In a directory on a network file system: the file with the name of the computer that uses it. */
const CLAIM = 'lock.computer';

// The file systems that several computers can share, by the number that Linux gives each of them (statfs(2), and linux/magic.h).
const NETWORK: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'SMB'],
  [0xfe534d42, 'SMB'],
  [0x01021997, '9P'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x01161970, 'GFS2'],
  [0x7461636f, 'OCFS2'],
  [0x47504653, 'GPFS'],
  [0x786f4256, 'VirtualBox shared folder'],
]);

/**
 * The network file system that a folder is on, or would be on once it is created: `NFS`. Undefined if it is on a disk of this computer, or
 * if that cannot be seen: on macOS and Windows, and with FUSE, such as sshfs.
 */
export function networkFileSystem(dir: string): string | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return NETWORK.get(statfsSync(dir).type);
  } catch {
    const parent = path.dirname(path.resolve(dir));
    return parent === path.resolve(dir) ? undefined : networkFileSystem(parent);
  }
}

/** The computer that uses a directory on a network file system, by its host name; undefined if none does. */
export function claimantOf(dir: string): string | undefined {
  try {
    return readFileSync(path.join(dir, CLAIM), 'utf8').trim();
  } catch {
    return undefined;
  }
}

/**
 * Takes the lock on a directory for this process, and durably creates the directory if it does not exist. On a network file system the
 * directory is claimed for this computer, too, until the lock is released.
 * @param network the network file system that the directory is on, if it is on one; tests pass it
 * @param computer this computer's host name; tests pass it
 * @returns a function that releases the lock
 * @throws DetourError `locked` if another process has it; `other_computer` if another computer has claimed it; `not_a_directory`; the
 * system's errno if the directory cannot be created
 * @throws Error the system's, if the lock cannot be created
 */
export async function holdLock(
  dir: string,
  network = networkFileSystem(dir),
  computer = os.hostname(),
): Promise<Release> {
  await makeDirectory(path.resolve(dir));
  // Before the lock is tried: a socket of another computer would look like one of a dead process, and be deleted.
  if (network !== undefined) checkClaim(dir, network, computer);
  const release = await holdHere(dir);
  if (network === undefined) return release;
  try {
    await claim(dir, network, computer);
  } catch (error) {
    await release();
    throw error;
  }
  return async () => {
    if (claimantOf(dir) === computer) await unlink(path.join(dir, CLAIM)).catch(() => undefined);
    await release();
  };
}

// Creating a file that must not exist yet is atomic for all clients of a file server.
async function claim(dir: string, network: string, computer: string): Promise<void> {
  try {
    await writeFile(path.join(dir, CLAIM), `${computer}\n`, { flag: 'wx' });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    checkClaim(dir, network, computer);
  }
}

/**
 * Checks that no other computer has claimed a directory on a network file system. A claim of this computer was left by a process that was
 * killed, or another process of it has the lock.
 * @param network the network file system, for the error
 * @param computer this computer's host name; tests pass it
 * @throws DetourError `other_computer`
 */
export function checkClaim(dir: string, network: string, computer = os.hostname()): void {
  const other = claimantOf(dir);
  if (other === undefined || other === computer) return;
  throw new DetourError(
    'other_computer',
    `${other === '' ? 'another computer' : `the computer ${visible(other)}`} uses the journal in ${dir}, which is on a network file system (${network})`,
    `Give a folder on a disk of this computer with --journal. If no relay runs there any more, because it was killed: delete ${path.join(dir, CLAIM)}.`,
  );
}

// The lock among the processes of this computer.
async function holdHere(dir: string): Promise<Release> {
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
