// Group commit: entries go into the commit that is being filled, and while one is being written everything that arrives goes into the next.
// No commit is written before the one before it is durable, so a crash leaves at most one that is torn, and nothing valid after it.
//
//   append ──► filling ──sealed──► queue ──► one write, one sync ──► durable
//              (when it is full, its segment is full, or the write before it has ended)

import { ignoreScarcity } from '../../core/error.ts';
import { withFile, writeAll, writeZeros } from '../../core/files.ts';
import { takenAway } from '../../errors/journal.ts';
import type { Folder } from './files.ts';
import { COMMIT_HEADER, CommitBuilder, RECORD_HEADER } from './format.ts';
import type { Lsn, Owner } from './log.ts';
import type { SegmentFile } from './segments.ts';

type Sealed = { readonly segment: SegmentFile; readonly builder: CommitBuilder; readonly bytes: Buffer };

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Writes commits at the end of the log. */
export class Writer {
  /** Everything below it is durable. */
  durable: Lsn;
  /** Where the next commit begins, and its number. */
  #at: { readonly lsn: Lsn; readonly next: number };
  #filling: CommitBuilder | undefined;
  /** Memory of a commit that was written, for another. */
  #spare: Buffer | undefined;
  readonly #queue: Sealed[] = [];
  #running: Promise<void> | undefined;
  #allocating = false;
  #stopped: unknown;
  #waiting: (() => void)[] = [];

  /** @param maxCommit a commit takes no more bytes, or else one entry. @param from where the next commit begins, and its number */
  constructor(
    readonly folder: Folder,
    readonly owner: Owner,
    readonly maxCommit: number,
    /** All segments, oldest first, and the one that is being filled. */
    readonly list: SegmentFile[],
    public segment: SegmentFile,
    from: { readonly lsn: Lsn; readonly next: number },
  ) {
    this.durable = from.lsn;
    this.#at = from;
  }

  /** The segment after the one that is being filled, if it is ready. */
  get next(): SegmentFile | undefined {
    return this.list[this.list.lastIndexOf(this.segment) + 1];
  }

  /** Above all that was appended. */
  get end(): Lsn {
    return this.#at.lsn + (this.#filling?.size ?? 0);
  }

  /** Adds an entry of `size` bytes in all. @throws RangeError if the segment is full and there is none after it */
  append(parts: readonly Uint8Array[], size: number): Lsn {
    const whole = RECORD_HEADER + size;
    const { end } = this.segment;
    if ((this.#filling?.size ?? 0) + whole > this.maxCommit || this.end + whole > end) this.seal();
    if (this.#filling === undefined && this.#at.lsn + COMMIT_HEADER + whole > end) {
      if (this.next === undefined)
        throw new RangeError('there is no room left in the log, not even in reserve');
      this.segment = this.next;
      this.#at = { lsn: this.segment.first, next: this.#at.next };
      this.folder.changed();
    }
    if (this.#filling === undefined) {
      this.#filling = new CommitBuilder(this.#at.lsn, this.segment.seed, this.#spare);
      this.#spare = undefined;
    }
    // Not written at once: everything that the sockets bring in this turn of the event loop shares the commit.
    this.#running ??= turn().then(() => this.#run());
    return this.#filling.add(parts, size);
  }

  /** Ends the commit that is being filled. @returns where the log ends then, and the number of the next commit */
  seal(): { readonly lsn: Lsn; readonly next: number } {
    const filling = this.#filling;
    if (filling !== undefined) {
      const { lsn, next } = this.#at;
      const bytes = filling.seal(next, this.segment.end - lsn);
      this.#queue.push({ segment: this.segment, builder: filling, bytes });
      this.#at = { lsn: lsn + filling.size, next: next + 1 };
      this.#filling = undefined;
    }
    return this.#at;
  }

  async #run(): Promise<void> {
    try {
      while (this.#stopped === undefined) {
        const allocated = await this.#allocate();
        if (this.#queue.length === 0) this.seal();
        const commit = this.#queue.shift();
        if (commit !== undefined) await this.#write(commit);
        else if (!allocated) break;
        // The write may have been made at once: then nobody else has had a turn.
        if (this.end > this.durable) await turn();
      }
    } catch (error) {
      this.stop(error);
      this.folder.failed(error);
    } finally {
      this.#running = undefined;
    }
  }

  async #write({ segment, builder, bytes }: Sealed): Promise<void> {
    const { folder } = this;
    const { path } = segment;
    if (segment !== folder.written?.segment) {
      folder.check();
      await this.#leave();
      folder.written = { segment, file: await folder.patiently(() => folder.files.open(path, 'write')) };
    }
    const { file } = folder.written;
    // Again in full and with the same bytes, so that all of them are dirty again, whatever a failed write has left.
    await folder.patiently(() => writeAll(file, bytes, segment.offset(builder.lsn)));
    this.#spare = builder.buffer;
    if (!file.hasName(path, false)) throw takenAway(path);
    if (this.#stopped !== undefined) return;
    this.durable = builder.lsn + builder.size;
    for (const wake of this.#waiting.splice(0)) wake();
    this.owner.durable();
  }

  /** Sees to it that all segments take their room on the disk: piece by piece, between commits. */
  allocate(): void {
    this.#allocating = true;
    this.#running ??= turn().then(() => this.#run());
  }

  // Writes zeros from the end backwards, and never below what is durable: else they could overwrite a commit.
  async #allocate(): Promise<boolean> {
    const segment = this.#allocating ? this.list.find(({ hole }) => hole > 0) : undefined;
    this.#allocating = segment !== undefined && this.folder.active;
    if (segment === undefined || !this.#allocating) return false;
    const from = segment.offset(Math.max(this.durable, segment.first));
    const at = Math.max(from, segment.hole - this.maxCommit);
    const file = this.folder.files.open(segment.path, 'write');
    const filled = withFile(file, (open) => writeZeros(open, at, segment.hole)).then(() => true);
    // On a full disk it is tried again when it is next asked for.
    this.#allocating = (await filled.catch(ignoreScarcity)) ?? false;
    if (this.#allocating) segment.hole = at > from ? at : 0;
    return this.#allocating;
  }

  // The rest of a segment is filled with zeros: then all of its file is really there, whatever it is used for later.
  async #leave(): Promise<void> {
    const { file, segment } = this.folder.written ?? {};
    if (file === undefined || segment === undefined) return;
    // On a full disk what comes next matters more.
    await writeZeros(file, segment.offset(this.durable), segment.size).catch(ignoreScarcity);
    segment.hole = 0;
    this.folder.written = undefined;
    await file.close().catch(() => undefined);
  }

  /** Resolves when everything below `lsn` is durable. @throws what stopped the writer before */
  async when(lsn: Lsn): Promise<void> {
    while (this.durable < lsn) {
      if (this.#stopped !== undefined) throw this.#stopped;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Resolves when nothing is being written, and the file is closed. */
  async close(): Promise<void> {
    await this.#running;
    await this.folder.written?.file.close();
  }

  /** Ends it: nothing becomes durable any more. */
  stop(error: unknown): void {
    this.#stopped ??= error;
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
