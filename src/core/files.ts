// The file calls that a log needs, and nothing about what is written. A seam, so that tests can run a log on a file system that fails, tears
// and loses at a chosen call.

import fs from 'node:fs';
import { type FileHandle, open, readdir, rename, statfs, unlink } from 'node:fs/promises';
import { errnoOf } from './error.ts';

/** An open file. Positions and sizes are in bytes. */
export interface OpenFile {
  /** Reads up to `into.length` bytes; fewer if the file ends before. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Writes, and says how many bytes: fewer than it was given on a full disk. They survive a power cut when it resolves. */
  writeDurably(bytes: Uint8Array, position: number): Promise<number>;
  /** Is this still its name? Else, unless `exactly` this one is asked for, has it any? False when somebody deleted or moved it. */
  hasName(file: string, exactly: boolean): boolean;
  size(): Promise<number>;
  close(): Promise<void>;
}

/** A file system. Errors are those of Node, with `code`. */
export interface FileSystem {
  /** The names in a directory, and whether each is a plain file. */
  list(dir: string): Promise<readonly { readonly name: string; readonly isFile: boolean }[]>;
  /** Opens a file that is there (`write` reads, too), or makes a new one: `create` fails if there is one of this name. */
  open(file: string, how: 'read' | 'write' | 'create'): Promise<OpenFile>;
  /** Gives a file another name, and replaces what has it. */
  rename(from: string, to: string): Promise<void>;
  unlink(file: string): Promise<void>;
  /** Makes the names in a directory durable. */
  syncDirectory(dir: string): Promise<void>;
  /** Bytes that the disk can still take; infinite if it does not say. */
  free(dir: string): Promise<number>;
}

// Where a file can be opened so that each write is durable when it returns, one call does for two. On macOS that does not reach the
// platter (fsync there does, by F_FULLFSYNC), and Windows has no such flag.
const DURABLE = process.platform === 'linux' ? fs.constants.O_DSYNC : 0;
const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL } = fs.constants;
const WRITE = O_RDWR | DURABLE;
const MODES = { read: O_RDONLY, write: WRITE, create: WRITE | O_CREAT | O_EXCL };

// Handing a small write to another thread can take longer than the write itself, so it is made at once while the disk is quick. On a slow
// disk it would block the event loop.
const SMALL = 128 * 1024;
const QUICK_MS = 2;

function systemFile(handle: FileHandle): OpenFile {
  let quick = false;
  return {
    async read(into, position) {
      for (let filled = 0; ; ) {
        const { bytesRead } = await handle.read(into, filled, into.length - filled, position + filled);
        filled += bytesRead;
        if (bytesRead === 0 || filled === into.length) return filled;
      }
    },
    async writeDurably(bytes, position) {
      const began = performance.now();
      let written: number;
      if (quick && bytes.length <= SMALL) {
        written = fs.writeSync(handle.fd, bytes, 0, bytes.length, position);
        if (DURABLE === 0) fs.fdatasyncSync(handle.fd);
      } else {
        written = (await handle.write(bytes, 0, bytes.length, position)).bytesWritten;
        if (DURABLE === 0) await handle.datasync();
      }
      if (bytes.length <= SMALL) quick = performance.now() - began < QUICK_MS;
      return written;
    },
    hasName(file, exactly) {
      try {
        const own = fs.fstatSync(handle.fd);
        if (!exactly && own.nlink > 0) return true;
        const named = fs.statSync(file);
        return own.ino === named.ino && own.dev === named.dev;
      } catch {
        return false;
      }
    },
    size: async () => (await handle.stat()).size,
    close() {
      quick = false;
      return handle.close();
    },
  };
}

/** This computer's own file system. */
export const systemFiles: FileSystem = {
  async list(dir) {
    const entries = await readdir(dir, { withFileTypes: true });
    return entries.map((entry) => ({ name: entry.name, isFile: entry.isFile() || entry.isSymbolicLink() }));
  },
  open: async (file, how) => systemFile(await open(file, MODES[how], 0o600)),
  rename,
  unlink,
  syncDirectory,
  async free(dir) {
    const { bavail, bsize } = await statfs(dir).catch(() => ({ bavail: Number.POSITIVE_INFINITY, bsize: 1 }));
    return bavail * bsize;
  },
};

/** The error of a full disk. */
export const noRoom = (): Error => Object.assign(new Error('no room on the disk'), { code: 'ENOSPC' });

/** Writes all of `bytes`, durably. @throws the errno; ENOSPC if fewer were written than asked, which is how a full disk begins */
export async function writeAll(file: OpenFile, bytes: Uint8Array, position: number): Promise<void> {
  if ((await file.writeDurably(bytes, position)) < bytes.length) throw noRoom();
}

const ZEROS = Buffer.alloc(1024 * 1024);

/** Writes zeros, durably, from one position to another. @throws as `writeAll` */
export async function writeZeros(file: OpenFile, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += ZEROS.length)
    await writeAll(file, ZEROS.subarray(0, Math.min(ZEROS.length, to - at)), at);
}

/** Does something with a file that is being opened, and closes it. @throws what that throws, or the errno */
export async function withFile<T>(open: Promise<OpenFile>, use: (file: OpenFile) => Promise<T>): Promise<T> {
  const file = await open;
  return await use(file).finally(() => file.close());
}

/** How many bytes a file has. @throws the errno */
export const fileSize = (files: FileSystem, file: string): Promise<number> =>
  withFile(files.open(file, 'read'), (open) => open.size());

/** Reads up to `size` bytes of a file, from `at`; fewer if it ends before. @throws the errno */
export async function readPart(files: FileSystem, file: string, at: number, size: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(size);
  return bytes.subarray(0, await withFile(files.open(file, 'read'), (open) => open.read(bytes, at)));
}

/** Begins each read while what the one before it brought is being used. @throws what a read throws, when its turn has come */
export async function* inAdvance<T>(reads: Iterable<() => Promise<T>>): AsyncGenerator<T, undefined> {
  let next: Promise<T> | undefined;
  for (const read of reads) {
    const current = next;
    next = read();
    // Its turn may never come.
    next.catch(() => undefined);
    if (current !== undefined) yield await current;
  }
  if (next !== undefined) yield await next;
  return undefined;
}

/** Writes all of `bytes`, durably, into a file that is being opened, and closes it. @throws as `writeAll` */
export const writeInto = (open: Promise<OpenFile>, bytes: Uint8Array, position: number): Promise<void> =>
  withFile(open, (file) => writeAll(file, bytes, position));

/** Makes the names in a directory durable. Windows cannot do it from Node; NTFS keeps a log of names. */
export async function syncDirectory(dir: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(dir, 'r').catch((error: unknown) => {
    // A directory that may be written and not read cannot be synced: that is left to the system.
    if (errnoOf(error) === 'EACCES') return undefined;
    throw error;
  });
  await handle?.sync().finally(() => handle.close());
}
