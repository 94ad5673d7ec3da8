// The ids that the relay remembers, so that a repeat is recognised: one table over all sessions, and for each session its last ids. It keeps
// hashes, not ids, and points into no segment of the log. Pure: the time is an argument. PROTOCOL.md, "Repeats".

import { IdTable, type Kept } from '../core/id-table.ts';
import { Queue, type Queued } from '../core/queue.ts';

/** How long a session's ids are remembered after its last SEND, at least. Milliseconds. PROTOCOL.md, "Limits". */
export const REMEMBER_MS = 10 * 60 * 1000;
/** The shortest time between two notes that a session has repeated an id. Milliseconds. */
export const NOTE_MS = 60 * 1000;
/** A session that has been silent for longer is forgotten, ids and all. */
export const FORGET_MS = REMEMBER_MS + NOTE_MS;
/** Different ids that are remembered for each session: twice the window. */
export const IDS_PER_SESSION = 512;
/** What one run forgets at the most, in links: so that none takes long. */
const FORGET_LINKS = 2000;

/** A session, which may be one connection. */
export class SessionIds implements Queued<SessionIds> {
  /** The address that it counts for; undefined: for nobody. No part of the state. */
  address: string | undefined = undefined;
  before: SessionIds | undefined = undefined;
  after: SessionIds | undefined = undefined;
  /** Records of its ids. Once there are as many as are remembered, the next takes the place of the oldest. */
  ring: number[] = [];
  oldest = 0;

  /** @param name its name and token, with a space between. @param last when its last SEND was logged, by the age clock for sessions, in ms */
  constructor(
    readonly name: string,
    public last: number,
  ) {}

  /** How many ids it has. */
  get count(): number {
    return this.ring.length;
  }

  /** Records of its last different ids, in the order in which it first sent them. */
  get ids(): number[] {
    return [...this.ring.slice(this.oldest), ...this.ring.slice(0, this.oldest)];
  }
}

/** The remembered ids of all sessions, by the hash of name and id: the number of the message, and the hash of recipient and body. */
export class RememberedIds extends IdTable {
  #links = 0;
  readonly #sessions = new Map<string, SessionIds>();
  /** In the order of their last SEND, the longest ago first. */
  readonly sessions = new Queue<SessionIds>();
  /** Is told of links that a session has more, or less: after its ids have changed. */
  account: ((session: SessionIds, links: number) => void) | undefined;

  /** Tests remember and forget less. */
  constructor(
    private readonly perSession = IDS_PER_SESSION,
    private readonly forgetLinks = FORGET_LINKS,
  ) {
    super();
  }

  /** Links between a session and an id: this is what is limited, for an id may be remembered by many sessions. */
  get links(): number {
    return this.#links;
  }

  /** A session by its name and token; undefined if nothing of it is remembered. */
  session(name: string): SessionIds | undefined {
    return this.#sessions.get(name);
  }

  /**
   * What `forget` would forget. Asked before a run is admitted.
   * @param now the age clock for sessions, in milliseconds
   */
  forgettable(now: number): { readonly sessions: number; readonly links: number } {
    let [sessions, links] = [0, 0];
    for (let session = this.sessions.first; session !== undefined; session = session.after) {
      const { last, count } = session;
      if (now - last <= FORGET_MS || links + count > this.forgetLinks) break;
      sessions += 1;
      links += count;
    }
    return { sessions, links };
  }

  /** Forgets sessions that have been silent for long enough. Every SEND run and REPEAT begins with it. */
  forget(now: number): void {
    for (let { sessions } = this.forgettable(now); sessions > 0; sessions--) {
      const session = this.sessions.first as SessionIds;
      this.sessions.remove(session);
      this.#sessions.delete(session.name);
      const { ids } = session;
      for (const record of ids) this.release(record);
      session.ring = [];
      this.#links -= ids.length;
      this.account?.(session, -ids.length);
    }
  }

  /** A message was sent, or sent again, by a session that was just heard: the record of its id is set, and the session holds it. */
  remember(session: SessionIds, sent: Kept): void {
    const known = this.find(sent.key);
    const record = this.write(sent, known);
    const { ring, oldest } = session;
    if (known >= 0 && ring.includes(record)) return;
    this.hold(record);
    if (ring.length === this.perSession) {
      const gone = ring[oldest] as number;
      ring[oldest] = record;
      session.oldest = (oldest + 1) % ring.length;
      this.release(gone);
      return;
    }
    // What is pushed to an empty array gets room for many more, and most sessions have few.
    if (ring.length === 0) session.ring = [record];
    else ring.push(record);
    this.#links += 1;
    this.account?.(session, 1);
  }

  /** Takes over the records of a checkpoint, and its sessions in their order, with their lists. Nothing was remembered before. */
  restore(records: Uint32Array, sessions: Iterable<Pick<SessionIds, 'name' | 'last' | 'ids'>>): void {
    this.refill(records);
    for (const { name, last, ids } of sessions) {
      this.heard(name, last).ring = ids;
      this.#links += ids.length;
    }
  }

  /** A session has sent something. @param now the age clock for sessions, in milliseconds */
  heard(name: string, now: number): SessionIds {
    let session = this.#sessions.get(name);
    if (session === undefined) {
      session = new SessionIds(name, now);
      this.#sessions.set(name, session);
    } else this.sessions.remove(session);
    this.sessions.push(session);
    session.last = Math.max(session.last, now);
    return session;
  }
}
