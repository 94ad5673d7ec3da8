// The file calls of the log, and nothing about what is written. A seam, so that tests can run the log on a file system that fails, tears
// and loses at a chosen call. Everything else in this folder reaches the disk through here.

import fs from 'node:fs';
import { type FileHandle, open, readdir, rename, statfs, unlink } from 'node:fs/promises';
import { errnoOf } from '../../errors/error.ts';
import { takenAway } from '../../errors/journal.ts';
import { syncDirectory } from '../../net/lock.ts';
import type { Clock } from '../../trace/clock.ts';

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

// To hand a small write over to another thread and to be told of its end can take longer than the write itself. So it is made at once,
// as long as the disk is quick: on a slow one it would hold up the event loop.
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

/** Does the error say that there is no room on the disk? */
export const isFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes(errnoOf(error));

/** The error of a full disk. */
export const noRoom = (): Error => Object.assign(new Error('no room on the disk'), { code: 'ENOSPC' });

/** Writes all of `bytes`, durably. @throws the errno; ENOSPC if fewer were written than asked, which is how a full disk begins */
export async function writeAll(file: OpenFile, bytes: Uint8Array, position: number): Promise<void> {
  if ((await file.writeDurably(bytes, position)) < bytes.length) throw noRoom();
}

/** Does something with a file that is being opened, and closes it. @throws what that throws, or the errno */
export async function withFile<T>(open: Promise<OpenFile>, use: (file: OpenFile) => Promise<T>): Promise<T> {
  const file = await open;
  return await use(file).finally(() => file.close());
}

/** Writes all of `bytes`, durably, into a file that is being opened, and closes it. @throws as `writeAll` */
export const writeInto = (open: Promise<OpenFile>, bytes: Uint8Array, position: number): Promise<void> =>
  withFile(open, (file) => writeAll(file, bytes, position));

/** After the disk was full, or all file handles in use, a call is made again after so many milliseconds. */
const RETRY_MS = 500;

/** The folder of a log: how its files are reached, and whom to tell. What every part that writes needs. */
export class Folder {
  /** Called when there is more or less room than before. */
  changed = (): void => undefined;
  /** Called when the disk failed. */
  failed = (_error: unknown): void => undefined;
  /** The file that was written last, and its path. While it has this name, it is still the same folder. */
  written: { readonly path: string; readonly file: OpenFile } | undefined;
  /** Are calls repeated that fail for lack of room or of file handles? While the log is open, and has not failed. */
  active = false;
  /** The calls that have failed so, and will be made again. */
  readonly waiting = new Set<() => Promise<unknown>>();
  /** What the log's files take of the disk together, in bytes. */
  used = 0;

  /** @param most what the log may take of the disk, in bytes */
  constructor(
    readonly dir: string,
    readonly files: FileSystem,
    readonly clock: Clock,
    readonly most = Number.POSITIVE_INFINITY,
  ) {}

  /** What the log may still take of the disk, in bytes. */
  free = async (): Promise<number> =>
    Math.max(0, Math.min(await this.files.free(this.dir), this.most - this.used));

  /** Repeats a call, while `active`, until it does not fail for lack of room or of file handles. @throws any other error */
  async patiently<T>(call: () => Promise<T>): Promise<T> {
    try {
      for (;;) {
        try {
          return await call();
        } catch (error) {
          const passes = isFull(error) || ['EMFILE', 'ENFILE'].includes(errnoOf(error));
          if (!passes || !this.active) throw error;
        }
        this.waiting.add(call);
        this.changed();
        await new Promise<void>((resolve) => this.clock.after(RETRY_MS, resolve));
      }
    } finally {
      if (this.waiting.delete(call)) this.changed();
    }
  }

  /** Before a file gets a name: in a folder that was emptied, or in another in its place, none may. @throws DetourError `deleted` */
  check(): void {
    if (this.written?.file.hasName(this.written.path, true) ?? true) return;
    this.failed(takenAway(this.dir));
    throw takenAway(this.dir);
  }

  /** Gives files other names, `[from, to]`, durably. */
  async rename(...names: (readonly [string, string])[]): Promise<void> {
    this.check();
    for (const [from, to] of names) await this.patiently(() => this.files.rename(from, to));
    if (names.length > 0) await this.patiently(() => this.files.syncDirectory(this.dir));
  }
}
