// Group commit: entries go into the commit that is being filled; while one is being written, everything that arrives goes into the next.
// No commit is written before the previous one is durable, so a crash leaves at most one torn commit, and nothing valid after it.
//
//   append ──► filling ──sealed──► queue ──► one write, one sync ──► durable
//              (when it is full, its segment is full, or the previous write has ended)

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
  /** Everything below this LSN is durable. */
  durable: Lsn;
  /** The LSN where the next commit begins, and its number. */
  #at: { readonly lsn: Lsn; readonly next: number };
  #filling: CommitBuilder | undefined;
  /** The buffer of a commit that was written, to be used again. */
  #spare: Buffer | undefined;
  readonly #queue: Sealed[] = [];
  #running: Promise<void> | undefined;
  #allocating = false;
  #stopped: unknown;
  #waiting: (() => void)[] = [];

  /** @param maxCommit the largest commit in bytes, unless it is a single entry. @param from where the next commit begins, and its number */
  constructor(
    readonly folder: Folder,
    readonly owner: Owner,
    readonly maxCommit: number,
    /** All segments, oldest first. */
    readonly list: SegmentFile[],
    /** The segment that is being filled. */
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

  /** The LSN above everything that was appended. */
  get end(): Lsn {
    return this.#at.lsn + (this.#filling?.size ?? 0);
  }

  /** Appends an entry of `size` bytes in all. @throws RangeError if the segment is full and there is no next one */
  append(parts: readonly Uint8Array[], size: number): Lsn {
    const whole = RECORD_HEADER + size;
    const { end } = this.segment;
    if ((this.#filling?.size ?? 0) + whole > this.maxCommit || this.end + whole > end) this.seal();
    if (this.#filling === undefined && this.#at.lsn + COMMIT_HEADER + whole > end) {
      if (this.next === undefined)
        throw new RangeError('there is no room left in the log, not even in the reserve');
      this.segment = this.next;
      this.#at = { lsn: this.segment.first, next: this.#at.next };
      this.folder.changed();
    }
    if (this.#filling === undefined) {
      this.#filling = new CommitBuilder(this.#at.lsn, this.segment.seed, this.#spare);
      this.#spare = undefined;
    }
    // It is not written immediately: everything that the sockets bring in this turn of the event loop shares the commit.
    this.#running ??= turn().then(() => this.#run());
    return this.#filling.add(parts, size);
  }

  /** Ends the commit that is being filled. @returns where the log ends now, and the number of the next commit */
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
        // A small write may have been synchronous; then nothing else has had a turn of the event loop.
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
    // A repeated write is complete and has the same bytes, so that all pages are dirty again, whatever a failed write has left.
    await folder.patiently(() => writeAll(file, bytes, segment.offset(builder.lsn)));
    this.#spare = builder.buffer;
    if (!file.hasName(path, false)) throw takenAway(path);
    if (this.#stopped !== undefined) return;
    this.durable = builder.lsn + builder.size;
    for (const wake of this.#waiting.splice(0)) wake();
    this.owner.durable();
  }

  /** Allocates the rest of all segments on the disk, step by step between commits. */
  allocate(): void {
    this.#allocating = true;
    this.#running ??= turn().then(() => this.#run());
  }

  // Writes zeros from the end backwards, but never below `durable`: there they could overwrite a commit.
  async #allocate(): Promise<boolean> {
    const segment = this.#allocating ? this.list.find(({ hole }) => hole > 0) : undefined;
    this.#allocating = segment !== undefined && this.folder.active;
    if (segment === undefined || !this.#allocating) return false;
    const from = segment.offset(Math.max(this.durable, segment.first));
    const at = Math.max(from, segment.hole - this.maxCommit);
    const file = this.folder.files.open(segment.path, 'write');
    const filled = withFile(file, (open) => writeZeros(open, at, segment.hole)).then(() => true);
    // On a full disk the next call of `allocate` tries again.
    this.#allocating = (await filled.catch(ignoreScarcity)) ?? false;
    if (this.#allocating) segment.hole = at > from ? at : 0;
    return this.#allocating;
  }

  // The rest of a segment is filled with zeros, so that its whole file is allocated for whatever it is used for later.
  async #leave(): Promise<void> {
    const { file, segment } = this.folder.written ?? {};
    if (file === undefined || segment === undefined) return;
    // On a full disk the next segment matters more.
    await writeZeros(file, segment.offset(this.durable), segment.size).catch(ignoreScarcity);
    segment.hole = 0;
    this.folder.written = undefined;
    await file.close().catch(() => undefined);
  }

  /** Resolves when everything below `lsn` is durable. @throws what stopped the writer, if that came first */
  async when(lsn: Lsn): Promise<void> {
    while (this.durable < lsn) {
      if (this.#stopped !== undefined) throw this.#stopped;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Waits until nothing is being written, and closes the file. */
  async close(): Promise<void> {
    await this.#running;
    await this.folder.written?.file.close();
  }

  /** Stops the writer: nothing becomes durable any more. */
  stop(error: unknown): void {
    this.#stopped ??= error;
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
