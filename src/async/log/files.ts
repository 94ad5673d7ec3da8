// The folder of a log: how its files are reached, and what happens when the disk is full or no file handle is left. All other files of
// the log reach the disk through this one.

import type { Clock } from '../../core/clock.ts';
import { isScarce } from '../../core/error.ts';
import type { FileSystem, OpenFile } from '../../core/files.ts';
import { ReadAhead } from '../../core/read-ahead.ts';
import { takenAway } from '../../errors/journal.ts';
import type { SegmentFile } from './segments.ts';

/** How long to wait before a call that found the disk full or all file handles in use is repeated. Milliseconds. */
const RETRY_MS = 500;

/** The folder of a log: how its files are reached, and whom to tell about changes. Every part that writes needs it. */
export class Folder {
  /** Called when the room may have changed. */
  changed = (): void => undefined;
  /** Called when the disk has failed. */
  failed = (_error: unknown): void => undefined;
  /** The segment that was written last, and its open file. While the file still has its name, this is still the same folder. */
  written: { readonly segment: SegmentFile; readonly file: OpenFile } | undefined;
  /** Is the log open, and has it not failed? Only then are calls repeated that fail for lack of room or of file handles. */
  active = false;
  /** The calls that failed for lack of room or of file handles and will be repeated. */
  readonly waiting = new Set<() => Promise<unknown>>();
  /** What all files of the log take of the disk, in bytes. */
  used = 0;
  /** What the log could still take of the disk when that was last measured, in bytes. */
  room = 0;

  /** @param most the most that the log may take of the disk, in bytes */
  constructor(
    readonly dir: string,
    readonly files: FileSystem,
    readonly clock: Clock,
    readonly most = Number.POSITIVE_INFINITY,
    readonly ahead = new ReadAhead(files),
  ) {}

  /** Measures what the log may still take of the disk, in bytes. */
  async free(): Promise<number> {
    this.room = Math.max(0, Math.min(await this.files.free(this.dir), this.most - this.used));
    return this.room;
  }

  /** Repeats a call while it fails for lack of room or of file handles and the log is `active`. @throws any other error */
  async patiently<T>(call: () => Promise<T>): Promise<T> {
    try {
      for (;;) {
        try {
          return await call();
        } catch (error) {
          if (!isScarce(error) || !this.active) throw error;
        }
        this.waiting.add(call);
        this.changed();
        await new Promise<void>((resolve) => this.clock.after(RETRY_MS, resolve));
      }
    } finally {
      if (this.waiting.delete(call)) this.changed();
    }
  }

  /** Call it before a file gets a name: the folder may have been emptied or replaced by another. @throws DetourError `deleted` if it was */
  check(): void {
    if (this.written?.file.hasName(this.written.segment.path, true) ?? true) return;
    this.failed(takenAway(this.dir));
    throw takenAway(this.dir);
  }

  /** Renames files, `[from, to]`, durably. */
  async rename(...names: (readonly [string, string])[]): Promise<void> {
    this.check();
    for (const [from, to] of names) await this.patiently(() => this.files.rename(from, to));
    if (names.length > 0) await this.patiently(() => this.files.syncDirectory(this.dir));
  }
}
