// Where time comes from. Everything with a timer is given a Clock, so that a test can turn the hands itself.

/** A timer that has been set. `cancel` may be called at any time, even after it has fired. */
export interface Timer {
  cancel(): void;
}

/** The two clocks of a computer, and a timer. All values are in milliseconds. */
export interface Clock {
  /** Milliseconds since some fixed moment of this process. It never goes back. For durations and ages. */
  monotonic(): number;
  /**
   * Milliseconds since 1970 UTC by the wall clock, which people and NTP change. Use it to show times, and for times that must survive a
   * restart. Never below 0: a time before 1970, as on a computer whose clock has no battery, counts as 0.
   */
  epoch(): number;
  /** Calls `fire` once, `ms` from now. It keeps the process alive until it fires or is cancelled. */
  after(ms: number, fire: () => void): Timer;
}

// setTimeout fires immediately, with a warning, when asked for more than 2^31-1 ms. So a longer wait is cut to this: its owner must set it again.
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The computer's own clock. */
export const systemClock: Clock = {
  monotonic: () => performance.now(),
  epoch: () => Math.max(0, Date.now()),
  after(ms, fire) {
    const handle = setTimeout(fire, Math.min(Math.max(0, ms), LONGEST_TIMER_MS));
    return { cancel: () => clearTimeout(handle) };
  },
};
