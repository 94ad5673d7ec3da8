// Which ids the relay remembers, so that a repeat is recognised: per session the last PER_SESSION ids, for REMEMBER_MS after the
// session's last SEND. Pure: the time is an argument. (Which *connection* of a session may act is exchange/greet.ts.) PROTOCOL.md, "Repeats".

import type { RememberedId } from './store/store.ts';

/** A session's ids are remembered at least so long after its last SEND, in milliseconds. */
export const REMEMBER_MS = 10 * 60 * 1000;

/**
 * A repeat renews the memory durably only if the record is older than this, so that a repeat seldom costs a write. Every memory is
 * kept so much longer, so that one that was not renewed still lasts REMEMBER_MS. Milliseconds.
 */
export const RENEW_MS = 60 * 1000;

/** Ids remembered over all sessions: about 200 bytes each, so 100 MB. A relay that would need more answers REFUSED code=busy. */
export const MOST_IDS = 500_000;

/** A remembered id in memory. */
export interface Remembered extends Omit<RememberedId, 'session' | 'at'> {
  /** When its SEND, or its last durable renewal, came: the relay's monotonic time. */
  renewed: number;
  /** How many sessions remember it. */
  holders: number;
}

interface Session {
  /** Its ids by `from id`, the one sent longest ago first. */
  readonly ids: Map<string, Remembered>;
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

  /** Remembers a new id, or lets another session remember one that is known. */
  remember(session: string, id: Omit<Remembered, 'holders' | 'renewed'>, now: number): void {
    const key = `${id.from} ${id.id}`;
    let known = this.#byId.get(key);
    if (known === undefined) {
      known = { ...id, renewed: now, holders: 0 };
      this.#byId.set(key, known);
    }
    // A session belongs to one name: nobody can push another's ids out by borrowing its token.
    const { ids } = this.#touch(`${id.from} ${session}`, now);
    if (!ids.delete(key)) known.holders += 1;
    ids.set(key, known);
    if (ids.size <= this.#perSession) return;
    const { value: oldest } = ids.keys().next();
    if (oldest !== undefined) this.#letGo(ids, oldest);
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
    const state = this.#sessions.get(name) ?? { ids: new Map(), last: now };
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
    if (id.holders === 0) this.#byId.delete(key);
  }
}
