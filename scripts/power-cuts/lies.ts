// File systems that lie, for the control: a call says that data is durable when it is only in the page cache. There is no lie that only
// skips the sync of directories: ext4 writes the names together with the next file that grows, and in the log one grows soon after each name.

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { type FileSystem, type OpenFile, systemFiles } from '../../src/core/files.ts';

/** What a lying file system does. */
export type Lie = 'nothing is synced' | 'no file is synced' | 'files are synced too late';

/** All lies. */
export const LIES: readonly Lie[] = ['nothing is synced', 'no file is synced', 'files are synced too late'];

/** How long after the write a late sync begins, in milliseconds. */
const LATE_MS = 80;

/** A file system that tells this lie; without a lie, the system's own. */
export function filesWith(lie: Lie | undefined): FileSystem {
  if (lie === undefined) return systemFiles;
  const lateMs = lie === 'files are synced too late' ? LATE_MS : undefined;
  return {
    ...systemFiles,
    // Opened without O_DSYNC, which the log uses.
    open: async (file, how) =>
      new CachedFile(await open(file, MODES[how], 0o600), await systemFiles.open(file, 'read'), lateMs),
    ...(lie === 'nothing is synced' ? { syncDirectory: async () => {} } : {}),
  };
}

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL } = constants;
const MODES = { read: O_RDONLY, write: O_RDWR, create: O_RDWR | O_CREAT | O_EXCL };

/** A file whose content stays in the page cache, at least for a while. */
class CachedFile implements OpenFile {
  readonly #handle: FileHandle;
  // For everything except writing.
  readonly #reader: OpenFile;
  readonly #lateMs: number | undefined;
  #syncing = Promise.resolve();

  constructor(handle: FileHandle, reader: OpenFile, lateMs: number | undefined) {
    this.#handle = handle;
    this.#reader = reader;
    this.#lateMs = lateMs;
  }

  async writeDurably(bytes: Uint8Array, position: number): Promise<number> {
    const { bytesWritten } = await this.#handle.write(bytes, 0, bytes.length, position);
    if (this.#lateMs !== undefined) {
      const late = pause(this.#lateMs);
      this.#syncing = this.#syncing.then(() => late).then(() => this.#handle.datasync());
    }
    return bytesWritten;
  }

  read: OpenFile['read'] = (...place) => this.#reader.read(...place);
  hasName: OpenFile['hasName'] = (...name) => this.#reader.hasName(...name);
  size: OpenFile['size'] = () => this.#reader.size();

  async close(): Promise<void> {
    void this.#syncing.finally(() => this.#handle.close());
    await this.#reader.close();
  }
}
