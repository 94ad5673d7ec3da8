// Group commit: one commit in flight at a time, and everything that arrives meanwhile goes into the next. It puts commits at the
// end of the newest segment and goes on to a new one when that is full. What the records mean is none of its business.
//
//   IDLE ──append──► GATHERING ──end of this turn of the event loop──► (ROLLING: a new segment) ──► WRITING ──synced──► GATHERING or IDLE
//   any ──write or sync failed──► FAILED     after close: CLOSED

import type { FileHandle } from 'node:fs/promises';
import type { Clock, Timer } from '../../trace/clock.ts';
import { commitRoom, END_MARK, encodeCommit } from './commit.ts';
import { type Disk, writeDurably } from './disk.ts';
import type { Segment } from './files.ts';
import { type Piece, pieceLength } from './piece.ts';
import { lossOf } from './segment.ts';
import type { Ref } from './store.ts';

/** A commit takes at most this many records: encoding more would hold up the event loop for milliseconds. */
const MAX_RECORDS = 1024;

/** A commit takes at most this many bytes, or a quarter of a segment, or else one batch. */
const MAX_BYTES = 1024 * 1024;

/** After this long without an append an empty commit closes the last one, so that it cannot be taken for a torn tail. */
const QUIET_MS = 100;

const NONE: readonly Ref[] = [];

/** What is appended together and becomes durable together. */
export interface Batch {
  readonly pieces: readonly Piece[];
  /** Sum of the lengths of the pieces. */
  readonly bytes: number;
  /** Called when the place of the pieces is certain, before they are written: the segment and the offset of each. */
  readonly placed?: ((segment: number, offsets: readonly number[]) => void) | undefined;
  /** Called once the batch is durable, with the places of the pieces that have a body. */
  readonly durable?: ((refs: readonly Ref[]) => void) | undefined;
}

/** The segment that is being written. */
export interface Active {
  readonly segment: Segment;
  readonly handle: FileHandle;
  /** Did the file go by its name when it was begun? Where files are numbered anew at each look, it seems that it did not. */
  readonly named: boolean;
}

/** What the writer needs. */
export interface WriterOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  /** The usual size of a segment. */
  readonly segmentBytes: number;
  /**
   * Makes the next segment, whose first commit has this number, with room for so many bytes of commits.
   * Undefined if there is no room and the journal is being closed.
   */
  readonly roll: (first: number, room: number) => Promise<Active | undefined>;
  /** Every commit as it was written, its end mark left out. */
  readonly written: (segment: number, offset: number, bytes: Buffer) => void;
  /** The disk failed. Called once; nothing is written after it. */
  readonly failed: (error: unknown) => void;
}

type State = 'IDLE' | 'GATHERING' | 'ROLLING' | 'WRITING' | 'FAILED' | 'CLOSED';

/** Appends batches to the journal. */
export class Writer {
  readonly #options: WriterOptions;
  #state: State = 'IDLE';
  #active: Active;
  #offset: number;
  #nextCommit: number;
  #queue: Batch[] = [];
  #head = 0;
  #queuedBytes = 0;
  #inFlight = 0;
  /** The last commit on the disk has records: it wants to be closed. */
  #unclosed = false;
  #quiet: Timer | undefined;
  #restedAt = 0;
  #idle: (() => void)[] = [];
  #inTheAir = false;
  #whenLanded: () => void = () => {};

  /** @param nextCommit the number of the commit that goes to the start of the segment */
  constructor(options: WriterOptions, active: Active, nextCommit: number) {
    this.#options = options;
    this.#active = active;
    this.#offset = active.segment.start;
    this.#nextCommit = nextCommit;
  }

  /** The segment that is being written. */
  get active(): Segment {
    return this.#active.segment;
  }

  /** Bytes that the segment can still take, without what waits. */
  get left(): number {
    return this.#active.segment.size - this.#offset;
  }

  /** How far the segment is written durably. */
  get written(): number {
    return this.#offset;
  }

  /** Bytes that wait to be written. */
  get waiting(): number {
    return this.#queuedBytes + this.#inFlight;
  }

  /** Takes a batch. It is written in the order of the calls. */
  append(batch: Batch): void {
    if (this.#state === 'FAILED' || this.#state === 'CLOSED') return;
    this.#queue.push(batch);
    this.#queuedBytes += batch.bytes;
    if (this.#state !== 'IDLE') return;
    // Not at once: everything that the sockets brought in this turn of the event loop shall share the commit.
    this.#state = 'GATHERING';
    setImmediate(() => this.#next());
  }

  /** Resolves when nothing waits and nothing is being written, or when the writer has failed. */
  idle(): Promise<void> {
    if (this.#state === 'IDLE' || this.#state === 'FAILED' || this.#state === 'CLOSED')
      return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #next(): void {
    if (this.#state !== 'GATHERING') return;
    if (this.#head === this.#queue.length) {
      this.#rest();
      return;
    }
    const group = this.#gather();
    const size = group.reduce((sum, batch) => sum + batch.bytes, 0);
    this.#inFlight = size;
    // Behind every commit the empty one that closes it must fit.
    const room = commitRoom(size) + commitRoom(0);
    if (room <= this.left) {
      this.#write(group, size);
      return;
    }
    // Before and after: a new file would get its name, also in a folder that was emptied, or in another one in its place.
    const loss = this.#loss('rolling');
    if (loss !== undefined) {
      this.#fail(loss);
      return;
    }
    this.#state = 'ROLLING';
    this.#options.roll(this.#nextCommit, room).then(
      (active) => this.#rolled(active, group, size),
      (error) => this.#fail(error),
    );
  }

  #rolled(active: Active | undefined, group: readonly Batch[], size: number): void {
    if (this.#state !== 'ROLLING') {
      active?.handle.close().catch(() => {});
      return;
    }
    const loss = this.#loss('rolling');
    if (loss !== undefined) {
      active?.handle.close().catch(() => {});
      this.#fail(loss);
      return;
    }
    if (active === undefined) {
      this.#queue = [];
      this.#head = 0;
      this.#rest();
      return;
    }
    // Synced long ago: an error on closing it says nothing new.
    this.#active.handle.close().catch(() => {});
    this.#active = active;
    this.#offset = active.segment.start;
    this.#write(group, size);
  }

  #gather(): readonly Batch[] {
    const group: Batch[] = [];
    const most = Math.min(MAX_BYTES, this.#options.segmentBytes >> 2);
    let records = 0;
    let bytes = 0;
    while (this.#head < this.#queue.length) {
      const batch = this.#queue[this.#head] as Batch;
      if (group.length > 0 && (records + batch.pieces.length > MAX_RECORDS || bytes + batch.bytes > most))
        break;
      group.push(batch);
      records += batch.pieces.length;
      bytes += batch.bytes;
      this.#head++;
    }
    if (this.#head === this.#queue.length || this.#head > MAX_RECORDS) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
    this.#queuedBytes -= bytes;
    return group;
  }

  #write(group: readonly Batch[], size: number): void {
    this.#state = 'WRITING';
    const { disk, clock, written } = this.#options;
    const { segment, handle } = this.#active;
    const offset = this.#offset;
    const place = { salt: segment.header.salt, offset };
    const pieces = group.length === 1 ? (group[0] as Batch).pieces : group.flatMap((batch) => batch.pieces);
    const offsets: number[] = [];
    const bytes = encodeCommit(
      place,
      this.#nextCommit,
      Math.max(0, Math.trunc(clock.epoch())),
      pieces,
      size,
      offsets,
    );
    let from = 0;
    for (const batch of group) {
      batch.placed?.(segment.header.k, offsets.slice(from, from + batch.pieces.length));
      from += batch.pieces.length;
    }
    this.#inTheAir = true;
    writeDurably(disk, handle.fd, bytes, offset, (failed) => {
      // While the file is certainly open still.
      const error = failed ?? this.#loss() ?? null;
      this.#landed();
      // The journal failed elsewhere meanwhile: nobody is told any more.
      if (this.#state !== 'WRITING') return;
      if (error !== null) return this.#fail(error);
      this.#nextCommit += 1;
      this.#offset += bytes.length - END_MARK;
      this.#inFlight = 0;
      this.#unclosed = size > 0;
      written(segment.header.k, offset, bytes.subarray(0, bytes.length - END_MARK));
      this.#tell(group, segment.header.k, offsets);
      this.#state = 'GATHERING';
      this.#next();
    });
  }

  #tell(group: readonly Batch[], segment: number, offsets: readonly number[]): void {
    let index = 0;
    for (const { pieces, durable } of group) {
      if (durable === undefined) {
        index += pieces.length;
        continue;
      }
      let refs: Ref[] | undefined;
      for (const piece of pieces) {
        const offset = offsets[index++] as number;
        if (piece.body === undefined) continue;
        refs ??= [];
        refs.push({ segment, offset, length: pieceLength(piece) });
      }
      durable(refs ?? NONE);
    }
  }

  // Nothing waits: the last commit is closed after a while of quiet. One timer runs through a busy time, and is not set anew for every commit.
  #rest(): void {
    this.#state = 'IDLE';
    this.#inFlight = 0;
    this.#queuedBytes = 0;
    this.#restedAt = this.#options.clock.monotonic();
    if (this.#unclosed && this.#quiet === undefined) this.#setQuiet(QUIET_MS);
    this.#release();
  }

  #setQuiet(ms: number): void {
    const { clock } = this.#options;
    this.#quiet = clock.after(ms, () => {
      this.#quiet = undefined;
      if (this.#state === 'FAILED' || this.#state === 'CLOSED') return;
      const left = this.#state === 'IDLE' ? this.#restedAt + QUIET_MS - clock.monotonic() : QUIET_MS;
      if (left <= 0) this.#closeCommit();
      else this.#setQuiet(left);
    });
  }

  #closeCommit(): void {
    if (this.#unclosed) this.#write([], 0);
  }

  /** Closes the last commit and the file. What still waits is written before, if there is room for it. */
  async close(): Promise<void> {
    await this.idle();
    const loss = this.#loss();
    if (loss !== undefined) this.#fail(loss);
    if (this.#state === 'IDLE') this.#closeCommit();
    await this.idle();
    this.#quiet?.cancel();
    if (this.#state !== 'FAILED') this.#state = 'CLOSED';
    await this.#closeFile();
  }

  // Not while it is being written: the number of a closed file may be another file's the next moment.
  async #closeFile(): Promise<void> {
    if (this.#inTheAir) {
      await new Promise<void>((resolve) => {
        this.#whenLanded = resolve;
      });
    }
    await this.#active.handle.close();
  }

  #loss(rolling?: 'rolling'): Error | undefined {
    const { handle, segment, named } = this.#active;
    return lossOf(handle, segment.path, rolling !== undefined && named);
  }

  #landed(): void {
    this.#inTheAir = false;
    this.#whenLanded();
  }

  /** Ends it after a failure elsewhere, and closes the file. */
  async abandon(): Promise<void> {
    this.stop();
    await this.#closeFile();
  }

  /** Ends it: nothing is written and nobody is told any more. */
  #fail(error: unknown): void {
    if (this.#state === 'FAILED') return;
    this.stop();
    this.#options.failed(error);
  }

  /** The disk failed elsewhere: nothing more may be acknowledged. */
  stop(): void {
    if (this.#state === 'CLOSED') return;
    this.#state = 'FAILED';
    this.#quiet?.cancel();
    this.#queue = [];
    this.#head = 0;
    this.#release();
  }

  #release(): void {
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }
}
