// Which ids the relay remembers, so that a repeat is recognised: per session the last PER_SESSION ids, for REMEMBER_MS after the
// session's last SEND. Pure: the time is an argument. (Which *connection* of a session may act is exchange/fences.ts.) PROTOCOL.md, "Repeats".

import type { RememberedId } from './store/store.ts';

/** A session's ids are remembered at least so long after its last SEND, in milliseconds. */
export const REMEMBER_MS = 10 * 60 * 1000;

/** Kept so much longer: over a restart an age is only known to the millisecond. */
const ROUNDING_MS = 1000;

/**
 * Ids remembered over all sessions: about 550 bytes each, and 1,300 if each has a session of its own, so 330 MB at the worst. A relay
 * that would need more answers REFUSED code=busy.
 */
export const MOST_IDS = 250_000;

/** A remembered id in memory. */
export interface Remembered extends Omit<RememberedId, 'session' | 'at'> {
  /** How many sessions remember it. */
  holders: number;
}

interface Session {
  /** Its ids by `from id`, the one sent longest ago first. */
  readonly ids: Map<string, Remembered>;
  /** When its last SEND came: the relay's monotonic time. */
  last: number;
}

/** The remembered ids of all sessions. */
export class Memory {
  readonly #perSession: number;
  readonly #most: number;
  readonly #byId = new Map<string, Remembered>();
  /** In the order of their last SEND, the longest ago first. */
  readonly #sessions = new Map<string, Session>();

  /**
   * @param perSession ids kept for each session: twice the window or more
   * @param most ids kept in all
   */
  constructor(perSession: number, most: number = MOST_IDS) {
    this.#perSession = perSession;
    this.#most = most;
  }

  /** How many ids are remembered. */
  get size(): number {
    return this.#byId.size;
  }

  /** The message that this sender sent under this id, over all sessions. */
  find(from: string, id: string): Remembered | undefined {
    return this.#byId.get(`${from} ${id}`);
  }

  /** Is there room to remember one more? Lets go of what is old enough first. */
  hasRoom(now: number): boolean {
    if (this.#byId.size < this.#most) return true;
    this.forget(now);
    return this.#byId.size < this.#most;
  }

  /**
   * Remembers an id under a session: it was sent, or sent again. The store is given a record each time, in the same order, so that
   * a restart changes nothing.
   */
  remember(session: string, id: Omit<Remembered, 'holders'>, now: number): void {
    const ids = this.#touch(`${id.from} ${session}`, now);
    const key = `${id.from} ${id.id}`;
    let known = this.#byId.get(key);
    // Another message under it: the id had been forgotten and was used anew, and both came back from the store.
    if (known === undefined || known.to !== id.to || known.seq !== id.seq) {
      known = { ...id, holders: 0 };
      this.#byId.set(key, known);
    }
    if (ids.get(key) !== known) {
      this.#letGo(ids, key);
      known.holders += 1;
    }
    ids.delete(key);
    ids.set(key, known);
    if (ids.size <= this.#perSession) return;
    const { value: oldest } = ids.keys().next();
    if (oldest !== undefined) this.#letGo(ids, oldest);
  }

  /** Lets go of the sessions whose last SEND is long enough ago. */
  forget(now: number): void {
    for (const [name, { ids, last }] of this.#sessions) {
      if (now - last <= REMEMBER_MS + ROUNDING_MS) return;
      for (const key of ids.keys()) this.#letGo(ids, key);
      this.#sessions.delete(name);
    }
  }

  #touch(name: string, now: number): Session['ids'] {
    // A session belongs to one name: nobody can push another's ids out by borrowing its token.
    const state = this.#sessions.get(name) ?? { ids: new Map(), last: now };
    state.last = Math.max(state.last, now);
    this.#sessions.delete(name);
    this.#sessions.set(name, state);
    return state.ids;
  }

  #letGo(ids: Session['ids'], key: string): void {
    const known = ids.get(key);
    ids.delete(key);
    if (known === undefined) return;
    known.holders -= 1;
    if (known.holders === 0 && this.#byId.get(key) === known) this.#byId.delete(key);
  }
}
