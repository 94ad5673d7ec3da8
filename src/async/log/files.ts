// The folder of a log: how its files are reached, and what is done when the disk is full or no file handle is left. Everything else in
// this folder reaches the disk through here.

import type { FileSystem, OpenFile } from '../../core/files.ts';
import { isFull, isScarce } from '../../errors/error.ts';
import { takenAway } from '../../errors/journal.ts';
import type { Clock } from '../../trace/clock.ts';

/** After the disk was full, or all file handles in use, a call is made again after so many milliseconds. */
const RETRY_MS = 500;

/** The folder of a log: how its files are reached, and whom to tell. What every part that writes needs. */
export class Folder {
  /** Called when there is more or less room than before. */
  changed = (): void => undefined;
  /** Makes room for a commit on a full disk. @returns was there anything that could be given up? */
  relieve = async (): Promise<boolean> => false;
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

  /** What the log could still take of the disk when that was last looked at, in bytes. */
  room = 0;

  /** What the log may still take of the disk, in bytes. */
  async free(): Promise<number> {
    this.room = Math.max(0, Math.min(await this.files.free(this.dir), this.most - this.used));
    return this.room;
  }

  /**
   * Repeats a call, while `active`, until it does not fail for lack of room or of file handles.
   * @param relieve makes room on a full disk, if that can be done: the call is repeated at once then
   * @throws any other error
   */
  async patiently<T>(call: () => Promise<T>, relieve = async (): Promise<boolean> => false): Promise<T> {
    try {
      for (;;) {
        try {
          return await call();
        } catch (error) {
          if (!isScarce(error) || !this.active) throw error;
          if (isFull(error) && (await relieve())) continue;
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
