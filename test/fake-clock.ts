// A clock that a test turns itself. Nothing here waits; timers fire inside `advance`, in order of their time.

import type { Clock, Timer } from '../src/core/clock.ts';

interface Alarm {
  readonly at: number;
  readonly fire: () => void;
}

/** A clock that stands still until it is told to go on. */
export class FakeClock implements Clock {
  /** Timers that are set from now on fire this many milliseconds early, as Node's may. */
  early = 0;
  #now = 0;
  #set = 0;
  readonly #alarms = new Set<Alarm>();

  /** @param start the initial `epoch`, in milliseconds since 1970 */
  constructor(readonly start = 1_767_225_600_000) {}

  monotonic(): number {
    return this.#now;
  }

  epoch(): number {
    return this.start + this.#set + this.#now;
  }

  /** Sets the wall clock forward by `ms`, or back if negative. No time passes. */
  set(ms: number): void {
    this.#set += ms;
  }

  after(ms: number, fire: () => void): Timer {
    const alarm = { at: this.#now + Math.max(0, ms - this.early), fire };
    this.#alarms.add(alarm);
    return { cancel: () => this.#alarms.delete(alarm) };
  }

  /** The number of timers that are set. */
  get pending(): number {
    return this.#alarms.size;
  }

  /** Lets `ms` milliseconds pass in one jump, as for a frozen process: whatever fell due meanwhile fires late, now. */
  late(ms: number): void {
    this.#now += ms;
    this.advance(0);
  }

  /** Lets `ms` milliseconds pass, and fires what falls due meanwhile, including timers set meanwhile. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      let next: Alarm | undefined;
      for (const alarm of this.#alarms)
        if (alarm.at <= until && (next === undefined || alarm.at < next.at)) next = alarm;
      if (next === undefined) break;
      this.#alarms.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.fire();
    }
    this.#now = until;
  }
}
