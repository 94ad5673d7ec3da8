// One direction of one connection. It holds the bytes that come in and releases them in order, as the conditions allow. It knows no
// sockets; clock and random numbers are passed in.

import type { Clock, Timer } from '../../core/clock.ts';
import type { Conditions, Direction } from './fault.ts';

/** Bytes that a pipe may always hold before its owner stops reading: 128 KiB. One last read may exceed it (Node reads at most 64 KiB at a time). */
export const MAX_HELD = 128 * 1024;
/**
 * Bytes that a pipe may hold on a line with latency: 4 MiB, about what the kernels of Linux keep in flight on one connection (on loopback they
 * took 3.9 MB for a program that did not read). So a connection gets at most 4 MiB per latency: 84 MB/s at 50 ms, 8.4 MB/s at 500 ms.
 */
export const MAX_WINDOW = 4 * 1024 * 1024;
/** Bytes that all pipes of a link may hold together, as long as some of them hold more than MAX_HELD: 64 MiB. */
export const MAX_HELD_BY_ALL = 64 * 1024 * 1024;
/** The bytes that each chunk counts for on top of its own: a chunk of one byte costs Node about 300. */
export const CHUNK_COST = 512;

/** Where a pipe leads. */
export interface Sink {
  /** Takes bytes. False: no more room for now; the owner calls `open` when there is. */
  write(bytes: Buffer): boolean;
  /** FIN. */
  end(): void;
  /** RST. */
  reset(): void;
}

/** What a pipe needs from its link. The pipes of a connection share it. */
export interface PipeEnvironment {
  readonly clock: Clock;
  /** A number from 0 up to 1, for jitter. */
  random(): number;
  conditions(): Conditions;
  /** Asks to let this many bytes pass. Counts and returns how many may pass, at least 1. */
  allow(direction: Direction, bytes: number): number;
  /** What all pipes of the link hold together, in bytes, plus CHUNK_COST for each chunk. Each pipe keeps its own part of the sum up to date. */
  readonly all: { held: number };
}

type Chunk = { readonly due: number } & ({ bytes: Buffer } | { readonly end: 'fin' | 'reset' });

/** On a slow line, bytes pass in slices of this many milliseconds of traffic: short enough to look like a steady flow. */
const SLICE_MS = 50;

/** The time from one segment to the next while the stream is sliced: enough for a program that waits for it to read the first one alone. */
export const SEGMENT_GAP_MS = 5;
/** While the stream is sliced: how many segments may wait. If more would, they are larger, so that what waits is gone in seconds. */
const MAX_SEGMENTS = 50;

// Sums of fractional milliseconds are not exact: a chunk that is due in less than this is due now.
const SOON_MS = 0.001;

/** One direction. */
export class Pipe {
  readonly #direction: Direction;
  readonly #environment: PipeEnvironment;
  readonly #sink: Sink;
  readonly #onRoom: () => void;
  readonly #queue: Chunk[] = [];
  #held = 0;
  // Its part of `environment.all.held`.
  #cost = 0;
  #open = false;
  #ended: 'fin' | 'reset' | undefined;
  // When the line is free again after what has passed, by the monotonic clock.
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
    if (this.#ended !== undefined || this.#cost < MAX_HELD) return false;
    return (
      this.#cost >= windowOf(this.#environment.conditions()) || this.#environment.all.held >= MAX_HELD_BY_ALL
    );
  }

  /** Bytes come in. After an end they are dropped. */
  push(bytes: Buffer): void {
    if (this.#ended !== undefined || bytes.length === 0) return;
    this.#held += bytes.length;
    this.#queue.push({ due: this.#dueOf(), bytes });
    this.#count();
    this.pump();
  }

  /** The end comes in, after everything that came before. A reset may still follow a FIN. */
  finish(end: 'fin' | 'reset'): void {
    if (this.#ended === 'reset' || this.#ended === end) return;
    this.#ended = end;
    this.#queue.push({ due: this.#dueOf(), end });
    this.#count();
    this.pump();
  }

  /** The sink has room. */
  open(): void {
    this.#open = true;
    this.pump();
  }

  /** The sink has no room, for now or for good. */
  shut(): void {
    this.#open = false;
  }

  /** Forgets everything: the connection is gone. */
  drop(): void {
    this.#open = false;
    this.#timer?.cancel();
    this.#queue.length = 0;
    this.#held = 0;
    this.#count();
  }

  /** Releases what may pass. Call it whenever the conditions have changed. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    this.#timer?.cancel();
    while (this.#step()) {
      // One chunk after another: each may change the conditions.
    }
    this.#pumping = false;
    if (!this.full) this.#onRoom();
  }

  #count(): void {
    const cost = this.#held + this.#queue.length * CHUNK_COST;
    this.#environment.all.held += cost - this.#cost;
    this.#cost = cost;
  }

  // A chunk that is due before the one in front of it still waits for that one: order is kept.
  #dueOf(): number {
    const { latency, jitter } = this.#environment.conditions();
    return (
      this.#environment.clock.monotonic() + latency + (jitter > 0 ? jitter * this.#environment.random() : 0)
    );
  }

  // Releases the first chunk, or a slice of it. False: not now.
  #step(): boolean {
    const chunk = this.#queue[0];
    if (chunk === undefined) return false;
    const { cut, stalled, rate, slice } = this.#environment.conditions();
    const now = this.#environment.clock.monotonic();
    if (!this.#open || cut || stalled.has(this.#direction)) {
      this.#stood = true;
      return false;
    }
    // Time in which nothing could pass is lost: the line does not catch up.
    if (this.#stood) this.#busyUntil = Math.max(this.#busyUntil, now);
    this.#stood = false;
    const segment = Math.max(slice, Math.floor(this.#held / MAX_SEGMENTS));
    const size = 'bytes' in chunk ? Math.min(chunk.bytes.length, sliceOf(rate), segment) : 0;
    const ready = Math.max(chunk.due, this.#busyUntil) + (size * 1000) / rate;
    if (ready - now > SOON_MS) {
      this.#timer = this.#environment.clock.after(ready - now, () => this.pump());
      return false;
    }
    if ('bytes' in chunk) {
      const allowed = this.#environment.allow(this.#direction, size);
      this.#busyUntil = rate === Number.POSITIVE_INFINITY ? 0 : ready - ((size - allowed) * 1000) / rate;
      if (slice !== Number.POSITIVE_INFINITY)
        this.#busyUntil = Math.max(this.#busyUntil, now + SEGMENT_GAP_MS);
      this.#pass(chunk, allowed);
    } else {
      this.#queue.shift();
      this.#count();
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
    this.#count();
    if (!this.#sink.write(bytes)) this.#open = false;
  }
}

// A line with latency holds the bytes that are on their way. Without latency, only the bytes that wait for the sink are held.
function windowOf({ latency, jitter, rate }: Conditions): number {
  const delay = latency + jitter;
  return delay === 0 ? MAX_HELD : Math.min(MAX_WINDOW, MAX_HELD + (rate * delay) / 1000);
}

const sliceOf = (rate: number): number => Math.max(1, Math.floor((rate * SLICE_MS) / 1000));
