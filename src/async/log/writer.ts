// Group commit: entries go into the commit that is being filled, and while one is being written everything that arrives goes into the next.
// No commit is written before the one before it is durable, so a crash leaves at most one that is torn, and nothing valid after it.
//
//   append ──► filling ──sealed──► queue ──► one write, one sync ──► durable
//              (when it is full, its segment is full, or the write before it has ended)

import { takenAway } from '../../errors/journal.ts';
import { type Folder, writeAll } from './files.ts';
import { COMMIT_HEADER, CommitBuilder, RECORD_HEADER } from './format.ts';
import type { Lsn } from './log.ts';
import type { OpenSegment } from './segments.ts';

interface Sealed {
  readonly to: OpenSegment;
  readonly lsn: Lsn;
  readonly end: Lsn;
  readonly bytes: Buffer;
}

/** Writes commits at the end of the log. */
export class Writer {
  /** The segment that is being filled, and the one after it, if that is ready. */
  active: OpenSegment;
  next: OpenSegment | undefined;
  /** Everything below it is durable. */
  durable: Lsn;
  /** Where the next commit begins, and its number. */
  #at: Lsn;
  #number: number;
  #filling: CommitBuilder | undefined;
  /** The segment of the last commit that was written. */
  #written: OpenSegment;
  readonly #queue: Sealed[] = [];
  #running: Promise<void> | undefined;
  #stopped: unknown;
  #waiting: (() => void)[] = [];

  /** @param from where the next commit begins, and its number. @param moved is called when `durable` has moved */
  constructor(
    readonly folder: Folder,
    readonly maxCommit: number,
    { active, next }: { readonly active: OpenSegment; readonly next: OpenSegment | undefined },
    from: { readonly lsn: Lsn; readonly next: number },
    readonly moved: () => void,
  ) {
    this.active = active;
    this.next = next;
    this.durable = from.lsn;
    this.#written = active;
    this.#at = from.lsn;
    this.#number = from.next;
  }

  /** Above all that was appended. */
  get end(): Lsn {
    const filling = this.#filling;
    return filling === undefined ? this.#at : filling.lsn + filling.size;
  }

  /** Adds an entry of `size` bytes in all. @throws RangeError if the segment is full and there is none after it */
  append(parts: readonly Uint8Array[], size: number): Lsn {
    const whole = RECORD_HEADER + size;
    const filled = this.#filling?.size ?? 0;
    const { end } = this.active.segment;
    if (filled + whole > this.maxCommit || this.end + whole > end) this.seal();
    if (this.#filling === undefined && this.#at + COMMIT_HEADER + whole > end) this.#rotate();
    this.#filling ??= new CommitBuilder(this.#at, this.active.segment.seed);
    // Not written at once: everything that the sockets bring in this turn of the event loop shares the commit.
    this.#running ??= new Promise((resolve) => setImmediate(resolve)).then(() => this.#run());
    return this.#filling.add(parts, size);
  }

  #rotate(): void {
    if (this.next === undefined)
      throw new RangeError('there is no room left in the log, not even in reserve');
    this.active = this.next;
    this.next = undefined;
    this.#at = this.active.segment.first;
    this.folder.changed();
  }

  /** Ends the commit that is being filled. @returns where the log ends then, and the number of the next commit */
  seal(): { readonly lsn: Lsn; readonly next: number } {
    const to = this.active;
    const filling = this.#filling;
    if (filling !== undefined) {
      const { lsn } = filling;
      this.#at = lsn + filling.size;
      this.#queue.push({ to, lsn, end: this.#at, bytes: filling.seal(this.#number, to.segment.end - lsn) });
      this.#number += 1;
      this.#filling = undefined;
    }
    return { lsn: this.#at, next: this.#number };
  }

  async #run(): Promise<void> {
    try {
      while (this.#stopped === undefined) {
        if (this.#queue.length === 0) this.seal();
        const commit = this.#queue.shift();
        if (commit === undefined) break;
        await this.#write(commit);
      }
    } catch (error) {
      this.stop(error);
      this.folder.failed(error);
    } finally {
      this.#running = undefined;
    }
  }

  async #write({ to, lsn, end, bytes }: Sealed): Promise<void> {
    const { segment, file } = to;
    if (to !== this.#written) await this.#written.file.close();
    this.#written = to;
    // Again in full and with the same bytes, so that all of them are dirty again, whatever a failed write has left.
    await this.folder.patience.for(() => writeAll(file, bytes, segment.offset(lsn)));
    if (!file.hasName()) throw takenAway(segment.path);
    if (this.#stopped !== undefined) return;
    this.durable = end;
    this.#wake();
    this.moved();
  }

  /** Resolves when everything below `lsn` is durable. @throws what stopped the writer before */
  async when(lsn: Lsn): Promise<void> {
    while (this.durable < lsn) {
      if (this.#stopped !== undefined) throw this.#stopped;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Resolves when nothing is being written, and the files are closed. */
  async close(): Promise<void> {
    await this.#running;
    for (const open of new Set([this.#written, this.active, this.next])) await open?.file.close();
  }

  /** Ends it: nothing becomes durable any more. */
  stop(error: unknown): void {
    this.#stopped ??= error;
    this.#wake();
  }
}
