// Time on the page: what was recorded, shown as it happens, or later, slower and step by step. Pure: the clock is passed in, and nothing
// here waits; whoever draws asks for `at` with each frame of the screen.
//
// Times are in milliseconds on the board's axis. A moment is a time at which something on the page changes.

import type { Clock } from '../../core/clock.ts';
import type { PlaybackState, Speed } from './view.ts';

/** A time in which nothing happens is replayed in at most this many milliseconds, at any speed: nobody wants to wait for bob's lunch. */
export const LONGEST_PAUSE_MS = 1000;
/** The page is drawn less often while nobody sees it. Then the replay goes on from where it was, at most this much further. */
const LONGEST_FRAME_MS = 250;

/** Where the page is in a run. */
export class Playback {
  readonly #clock: Clock;
  #moments: readonly number[] = [];
  #start = 0;
  #live = true;
  #paused = false;
  #speed: Speed = 1;
  #at = 0;
  /** When `#at` was right, by the clock. */
  #since = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * What has been recorded so far.
   * @param moments in ascending order
   * @param start where slow motion begins when everything has been shown: the last message
   */
  recorded(moments: readonly number[], start: number): void {
    this.#advance();
    this.#moments = moments;
    this.#start = start;
  }

  /** A new run has begun. The speed stays: a story that is about to be played can be shown slowly. */
  restart(): void {
    this.#moments = [];
    this.#start = Number.NEGATIVE_INFINITY;
    this.#at = Number.NEGATIVE_INFINITY;
    this.#live = this.#speed === 1;
    this.#paused = false;
  }

  /** Stops where it is. What happens meanwhile is recorded. */
  pause(): void {
    this.#advance();
    this.#live = false;
    this.#paused = true;
  }

  /** Goes on from where it is. */
  resume(): void {
    this.#advance();
    this.#paused = false;
  }

  /** Stops, one moment further or back. */
  step(by: 1 | -1): void {
    this.pause();
    const index = countUpTo(this.#moments, this.#at) - 1 + by;
    this.#at = this.#moments[index] ?? (by === 1 ? this.#end : Number.NEGATIVE_INFINITY);
  }

  /** Stops at a time. */
  seek(at: number): void {
    this.pause();
    this.#at = Math.min(at, this.#end);
  }

  /** Sets the speed. Slower than it happened: if everything has been shown, from the last message on. */
  speed(speed: Speed): void {
    this.#advance();
    this.#speed = speed;
    if (speed === 1 || this.#paused) return;
    if (this.#at >= this.#end) this.#at = this.#start;
    this.#live = false;
  }

  /** Shows everything, as it happens. */
  live(): void {
    this.#live = true;
    this.#paused = false;
    this.#speed = 1;
  }

  /** Does time go on by itself, so that the page must be drawn again? */
  get runs(): boolean {
    this.#advance();
    return !this.#live && !this.#paused && this.#at < this.#end;
  }

  /** Where the page is now. */
  state(): PlaybackState {
    this.#advance();
    const start = this.#moments[0] ?? 0;
    return {
      live: this.#live,
      paused: this.#paused,
      speed: this.#speed,
      at: Math.max(this.#at, start - 1),
      end: this.#moments.at(-1) ?? 0,
    };
  }

  get #end(): number {
    return this.#moments.at(-1) ?? Number.NEGATIVE_INFINITY;
  }

  #advance(): void {
    const now = this.#clock.monotonic();
    const passed = Math.min(now - this.#since, LONGEST_FRAME_MS);
    this.#since = now;
    if (this.#live) this.#at = this.#end;
    else if (!this.#paused) {
      this.#at = after(this.#at, passed, this.#speed, this.#moments);
      // It has caught up.
      this.#live = this.#speed === 1 && this.#at >= this.#end;
    }
  }
}

// Where the replay is `ms` after it was at `from`.
function after(from: number, ms: number, speed: Speed, moments: readonly number[]): number {
  let at = from;
  let left = ms;
  for (let next = countUpTo(moments, from); next < moments.length; next += 1) {
    const moment = moments[next] ?? at;
    const before = moments[next - 1];
    // The first moment comes at once.
    if (before === undefined) {
      at = moment;
      continue;
    }
    const rate = Math.max(speed, (moment - before) / LONGEST_PAUSE_MS);
    if (at + left * rate < moment) return at + left * rate;
    left -= (moment - at) / rate;
    at = moment;
  }
  return at;
}

/** How many of these times, in ascending order, are at or before a time. */
export function countUpTo(times: readonly number[], at: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
