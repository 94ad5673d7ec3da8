// Which ids the relay remembers, so that a repeat is recognised: per session the last PER_SESSION ids, for REMEMBER_MS after the
// session's last SEND. Pure: the time is an argument. (Which *connection* of a session may act is exchange/door.ts.) PROTOCOL.md, "Repeats".

import type { RememberedId } from './store/store.ts';

/** A session's ids are remembered at least so long after its last SEND, in milliseconds. */
export const REMEMBER_MS = 10 * 60 * 1000;

/**
 * A repeat in its own session is written down only if the id's record there is older than this, so that a repeat seldom costs a
 * write. Every memory is kept so much longer, so that one that was not renewed still lasts REMEMBER_MS. Milliseconds.
 */
export const RENEW_MS = 60 * 1000;

/** Ids remembered over all sessions: about 200 bytes each, so 100 MB. A relay that would need more answers REFUSED code=busy. */
export const MOST_IDS = 500_000;

/** A remembered id in memory. */
export interface Remembered extends Omit<RememberedId, 'session' | 'at'> {
  /** How many sessions remember it. */
  holders: number;
}

interface Memo {
  readonly known: Remembered;
  /** When that SEND of it came of which the store has the last record under this session: the relay's monotonic time. */
  written: number;
}

interface Session {
  /** Its ids by `from id`, the one sent longest ago first. */
  readonly ids: Map<string, Memo>;
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

  /** Remembers an id under a session, of which the store has a record or is being given one. */
  remember(session: string, id: Omit<Remembered, 'holders'>, now: number): void {
    this.#hold(this.#touch(`${id.from} ${session}`, now), id).written = now;
  }

  /**
   * A known id was sent again.
   * @returns whether the store must be given a record of it, for this session's memory of it to last
   */
  repeat(session: string, known: Remembered, now: number): boolean {
    const memo = this.#hold(this.#touch(`${known.from} ${session}`, now), known);
    if (now - memo.written < RENEW_MS) return false;
    memo.written = now;
    return true;
  }

  // The session's memo of it, which is now its newest.
  #hold(ids: Session['ids'], id: Omit<Remembered, 'holders'>): Memo {
    const key = `${id.from} ${id.id}`;
    let known = this.#byId.get(key);
    // Another message under it: the id had been forgotten and was used anew, and both came back from the store.
    if (known === undefined || known.to !== id.to || known.seq !== id.seq) {
      known = { ...id, holders: 0 };
      this.#byId.set(key, known);
    }
    let memo = ids.get(key);
    if (memo?.known !== known) {
      this.#letGo(ids, key);
      memo = { known, written: Number.NEGATIVE_INFINITY };
      known.holders += 1;
    }
    ids.delete(key);
    ids.set(key, memo);
    if (ids.size > this.#perSession) {
      const { value: oldest } = ids.keys().next();
      if (oldest !== undefined) this.#letGo(ids, oldest);
    }
    return memo;
  }

  /** Lets go of the sessions whose last SEND is long enough ago. */
  forget(now: number): void {
    for (const [name, { ids, last }] of this.#sessions) {
      if (now - last < REMEMBER_MS + RENEW_MS) return;
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
    const known = ids.get(key)?.known;
    ids.delete(key);
    if (known === undefined) return;
    known.holders -= 1;
    if (known.holders === 0 && this.#byId.get(key) === known) this.#byId.delete(key);
  }
}
