// Reports how much of a large body has arrived while it comes in slowly. Only the receiving end can tell: what a sender has written may be
// in its own kernel, on the way, or here. It decides nothing.

import type { Clock } from '../core/clock.ts';
import type { FrameDecoder } from '../wire/decoder.ts';

/** A body that is complete within this time is not reported. Milliseconds. */
export const PROGRESS_QUIET_MS = 100;

/** Watches the incoming bodies of one connection. */
export class BodyProgress {
  readonly #clock: Clock;
  readonly #decoder: FrameDecoder;
  readonly #report: (have: number, size: number) => void;
  /** The frame whose body is arriving, by the decoder's count of ended frames; -1: none yet. */
  #frame = -1;
  /** When it was first seen, by the monotonic clock. */
  #began = 0;
  /** How many tenths of it have been reported. */
  #reported = 0;

  /** @param report called when another tenth has arrived, at most nine times for one body */
  constructor(clock: Clock, decoder: FrameDecoder, report: (have: number, size: number) => void) {
    this.#clock = clock;
    this.#decoder = decoder;
    this.#report = report;
  }

  /** Call this after each read. */
  check(): void {
    const { body } = this.#decoder;
    if (body === undefined) return;
    const now = this.#clock.monotonic();
    if (this.#frame !== this.#decoder.ended) {
      this.#frame = this.#decoder.ended;
      this.#began = now;
      this.#reported = 0;
    }
    const tenths = Math.floor((10 * body.have) / body.size);
    if (tenths <= this.#reported || now - this.#began < PROGRESS_QUIET_MS) return;
    this.#reported = tenths;
    this.#report(body.have, body.size);
  }
}
