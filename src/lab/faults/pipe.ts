// One direction of one connection: what comes in at one end, held and let go as the conditions want it, in order. It knows no
// socket; time and chance are given to it.

import type { Clock, Timer } from '../../core/clock.ts';
import type { Conditions, Direction } from './fault.ts';

/** Bytes a pipe holds before its owner stops reading: 128 KiB. What was read at once may come on top (Node reads 64 KiB at most). */
export const MAX_HELD = 128 * 1024;
/** Each chunk counts for so many bytes more: a chunk of one byte takes Node about 300. */
export const CHUNK_COST = 512;

/** Where a pipe leads. */
export interface Sink {
  /** Takes bytes. False: enough for now, `open` will be called when there is room. */
  write(bytes: Buffer): boolean;
  /** FIN. */
  end(): void;
  /** RST. */
  reset(): void;
}

/** What a pipe finds around it: shared by all pipes of a link. */
export interface PipeEnvironment {
  readonly clock: Clock;
  /** A number from 0 up to 1, for jitter. */
  random(): number;
  conditions(): Conditions;
  /** Asks to let so many bytes pass. Returns how many may, at least 1, and counts them. */
  allow(direction: Direction, bytes: number): number;
}

type Chunk = { readonly due: number } & ({ bytes: Buffer } | { readonly end: 'fin' | 'reset' });

/** A slice of a slow line's traffic is what passes in so many milliseconds: short enough to look like a flow. */
const SLICE_MS = 50;

// Sums of fractions of milliseconds are not exact: what is due in less than this is due.
const SOON_MS = 0.001;

/** One direction. */
export class Pipe {
  readonly #direction: Direction;
  readonly #environment: PipeEnvironment;
  readonly #sink: Sink;
  readonly #onRoom: () => void;
  readonly #queue: Chunk[] = [];
  #held = 0;
  #open = false;
  #ended: 'fin' | 'reset' | undefined;
  // Until when the line is busy with what has passed, by the monotonic clock.
  #busyUntil = 0;
  #stood = false;
  #pumping = false;
  #timer: Timer | undefined;

  /** @param onRoom called whenever something has passed and the pipe is not full */
  constructor(direction: Direction, environment: PipeEnvironment, sink: Sink, onRoom: () => void) {
    this.#direction = direction;
    this.#environment = environment;
    this.#sink = sink;
    this.#onRoom = onRoom;
  }

  /** Bytes that have come in and not gone out. */
  get held(): number {
    return this.#held;
  }

  /** Should its owner stop reading? */
  get full(): boolean {
    return this.#ended === undefined && this.#held + this.#queue.length * CHUNK_COST >= MAX_HELD;
  }

  /** Bytes come in. Behind an end they are dropped. */
  push(bytes: Buffer): void {
    if (this.#ended !== undefined || bytes.length === 0) return;
    this.#held += bytes.length;
    this.#queue.push({ due: this.#dueOf(), bytes });
    this.pump();
  }

  /** The end comes in, behind everything that came before. A reset may still follow a FIN. */
  finish(end: 'fin' | 'reset'): void {
    if (this.#ended === 'reset' || this.#ended === end) return;
    this.#ended = end;
    this.#queue.push({ due: this.#dueOf(), end });
    this.pump();
  }

  /** The sink has room. */
  open(): void {
    this.#open = true;
    this.pump();
  }

  /** The sink has no room; or never will have again. */
  shut(): void {
    this.#open = false;
  }

  /** Forgets everything: the connection is gone. */
  drop(): void {
    this.#open = false;
    this.#timer?.cancel();
    this.#queue.length = 0;
    this.#held = 0;
  }

  /** Lets go what may go. To be called whenever the conditions have changed. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    this.#timer?.cancel();
    while (this.#step()) {
      // One chunk after the other: each may change the conditions.
    }
    this.#pumping = false;
    if (!this.full) this.#onRoom();
  }

  // What is due before the chunk in front of it waits for that one: order is kept.
  #dueOf(): number {
    const { latency, jitter } = this.#environment.conditions();
    return (
      this.#environment.clock.monotonic() + latency + (jitter > 0 ? jitter * this.#environment.random() : 0)
    );
  }

  // Lets the first chunk go, or a slice of it. False: not now.
  #step(): boolean {
    const chunk = this.#queue[0];
    if (chunk === undefined) return false;
    const { cut, stalled, rate } = this.#environment.conditions();
    const now = this.#environment.clock.monotonic();
    if (!this.#open || cut || stalled.has(this.#direction)) {
      this.#stood = true;
      return false;
    }
    // Time in which nothing could pass is not made up for.
    if (this.#stood) this.#busyUntil = Math.max(this.#busyUntil, now);
    this.#stood = false;
    const size = 'bytes' in chunk ? Math.min(chunk.bytes.length, sliceOf(rate)) : 0;
    const ready = Math.max(chunk.due, this.#busyUntil) + (size * 1000) / rate;
    if (ready - now > SOON_MS) {
      this.#timer = this.#environment.clock.after(ready - now, () => this.pump());
      return false;
    }
    if ('bytes' in chunk) {
      const allowed = this.#environment.allow(this.#direction, size);
      this.#busyUntil = rate === Number.POSITIVE_INFINITY ? 0 : ready - ((size - allowed) * 1000) / rate;
      this.#pass(chunk, allowed);
    } else {
      this.#queue.shift();
      if (chunk.end === 'fin') this.#sink.end();
      else this.#sink.reset();
    }
    return true;
  }

  #pass(chunk: { bytes: Buffer }, size: number): void {
    const bytes = chunk.bytes.subarray(0, size);
    if (size === chunk.bytes.length) this.#queue.shift();
    else chunk.bytes = chunk.bytes.subarray(size);
    this.#held -= size;
    if (!this.#sink.write(bytes)) this.#open = false;
  }
}

const sliceOf = (rate: number): number => Math.max(1, Math.floor((rate * SLICE_MS) / 1000));
