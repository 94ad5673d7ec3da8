// How much of a large body is here while it arrives slowly. Only the receiving end can say: what a sender has written may be in its
// own kernel, on the way, or here. It reports and decides nothing.

import type { Clock } from '../core/clock.ts';
import type { FrameDecoder } from '../wire/decoder.ts';

/** A body that is complete sooner than this is not reported on. Milliseconds. */
export const PROGRESS_QUIET_MS = 100;

/** Watches the bodies that come in on one connection. */
export class BodyProgress {
  readonly #clock: Clock;
  readonly #decoder: FrameDecoder;
  readonly #report: (have: number, size: number) => void;
  /** Which frame it is, by the decoder's count, since when, and how many tenths of it have been reported. */
  #frame = -1;
  #began = 0;
  #reported = 0;

  /** @param report called when another tenth is here: at most nine times for one body */
  constructor(clock: Clock, decoder: FrameDecoder, report: (have: number, size: number) => void) {
    this.#clock = clock;
    this.#decoder = decoder;
    this.#report = report;
  }

  /** To be called after each read. */
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
