// What a receiver has shown and still works on (--work), so that Ctrl-C can say what it waits for.

import type { Clock } from '../core/clock.ts';
import { writeDuration } from './input.ts';
import { sayWrapped } from './render/output.ts';

/** How a mode speaks of the end of the work. */
interface Words {
  /** What happens to a message then: `answered`. */
  readonly done: string;
  /** What follows for a message to which that never happens; its subject is in front of it. */
  readonly otherwise: string;
}

/** The words of `sync receive`. */
export const ANSWERED: Words = { done: 'answered', otherwise: 'ends as UNKNOWN for its sender' };

/** The words of `async receive`. */
export const ACKNOWLEDGED: Words = { done: 'acknowledged', otherwise: 'stays at the relay and comes again' };

/** The work of one receiver. */
export class Working {
  readonly #clock: Clock;
  readonly #words: Words;
  /** The work under way: from whom the message is, and when it ends on the monotonic clock. */
  readonly #under = new Set<{ readonly from: string; readonly until: number }>();

  constructor(clock: Clock, words: Words) {
    this.#clock = clock;
    this.#words = words;
  }

  /**
   * Does the work on a message. Resolves or rejects as `work` does.
   * @param from who sent the message
   * @param ms how long the work takes, in milliseconds. With 0 it is too short to be worth a word
   */
  async during<T>(from: string, ms: number, work: () => Promise<T>): Promise<T> {
    const entry = { from, until: this.#clock.monotonic() + ms };
    if (ms > 0) this.#under.add(entry);
    try {
      return await work();
    } finally {
      this.#under.delete(entry);
    }
  }

  /** Says at Ctrl-C what is finished first, how long that takes, and what another one does. @param times how many have come */
  tell(times: number): void {
    for (const line of this.lines(times)) sayWrapped('  ', line);
  }

  /** The lines that `tell` says. None if there is no work. */
  lines(times: number): string[] {
    const all = [...this.#under];
    if (all.length === 0) return [];
    const left = Math.max(0, ...all.map(({ until }) => until - this.#clock.monotonic()));
    const { done, otherwise } = this.#words;
    const what = all.length === 1 ? `the message from ${all[0]?.from} is` : `${all.length} messages are`;
    if (times > 1) return [`stopped at once: ${what} not ${done}.`];
    return [
      `finishing first: ${what} ${done} in at most ${writeDuration(left)}.`,
      `Ctrl-C again stops at once: what is not ${done} by then ${otherwise}.`,
    ];
  }
}
