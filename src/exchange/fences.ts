// Of one session only the newest connection may act. A ghost (an old connection whose bytes are still on their way) must not act after
// its successor. PROTOCOL.md, "Repeats".

import { FENCES } from './limits.ts';
import type { Session } from './session.ts';

interface Fence {
  readonly highest: number;
  /** The connection that may act; undefined once it has closed. */
  readonly holder: Session | undefined;
}

/** The highest `try` of each session that is or was connected. */
export class Fences {
  // In the order of their last change: sessions whose connection closed longest ago come first.
  readonly #fences = new Map<string, Fence>();

  /**
   * A connection has sent HELLO. An older one of the same session is closed immediately, and its unread bytes are dropped.
   * @returns false if this connection is the older one
   */
  enter(session: Session): boolean {
    if (session.anonymous) return true;
    const key = keyOf(session);
    const fence = this.#fences.get(key);
    if (fence !== undefined && fence.highest >= session.tryNumber) return false;
    fence?.holder?.supersede();
    this.#fences.delete(key);
    this.#fences.set(key, { highest: session.tryNumber, holder: session });
    for (const [old, { holder }] of this.#fences) {
      if (this.#fences.size <= FENCES) break;
      if (holder === undefined) this.#fences.delete(old);
    }
    return true;
  }

  /** A connection has closed. Its `try` stays remembered. */
  leave(session: Session): void {
    const key = keyOf(session);
    const fence = this.#fences.get(key);
    if (fence?.holder !== session) return;
    this.#fences.delete(key);
    this.#fences.set(key, { highest: fence.highest, holder: undefined });
  }
}

const keyOf = ({ as, id }: Session): string => `${as} ${id}`;
