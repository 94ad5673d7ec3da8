// The ids that the relay remembers so that it recognises a repeat: one table for all sessions, and for each session its last ids. It keeps
// hashes, not ids, and does not point into the log. Pure: the time is an argument. PROTOCOL.md, "Repeats".

import { IdTable, type Kept } from '../core/id-table.ts';
import { Queue, type Queued } from '../core/queue.ts';

/** The minimum time that a session's ids are remembered after its last SEND. Milliseconds. PROTOCOL.md, "Limits". */
export const REMEMBER_MS = 10 * 60 * 1000;
/** A repeat of an id that a session already holds is logged only if nothing of the session was logged for this long. Milliseconds. */
export const NOTE_MS = 60 * 1000;
/** A session that has been silent for longer than this is forgotten, ids and all. Milliseconds. */
export const FORGET_MS = REMEMBER_MS + NOTE_MS;
/** How many different ids are remembered for each session: twice the window. */
export const IDS_PER_SESSION = 512;
/** The most links that one run forgets, so that no run takes long. */
const FORGET_LINKS = 2000;

/** A session and the ids that are remembered for it. */
export class SessionIds implements Queued<SessionIds> {
  /** The address whose share it counts against; undefined: nobody's. Not part of the state. */
  address: string | undefined = undefined;
  before: SessionIds | undefined = undefined;
  after: SessionIds | undefined = undefined;
  /** The records of its ids. When the limit is reached, the next id replaces the oldest. */
  ring: number[] = [];
  /** The index of the oldest record in `ring`. */
  oldest = 0;

  /** @param name its name and token, with a space between. @param last when its last SEND was logged: age clock for sessions, milliseconds */
  constructor(
    readonly name: string,
    public last: number,
  ) {}

  /** How many ids it has. */
  get count(): number {
    return this.ring.length;
  }

  /** The records of its last different ids, in the order in which it first sent them. */
  get ids(): number[] {
    return [...this.ring.slice(this.oldest), ...this.ring.slice(0, this.oldest)];
  }
}

/** The remembered ids of all sessions. The hash of name and id leads to the message's number and the hash of its recipient and body. */
export class RememberedIds extends IdTable {
  #links = 0;
  readonly #sessions = new Map<string, SessionIds>();
  /** All sessions, in the order of their last SEND, oldest first. */
  readonly sessions = new Queue<SessionIds>();
  /** Called after a session's ids have changed, with the number of links gained (or lost: negative). */
  account: ((session: SessionIds, links: number) => void) | undefined;

  /** Tests use smaller limits. @param perSession ids for each session. @param forgetLinks the most links that one run forgets */
  constructor(
    private readonly perSession = IDS_PER_SESSION,
    private readonly forgetLinks = FORGET_LINKS,
  ) {
    super();
  }

  /** How many links there are between sessions and ids. These are limited because many sessions may remember the same id. */
  get links(): number {
    return this.#links;
  }

  /** A session by its name and token; undefined if it is not remembered. */
  session(name: string): SessionIds | undefined {
    return this.#sessions.get(name);
  }

  /**
   * How much `forget` would forget. Asked before a run is admitted.
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

  /** Forgets sessions that have been silent for long enough. Each SEND run and each REPEAT begins with it. */
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

  /** A session that was just heard has sent or repeated a message: sets the record of its id, and the session holds the record. */
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
    // A push to an empty array reserves room for many more, and most sessions have few ids.
    if (ring.length === 0) session.ring = [record];
    else ring.push(record);
    this.#links += 1;
    this.account?.(session, 1);
  }

  /** Takes over the records of a checkpoint, and its sessions in order, with their ids. Nothing may be remembered before. */
  restore(records: Uint32Array, sessions: Iterable<Pick<SessionIds, 'name' | 'last' | 'ids'>>): void {
    this.refill(records);
    for (const { name, last, ids } of sessions) {
      this.heard(name, last).ring = ids;
      this.#links += ids.length;
    }
  }

  /** Notes that a session has sent something. @param now the age clock for sessions, in milliseconds */
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
