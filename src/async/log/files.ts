// The folder of a log: how its files are reached, and what is done when the disk is full or no file handle is left. Everything else in
// this folder reaches the disk through here.

import type { Clock } from '../../core/clock.ts';
import { isScarce } from '../../core/error.ts';
import type { FileSystem, OpenFile } from '../../core/files.ts';
import { ReadAhead } from '../../core/read-ahead.ts';
import { takenAway } from '../../errors/journal.ts';
import type { SegmentFile } from './segments.ts';

/** How long to wait before a call is repeated that found the disk full, or all file handles in use. Milliseconds. */
const RETRY_MS = 500;

/** The folder of a log: how its files are reached, and whom to tell. What every part that writes needs. */
export class Folder {
  /** Called when there is more or less room than before. */
  changed = (): void => undefined;
  /** Called when the disk failed. */
  failed = (_error: unknown): void => undefined;
  /** The segment that was written last, and its file. While that has its name, it is still the same folder. */
  written: { readonly segment: SegmentFile; readonly file: OpenFile } | undefined;
  /** Are calls repeated that fail for lack of room or of file handles? While the log is open, and has not failed. */
  active = false;
  /** The calls that have failed so, and will be made again. */
  readonly waiting = new Set<() => Promise<unknown>>();
  /** What the log's files take of the disk together, in bytes; and what it could still take when that was last looked at. */
  used = 0;
  room = 0;

  /** @param most what the log may take of the disk, in bytes */
  constructor(
    readonly dir: string,
    readonly files: FileSystem,
    readonly clock: Clock,
    readonly most = Number.POSITIVE_INFINITY,
    readonly ahead = new ReadAhead(files),
  ) {}

  /** What the log may still take of the disk, in bytes. */
  async free(): Promise<number> {
    this.room = Math.max(0, Math.min(await this.files.free(this.dir), this.most - this.used));
    return this.room;
  }

  /** Repeats a call, while `active`, until it does not fail for lack of room or of file handles. @throws any other error */
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

  /** Before a file gets a name: in a folder that was emptied, or in another in its place, none may. @throws DetourError `deleted` */
  check(): void {
    if (this.written?.file.hasName(this.written.segment.path, true) ?? true) return;
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
