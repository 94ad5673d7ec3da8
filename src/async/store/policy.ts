// When the journal clears old segments away, and when it refuses what is new. Both weigh the same things: what the files hold
// of use, what is written ahead and what the disk can still take. It reads no file and writes none.

import type { Emit } from '../../trace/event.ts';
import { MAX_LINE } from '../../wire/frame.ts';
import { commitRoom } from './commit.ts';
import type { Files, Segment } from './files.ts';
import type { Live } from './live.ts';
import type { Spares } from './spares.ts';
import type { Writer } from './writer.ts';

/** The files may be this many times as large as what is of use in them … */
const FACTOR = 2;

/** … and this many segments more, so that a small journal is left in peace. */
const SLACK_SEGMENTS = 3;

/** On a full disk: so many segments more than what is of use. Nothing less can be gained by clearing. */
const FULL_SLACK_SEGMENTS = 2;

/** What the policy looks at. */
export interface PolicyOptions {
  readonly dir: string;
  readonly emit: Emit;
  readonly segmentBytes: number;
  readonly live: Live;
  readonly files: Files;
  readonly spares: Spares;
  readonly writer: Writer;
}

/** Weighs. */
export class Policy {
  readonly #options: PolicyOptions;
  /** The size of the message with which refusing began; undefined while nothing is refused. */
  #refused: number | undefined;
  /** Segments that may still be cleared before something new must have happened: an error of the weighing must not end in copying round for ever. */
  #budget: number;
  /** The relay has appended something. Before that it may not have taken over what was brought back: its answers would be behind the disk. */
  #begun = false;
  #since = 0;
  #freed: number;

  constructor(options: PolicyOptions) {
    this.#options = options;
    this.#budget = options.files.count;
    this.#freed = options.live.freed;
  }

  /** So many bytes were appended by the relay. @returns is it time to look whether something can be cleared away? */
  appended(bytes: number): boolean {
    const { live, segmentBytes, files } = this.#options;
    this.#since += bytes;
    if (this.#begun && this.#since + live.freed - this.#freed < segmentBytes / 2) return false;
    this.#begun = true;
    this.#since = 0;
    this.#freed = live.freed;
    this.#budget = files.count;
    return true;
  }

  /** Is it worth the while, and is there room, to clear away the oldest segment? */
  worthwhile(oldest: Segment): boolean {
    const { live, segmentBytes, spares, writer } = this.#options;
    if (!this.#begun || this.#budget <= 0) return false;
    const size = this.#size();
    if (!spares.full) return size > FACTOR * live.bytes + SLACK_SEGMENTS * segmentBytes;
    const room = writer.left + spares.bytes - writer.waiting;
    return size > live.bytes + FULL_SLACK_SEGMENTS * segmentBytes && room > oldest.size + segmentBytes / 8;
  }

  /** One segment was cleared away. */
  cleared(): void {
    this.#budget -= 1;
  }

  // What short lives left are small files: each counts as a quarter of a segment at the least, so that there are never very many.
  #size(): number {
    const { files, segmentBytes } = this.#options;
    let size = 0;
    for (const segment of files) size += Math.max(segment.size, segmentBytes / 4);
    return size;
  }

  /** Is there room for a message of `size` bytes, over and above a reserve for acknowledgements and for clearing away? */
  hasRoom(size: number): boolean {
    const room = this.#room(size);
    if (!room && this.#refused === undefined) {
      this.#refused = size;
      this.#options.emit({ event: 'disk_full', dir: this.#options.dir });
    } else if (room && this.#refused !== undefined && size >= this.#refused) {
      this.#roomAgain();
    }
    return room;
  }

  // Only what is written ahead is certain. What the disk could still take counts as long as it did not say that it is full.
  #room(size: number): boolean {
    const { spares, writer, segmentBytes } = this.#options;
    const certain = writer.left + spares.bytes - writer.waiting - commitRoom(size + MAX_LINE);
    const possible = spares.full ? 0 : spares.free;
    return certain + possible >= segmentBytes + segmentBytes / 4;
  }

  /** Something changed at the disk: if what was refused would be taken now, that is said. */
  changed(): void {
    if (this.#refused !== undefined && this.#room(this.#refused)) this.#roomAgain();
  }

  #roomAgain(): void {
    this.#refused = undefined;
    this.#options.emit({ event: 'disk_room', dir: this.#options.dir });
  }
}
