// Of one session only the newest connection may act. A ghost (an old connection whose bytes are still on their way) must not act after
// its successor. PROTOCOL.md, "Repeats".

import type { Clock } from '../core/clock.ts';
import { FENCES, TRY_STEP } from './limits.ts';
import type { Refusal, Session } from './session.ts';

interface Fence {
  readonly highest: number;
  /** When its connection opened or closed, by the monotonic clock. */
  readonly at: number;
  /** The connection that may act; undefined once it has closed. */
  readonly holder: Session | undefined;
}

/** The highest `try` of each session that is or was connected. */
export class Fences {
  // In the order of their last change: sessions whose connection closed longest ago come first.
  readonly #fences = new Map<string, Fence>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * A connection has sent HELLO. An older one of the same session is closed immediately, and its unread bytes are dropped.
   * @returns why this connection may not act: it is the older one, or its `try` goes too far; undefined if it may
   */
  enter(session: Session): Refusal | undefined {
    if (session.anonymous) return undefined;
    const key = keyOf(session);
    const fence = this.#fences.get(key);
    if (fence !== undefined) {
      const { highest } = fence;
      if (highest >= session.tryNumber)
        return { code: 'stale', reason: `this session already had a connection with try=${highest}` };
      // A thief of the token could choose a `try` that the owner can never reach. A client that was cut off for hours may have tried often.
      const seconds = (this.#clock.monotonic() - fence.at) / 1000;
      if (session.tryNumber > highest + TRY_STEP + seconds)
        return {
          code: 'bad_value',
          reason: `try= is more than ${TRY_STEP} above the last one of this session`,
        };
    }
    fence?.holder?.supersede();
    this.#fences.delete(key);
    this.#fences.set(key, { highest: session.tryNumber, at: this.#clock.monotonic(), holder: session });
    for (const [old, { holder }] of this.#fences) {
      if (this.#fences.size <= FENCES) break;
      if (holder === undefined) this.#fences.delete(old);
    }
    return undefined;
  }

  /** A connection has closed. Its `try` stays remembered. */
  leave(session: Session): void {
    const key = keyOf(session);
    const fence = this.#fences.get(key);
    if (fence?.holder !== session) return;
    this.#fences.delete(key);
    this.#fences.set(key, { highest: fence.highest, at: this.#clock.monotonic(), holder: undefined });
  }
}

const keyOf = ({ as, id }: Session): string => `${as} ${id}`;
