// Which ids the relay remembers, so that a repeat is recognised: per session the last PER_SESSION ids, for REMEMBER_MS after the
// session's last SEND. Pure: the time is an argument. (Which *connection* of a session may act is exchange/door.ts.) PROTOCOL.md, "Repeats".

import type { RememberedId } from './store/store.ts';

/** A session's ids are remembered at least so long after its last SEND, in milliseconds. */
export const REMEMBER_MS = 10 * 60 * 1000;

/**
 * A repeat in its own session is written down only if the session's last record is older than this, so that a repeat seldom costs a
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

interface Session {
  /** Its ids by `from id`, the one sent longest ago first. */
  readonly ids: Map<string, Remembered>;
  /** When its last SEND came: the relay's monotonic time. */
  last: number;
  /** When the last one came of which the store has a record under this session. */
  written: number;
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
    const state = this.#touch(`${id.from} ${session}`, now);
    state.written = Math.max(state.written, now);
    this.#hold(state.ids, id);
  }

  /**
   * A known id was sent again.
   * @returns whether the store must be given a record of it, for this session's memory of it to last
   */
  repeat(session: string, known: Remembered, now: number): boolean {
    const state = this.#touch(`${known.from} ${session}`, now);
    const news = this.#hold(state.ids, known);
    if (!news && now - state.written < RENEW_MS) return false;
    state.written = now;
    return true;
  }

  // True if the session did not have it before.
  #hold(ids: Map<string, Remembered>, id: Omit<Remembered, 'holders'>): boolean {
    const key = `${id.from} ${id.id}`;
    let known = this.#byId.get(key);
    // Another message under it: the id had been forgotten and was used anew, and both came back from the store.
    if (known === undefined || known.to !== id.to || known.seq !== id.seq) {
      known = { ...id, holders: 0 };
      this.#byId.set(key, known);
    }
    const news = ids.get(key) !== known;
    if (news) {
      this.#letGo(ids, key);
      known.holders += 1;
    }
    ids.delete(key);
    ids.set(key, known);
    if (ids.size > this.#perSession) {
      const { value: oldest } = ids.keys().next();
      if (oldest !== undefined) this.#letGo(ids, oldest);
    }
    return news;
  }

  /** Lets go of the sessions whose last SEND is long enough ago. */
  forget(now: number): void {
    for (const [name, { ids, last }] of this.#sessions) {
      if (now - last < REMEMBER_MS + RENEW_MS) return;
      for (const key of ids.keys()) this.#letGo(ids, key);
      this.#sessions.delete(name);
    }
  }

  #touch(name: string, now: number): Session {
    // A session belongs to one name: nobody can push another's ids out by borrowing its token.
    const state = this.#sessions.get(name) ?? {
      ids: new Map(),
      last: now,
      written: Number.NEGATIVE_INFINITY,
    };
    state.last = Math.max(state.last, now);
    this.#sessions.delete(name);
    this.#sessions.set(name, state);
    return state;
  }

  #letGo(ids: Map<string, Remembered>, key: string): void {
    const id = ids.get(key);
    ids.delete(key);
    if (id === undefined) return;
    id.holders -= 1;
    if (id.holders === 0 && this.#byId.get(key) === id) this.#byId.delete(key);
  }
}
