// The file calls that a log needs, and nothing about what is written. Tests can replace them: they run a log on a file system that fails, tears
// writes or loses them at a chosen call.

import fs from 'node:fs';
import { type FileHandle, open, readdir, rename, statfs, unlink } from 'node:fs/promises';
import { errnoOf } from './error.ts';

/** An open file. Positions and sizes are in bytes. */
export interface OpenFile {
  /** Reads up to `into.length` bytes and returns how many; fewer if the file ends earlier. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Writes bytes and returns how many: on a full disk, fewer than it was given. When it resolves, they survive a power cut. */
  writeDurably(bytes: Uint8Array, position: number): Promise<number>;
  /** With `exactly`: does the open file still have the name `file`? Without: does it still have any name, that is, was it not deleted? */
  hasName(file: string, exactly: boolean): boolean;
  size(): Promise<number>;
  close(): Promise<void>;
}

/** A file system. Errors are those of Node, with `code`. */
export interface FileSystem {
  /** The names in a directory, and whether each is a plain file. */
  list(dir: string): Promise<readonly { readonly name: string; readonly isFile: boolean }[]>;
  /** Opens an existing file (`write` can also read), or makes a new one: `create` fails if the name is taken. */
  open(file: string, how: 'read' | 'write' | 'create'): Promise<OpenFile>;
  /** Renames a file, and replaces a file that has the new name. */
  rename(from: string, to: string): Promise<void>;
  unlink(file: string): Promise<void>;
  /** Makes the names in a directory durable. */
  syncDirectory(dir: string): Promise<void>;
  /** How many bytes the disk can still take; infinite if the file system does not say. */
  free(dir: string): Promise<number>;
}

// With O_DSYNC each write is durable when it returns, so one call does the work of two. On macOS O_DSYNC does not reach the
// platter (fsync does, by F_FULLFSYNC), and Windows has no such flag.
const DURABLE = process.platform === 'linux' ? fs.constants.O_DSYNC : 0;
const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL } = fs.constants;
const WRITE = O_RDWR | DURABLE;
const MODES = { read: O_RDONLY, write: WRITE, create: WRITE | O_CREAT | O_EXCL };

// Handing a small write to another thread can take longer than the write itself, so it is made synchronously while the disk is quick. On a
// slow disk that would block the event loop.
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

/** The error for a full disk: ENOSPC. */
export const noRoom = (): Error => Object.assign(new Error('no room on the disk'), { code: 'ENOSPC' });

/** Writes all of `bytes`, durably. @throws the errno; ENOSPC if only a part was written, which is how a full disk first shows */
export async function writeAll(file: OpenFile, bytes: Uint8Array, position: number): Promise<void> {
  if ((await file.writeDurably(bytes, position)) < bytes.length) throw noRoom();
}

const ZEROS = Buffer.alloc(1024 * 1024);

/** Writes zeros, durably, from one position up to another. @throws the errno; ENOSPC if only a part was written */
export async function writeZeros(file: OpenFile, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += ZEROS.length)
    await writeAll(file, ZEROS.subarray(0, Math.min(ZEROS.length, to - at)), at);
}

/** Waits for a file to be opened, uses it and closes it. @throws what `use` throws, or the errno */
export async function withFile<T>(open: Promise<OpenFile>, use: (file: OpenFile) => Promise<T>): Promise<T> {
  const file = await open;
  return await use(file).finally(() => file.close());
}

/** The size of a file, in bytes. @throws the errno */
export const fileSize = (files: FileSystem, file: string): Promise<number> =>
  withFile(files.open(file, 'read'), (open) => open.size());

/** Reads up to `size` bytes of a file from `at`; fewer if the file ends earlier. @throws the errno */
export async function readPart(files: FileSystem, file: string, at: number, size: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(size);
  return bytes.subarray(0, await withFile(files.open(file, 'read'), (open) => open.read(bytes, at)));
}

/** Starts each read while the result of the previous one is being used. @throws what a read throws, when its turn has come */
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

/** Waits for a file to be opened, writes all of `bytes`, durably, and closes it. @throws the errno; ENOSPC if only a part was written */
export const writeInto = (open: Promise<OpenFile>, bytes: Uint8Array, position: number): Promise<void> =>
  withFile(open, (file) => writeAll(file, bytes, position));

/** Makes the names in a directory durable. On Windows it does nothing: Node cannot do it there, but NTFS keeps a log of names. */
export async function syncDirectory(dir: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(dir, 'r').catch((error: unknown) => {
    // A directory that we may write but not read cannot be synced. That is left to the system.
    if (errnoOf(error) === 'EACCES') return undefined;
    throw error;
  });
  await handle?.sync().finally(() => handle.close());
}
