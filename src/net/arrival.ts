// A large body that arrives slowly: how much of it is here. Only this end can say: what a sender has written may be in its own
// kernel, on the way, or here. It reports and decides nothing.

import type { Clock } from '../trace/clock.ts';
import type { FrameDecoder } from '../wire/frame.ts';

/** Bodies that are here sooner are not reported on. Milliseconds. */
export const ARRIVAL_QUIET_MS = 100;

/** Watches the bodies of one connection. */
export class Arrival {
  readonly #clock: Clock;
  readonly #decoder: FrameDecoder;
  readonly #tell: (have: number, size: number) => void;
  /** Which frame it is, as the decoder counts them, since when, and how many tenths of it have been told. */
  #frame = -1;
  #began = 0;
  #told = 0;

  /** @param tell called when another tenth is here: nine times for one body at most */
  constructor(clock: Clock, decoder: FrameDecoder, tell: (have: number, size: number) => void) {
    this.#clock = clock;
    this.#decoder = decoder;
    this.#tell = tell;
  }

  /** Something was read. */
  look(): void {
    const { body } = this.#decoder;
    if (body === undefined) return;
    const now = this.#clock.monotonic();
    if (this.#frame !== this.#decoder.ended) {
      this.#frame = this.#decoder.ended;
      this.#began = now;
      this.#told = 0;
    }
    const tenths = Math.floor((10 * body.have) / body.size);
    if (tenths <= this.#told || now - this.#began < ARRIVAL_QUIET_MS) return;
    this.#told = tenths;
    this.#tell(body.have, body.size);
  }
}
