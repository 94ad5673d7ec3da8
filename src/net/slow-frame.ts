// Does a frame that has started go on? A peer that sends half a frame and then nothing would hold memory and a connection for ever.
// The guard knows no socket: it is told when something was read, and asks whether anything is being read at all.

import type { Clock, Timer } from '../core/clock.ts';
import type { FrameDecoder } from '../wire/decoder.ts';

/** How long a started frame has before its speed counts, in milliseconds. */
export const SLOW_GRACE_MS = 5_000;
/** How many bytes a second it must have made after that, on average. */
export const SLOW_BYTES_PER_S = 1_000;

/** How often the speed is checked after the grace period. Milliseconds. */
const CHECK_MS = 1_000;

/** Watches the frames that come in on one connection. */
export class SlowFrameGuard {
  readonly #clock: Clock;
  readonly #decoder: FrameDecoder;
  readonly #reading: () => boolean;
  readonly #tooSlow: (reason: string) => void;
  #timer: Timer | undefined;
  /** Which frame is watched, by the decoder's count, and since when. */
  #frame = -1;
  #began = 0;

  /**
   * @param reading is anything being read? While it is not, nothing is judged, and a frame's time starts again afterwards
   * @param tooSlow called with one sentence
   */
  constructor(
    clock: Clock,
    decoder: FrameDecoder,
    reading: () => boolean,
    tooSlow: (reason: string) => void,
  ) {
    this.#clock = clock;
    this.#decoder = decoder;
    this.#reading = reading;
    this.#tooSlow = tooSlow;
  }

  /** To be called after each read, and when reading has stopped. */
  check(): void {
    if (this.#decoder.started === 0 || !this.#reading()) {
      this.stop();
      return;
    }
    if (this.#frame === this.#decoder.ended) return;
    this.#frame = this.#decoder.ended;
    this.#began = this.#clock.monotonic();
    this.#wait(SLOW_GRACE_MS);
  }

  /** Stops watching, until the next `check`. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#frame = -1;
  }

  #wait(ms: number): void {
    this.#timer?.cancel();
    // What waits in the kernel is read before judging: after a freeze of this process the peer is not to blame.
    this.#timer = this.#clock.after(ms, () => setImmediate(() => this.#judge()));
  }

  #judge(): void {
    if (this.#timer === undefined || this.#frame !== this.#decoder.ended) return;
    if (!this.#reading()) {
      this.stop();
      return;
    }
    const late = this.#clock.monotonic() - this.#began - SLOW_GRACE_MS;
    if (this.#decoder.started * 1000 >= SLOW_BYTES_PER_S * late) this.#wait(CHECK_MS);
    else
      this.#tooSlow(`a frame must make ${SLOW_BYTES_PER_S} bytes a second after ${SLOW_GRACE_MS / 1000} s`);
  }
}
