// Is a frame that has started still arriving? A peer that sends half a frame and then nothing would hold memory and a connection forever.
// The guard uses no socket: it is told when something was read, and asks whether reading is going on at all.

import type { Clock, Timer } from '../core/clock.ts';
import type { FrameDecoder } from '../wire/decoder.ts';

/** How many bytes of a frame may come as slowly as a person types. PROTOCOL.md, "Limits". */
export const TYPED_BYTES = 1_000;
/** How long the first TYPED_BYTES of a frame may take, in milliseconds. PROTOCOL.md, "Limits". */
export const TYPED_MS = 60_000;
/** Once a frame has more than TYPED_BYTES: how long its speed does not count yet, in milliseconds. PROTOCOL.md, "Limits". */
export const SLOW_GRACE_MS = 5_000;
/** The average speed that a frame must have after SLOW_GRACE_MS, in bytes a second. PROTOCOL.md, "Limits". */
export const SLOW_BYTES_PER_S = 1_000;

/** How often the speed of a frame is checked after SLOW_GRACE_MS, in milliseconds. */
const CHECK_MS = 1_000;

/** Watches the incoming frames of one connection. */
export class SlowFrameGuard {
  readonly #clock: Clock;
  readonly #decoder: FrameDecoder;
  readonly #reading: () => boolean;
  readonly #tooSlow: (reason: string) => void;
  #timer: Timer | undefined;
  /** The frame that is being watched, by the decoder's count of ended frames; -1: none. */
  #frame = -1;
  /** Does the frame have at most TYPED_BYTES so far? */
  #typed = true;
  /** When the frame began, or first had more than TYPED_BYTES, by the monotonic clock. */
  #began = 0;

  /**
   * @param reading is this side reading? While it is not, no frame is too slow, and a frame's time starts anew afterwards
   * @param tooSlow called with one sentence that says why
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

  /** Call this after each read, and when reading has stopped. */
  check(): void {
    if (this.#decoder.started === 0 || !this.#reading()) {
      this.stop();
      return;
    }
    const typed = this.#decoder.started <= TYPED_BYTES;
    if (this.#frame === this.#decoder.ended && this.#typed === typed) return;
    this.#frame = this.#decoder.ended;
    this.#typed = typed;
    this.#began = this.#clock.monotonic();
    this.#wait(typed ? TYPED_MS : SLOW_GRACE_MS);
  }

  /** Stops watching, until the next `check`. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#frame = -1;
  }

  #wait(ms: number): void {
    this.#timer?.cancel();
    // The socket is read once more before the check: if this process was frozen, the peer is not to blame.
    this.#timer = this.#clock.after(ms, () => setImmediate(() => this.#judge()));
  }

  #judge(): void {
    if (this.#timer === undefined || this.#frame !== this.#decoder.ended) return;
    if (!this.#reading()) {
      this.stop();
      return;
    }
    const late = this.#clock.monotonic() - this.#began - SLOW_GRACE_MS;
    if (!this.#typed && this.#decoder.started * 1000 >= SLOW_BYTES_PER_S * late) this.#wait(CHECK_MS);
    else
      this.#tooSlow(
        'the rest of a frame came too slowly or not at all: if you sent all of it, its size= is too large',
      );
  }
}
