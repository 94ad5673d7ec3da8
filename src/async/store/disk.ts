// The two calls on which every promise of the journal rests: write and fdatasync. A seam, so that tests can let them fail.
// Everything else the journal does with files goes to node:fs directly.

import fs from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { DetourError } from '../../errors/error.ts';

/** What the journal needs of the disk to make bytes durable. */
export interface Disk {
  /** Writes `bytes` from `from` on at `position`; may write fewer, and then says how many. As fs.write. */
  write(
    fd: number,
    bytes: Buffer,
    from: number,
    position: number,
    done: (error: Error | null, written: number) => void,
  ): void;
  /** Calls back when everything written to the file survives a power cut. As fs.fdatasync. */
  sync(fd: number, done: (error: Error | null) => void): void;
}

/** The computer's own disk. */
export const systemDisk: Disk = {
  write: (fd, bytes, from, position, done) => fs.write(fd, bytes, from, bytes.length - from, position, done),
  sync: (fd, done) => fs.fdatasync(fd, done),
};

/** Writes all of `bytes` at `position`, however many calls it takes, and syncs. Never tries again after an error. */
export function writeDurably(
  disk: Disk,
  fd: number,
  bytes: Buffer,
  position: number,
  done: (error: Error | null) => void,
): void {
  const write = (from: number): void => {
    disk.write(fd, bytes, from, position + from, (error, written) => {
      if (error !== null) return done(error);
      if (written <= 0)
        return done(Object.assign(new Error('the disk wrote nothing and said no error'), { code: 'EIO' }));
      if (from + written < bytes.length) return write(from + written);
      disk.sync(fd, done);
    });
  };
  write(0);
}

/** `writeDurably` as a promise, for what is not on the path of every message. */
export function writtenDurably(disk: Disk, fd: number, bytes: Buffer, position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    writeDurably(disk, fd, bytes, position, (error) => (error === null ? resolve() : reject(error)));
  });
}

/**
 * Makes creations, renames and deletions in a directory durable. Windows cannot, and need not: NTFS keeps a log of them.
 * A directory in which one may make files and which one may not read cannot be synced, either: that is left to the system.
 */
export async function syncDirectory(dir: string): Promise<void> {
  if (process.platform === 'win32') return;
  let handle: FileHandle;
  try {
    handle = await open(dir, 'r');
  } catch (error) {
    if (errnoOf(error) === 'EACCES') return;
    throw error;
  }
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The code of a system error, or an empty string. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Does the error say that there is no room, which passes? */
export function isFull(error: unknown): boolean {
  const code = errnoOf(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** A system error as a sentence; what is a DetourError already stays as it is. */
export function diskError(error: unknown, what: string): DetourError {
  if (error instanceof DetourError) return error;
  const code = errnoOf(error) || 'EIO';
  const text = error instanceof Error ? error.message : String(error);
  return new DetourError(code, `${what}: ${text}`, '', { cause: error });
}
