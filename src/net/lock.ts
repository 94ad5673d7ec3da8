// A lock on a directory that the system drops with the process: a listening local socket in it. Equal pids in two containers
// do not fool it, and a container that shares the directory finds it, since a socket file is found by its file and not by
// the network it was made in. It does not reach over to another machine by a network file system.

import { createHash, randomBytes } from 'node:crypto';
import { link, mkdtemp, realpath, rename, rm, symlink, unlink } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { DetourError } from '../errors/error.ts';

/** Lets go of a lock. */
export type Release = () => Promise<void>;

/** The name of the socket in the directory. */
const LOCK_NAME = 'lock';

/** The longest path of a local socket that every system takes: 104 bytes on macOS, 108 on Linux, with the zero at the end. */
const LONGEST_PATH = 100;

/** How often a left-over socket that somebody else is clearing away, too, is tried again. */
const ATTEMPTS = 5;

// File systems that take files and no sockets: shared folders of virtual machines, for the most part.
const NO_SOCKETS = new Set(['EOPNOTSUPP', 'ENOTSUP', 'ENOSYS', 'EINVAL', 'EPERM']);

/**
 * Takes the lock on a directory for this process.
 * @param dir a directory that exists
 * @returns what lets go of it
 * @throws DetourError `locked` if another process has it; the errno of the system if no lock can be made
 */
export async function holdLock(dir: string): Promise<Release> {
  const real = await realpath(dir);
  const hash = createHash('sha256').update(real).digest('hex').slice(0, 32);
  if (process.platform === 'win32') return holdPipe(`\\\\.\\pipe\\detour-${hash}`, dir);
  try {
    return await holdInside(real, dir);
  } catch (error) {
    if (!NO_SOCKETS.has(codeOf(error))) throw error;
    return holdSocket(path.join(os.tmpdir(), `detour-${hash}`), dir);
  }
}

// A path that is too long for a socket is reached over a short one that leads there.
async function holdInside(real: string, dir: string): Promise<Release> {
  const direct = path.join(real, LOCK_NAME);
  if (Buffer.byteLength(direct) + '.'.length + 16 <= LONGEST_PATH) return holdSocket(direct, dir);
  const bridge = await mkdtemp(path.join(os.tmpdir(), 'detour-'));
  const leave = (): Promise<void> => rm(bridge, { recursive: true, force: true });
  try {
    await symlink(real, path.join(bridge, 'd'));
    const release = await holdSocket(path.join(bridge, 'd', LOCK_NAME), dir);
    return () => release().finally(leave);
  } catch (error) {
    await leave();
    throw error;
  }
}

async function holdSocket(socket: string, dir: string): Promise<Release> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      return await listen(socket);
    } catch (error) {
      if (codeOf(error) !== 'EADDRINUSE') throw error;
    }
    if (await answers(socket)) throw lockedError(dir);
    await clearAway(socket, dir);
  }
  throw lockedError(dir);
}

// Moved aside and asked again before it is removed: in the meantime it may have become the new socket of somebody who was quicker.
async function clearAway(socket: string, dir: string): Promise<void> {
  const aside = `${socket}.${randomBytes(8).toString('hex')}`;
  try {
    await rename(socket, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  const alive = await answers(aside);
  if (alive) await link(aside, socket).catch(() => undefined);
  await unlink(aside);
  if (alive) throw lockedError(dir);
}

async function holdPipe(pipe: string, dir: string): Promise<Release> {
  try {
    return await listen(pipe);
  } catch (error) {
    throw codeOf(error) === 'EADDRINUSE' || codeOf(error) === 'EACCES' ? lockedError(dir) : error;
  }
}

// Resolves once the socket listens. Closing it also removes its file.
function listen(address: string): Promise<Release> {
  return new Promise((resolve, reject) => {
    const server = net.createServer((socket) => socket.destroy());
    server.once('error', reject);
    server.listen(address, () => {
      server.removeListener('error', reject);
      // A connection that could not be accepted does not matter to the lock, and the lock alone keeps no process alive.
      server.on('error', () => {});
      server.unref();
      resolve(() => new Promise((closed) => server.close(() => closed())));
    });
  });
}

// Is somebody listening there? Only a refusal proves that nobody is.
function answers(address: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(address);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) => {
      if (codeOf(error) === 'ECONNREFUSED' || codeOf(error) === 'ENOENT') resolve(false);
      else if (codeOf(error) === 'ENOTSOCK' || codeOf(error) === 'EAGAIN') resolve(true);
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

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
