// What the relay takes, decided before anything is logged: its limits, and shares, so that no address can take all of anything. Nothing of
// this is in the log, and replay does not ask it: other limits may hold at the next start. PROTOCOL.md, "Limits".

import { Shares } from '../exchange/limits.ts';
import { FORGET_MS, IDS_PER_SESSION, type SessionIds } from './ids.ts';
import type { Machine } from './machine.ts';
import type { Account, State } from './state.ts';

/** How much there may be, in all. An address gets half at the most. */
export interface RelayLimits {
  /** Messages that are held, in all mailboxes or in one. */
  readonly messages: number;
  /** Mailboxes, and names that are to be told of a message. */
  readonly names: number;
  /** Ids that are remembered, counted once for each session that does. */
  readonly ids: number;
  /** Sessions whose ids are remembered. */
  readonly sessions: number;
}

/** 16 bytes of memory each: 320 MB. PROTOCOL.md, "Limits", also for those that follow. */
export const MOST_MESSAGES = 20_000_000;
/** About 500 bytes each: 100 MB. */
export const MOST_NAMES = 200_000;
/** About 70 bytes each: 37 MB. */
export const MOST_IDS = 530_000;
/** About 300 bytes each: 60 MB. */
export const MOST_SESSIONS = 200_000;

/** A refusal: the code of REFUSED, and a sentence. */
export interface Objection {
  readonly code: 'too_many' | 'busy';
  readonly reason: string;
}

/** What a SEND asks for. */
export interface Demand {
  /** The address that it came from. */
  readonly address: string;
  /** The name and token of its session. */
  readonly session: string;
  readonly to: string;
  readonly notify: string | undefined;
}

const TOO_MANY_MESSAGES = 'Too many messages wait here; there is room when some are collected.';
const TOO_MANY_NAMES = 'Too many mailboxes are in use; a new name finds no room.';
const TOO_MANY_IDS = 'Too many ids are to be remembered; try again in some minutes.';

/** Decides what is taken, and counts who holds what. */
export class Admission implements Account {
  readonly #machine: Pick<Machine, 'uptime'>;
  readonly #state: State;
  readonly #limits: RelayLimits;
  readonly #messages = new Shares();
  readonly #names = new Shares();
  readonly #ids = new Shares();
  readonly #sessions = new Shares();
  /** The address that first sent to a name since the start. What is older counts for nobody. */
  readonly #owners = new Map<string, string>();
  /** Names that will be told of so many messages. */
  readonly #promised = new Map<string, number>();
  /** Those of them that have no mailbox. */
  readonly #expected = new Set<string>();
  /** What was taken and is not applied yet: a run of one connection. */
  #taken = 0;
  readonly #fresh = new Set<string>();
  #address = '';

  /** @param machine whose state counts from now on for those who send */
  constructor(machine: Machine, limits: Partial<RelayLimits> = {}) {
    const { state } = machine;
    this.#machine = machine;
    const usual = { messages: MOST_MESSAGES, names: MOST_NAMES, ids: MOST_IDS, sessions: MOST_SESSIONS };
    this.#state = state;
    this.#limits = { ...usual, ...limits };
    state.accounts.push(this);
    state.ids.account = (session, links) => this.#link(session, links);
  }

  /** Names in use: mailboxes, and those that are to be told of something. */
  get names(): number {
    return this.#state.mailboxes.size + this.#expected.size + this.#fresh.size;
  }

  /** What is used of each limit. */
  get usage(): Record<keyof RelayLimits, string> {
    const { count, ids } = this.#state;
    const limits = this.#limits;
    return {
      messages: `${count}/${limits.messages}`,
      names: `${this.names}/${limits.names}`,
      ids: `${ids.links}/${limits.ids}`,
      sessions: `${ids.sessions.length}/${limits.sessions}`,
    };
  }

  /** Why a SEND is refused; undefined if it may be taken. */
  objection({ address, session, to, notify }: Demand): Objection | undefined {
    const limits = this.#limits;
    const owner = this.#owners.get(to) ?? address;
    if (!shared(this.#messages, owner, this.#taken, 1, this.#state.count + this.#taken, limits.messages))
      return { code: 'too_many', reason: TOO_MANY_MESSAGES };
    const fresh = new Set([to, notify].filter((name) => name !== undefined && this.#isNew(name))).size;
    if (!shared(this.#names, address, 0, fresh, this.names, limits.names))
      return { code: 'too_many', reason: TOO_MANY_NAMES };
    return this.remembers(address, session) ? undefined : { code: 'busy', reason: TOO_MANY_IDS };
  }

  /** It is taken: it counts from now on. After a run is applied, or given up, `settle` must be called. */
  take({ address, to, notify }: Demand): void {
    this.#taken += 1;
    if (this.#isNew(to)) this.#fresh.add(to);
    if (!this.#owners.has(to)) this.#own(to, address);
    if (notify === undefined) return;
    if (!this.#owners.has(notify)) this.#own(notify, address);
    this.#promised.set(notify, (this.#promised.get(notify) ?? 0) + 1);
    if (!this.#state.mailboxes.has(notify)) this.#expected.add(notify);
    this.#fresh.delete(notify);
  }

  /** What was taken is in the state now. */
  settle(): void {
    this.#taken = 0;
    this.#fresh.clear();
  }

  /** A name was told what became of a message, or never will be. */
  told(notify: string): void {
    const left = (this.#promised.get(notify) ?? 0) - 1;
    if (left > 0) {
      this.#promised.set(notify, left);
      return;
    }
    this.#promised.delete(notify);
    this.#expected.delete(notify);
    if (!this.#state.mailboxes.has(notify)) this.forgotten(notify);
  }

  /** Is there room to remember one more id of a session? A run that leaves no more to be remembered than it found is always admitted. */
  remembers(address: string, session: string): boolean {
    const { ids } = this.#state;
    const { uptime } = this.#machine;
    const { ids: most, sessions: mostSessions } = this.#limits;
    this.#address = address;
    const [links, sessions] = [ids.links + this.#taken, ids.sessions.length];
    if (2 * (links + 1) <= most && 2 * (sessions + 1) <= mostSessions) return true;
    const free = ids.forgettable(uptime);
    const known = ids.session(session);
    const old = known !== undefined && uptime - known.last > FORGET_MS;
    const ring = known === undefined || old ? 0 : known.ids.length;
    const grown = Math.min(IDS_PER_SESSION, ring + this.#taken + 1) - ring;
    const added = known === undefined || old ? 1 : 0;
    const fits = (shares: Shares, used: number, gone: number, count: number, limit: number): boolean =>
      count <= gone || shared(shares, address, 0, count, used - gone, limit);
    return (
      fits(this.#ids, ids.links, free.links, grown, most) &&
      fits(this.#sessions, sessions, free.sessions, added, mostSessions)
    );
  }

  added(to: string): void {
    this.#expected.delete(to);
    const owner = this.#owners.get(to);
    if (owner !== undefined) this.#messages.add(owner, 1);
  }

  removed(to: string): void {
    const owner = this.#owners.get(to);
    if (owner !== undefined) this.#messages.remove(owner, 1);
  }

  forgotten(name: string): void {
    const owner = this.#owners.get(name);
    if (this.#promised.has(name)) this.#expected.add(name);
    if (owner === undefined || this.#promised.has(name)) return;
    this.#owners.delete(name);
    this.#names.remove(owner, 1);
  }

  #own(name: string, address: string): void {
    // What is there already counts for nobody.
    if (this.#state.mailboxes.has(name)) return;
    this.#owners.set(name, address);
    this.#names.add(address, 1);
  }

  #isNew(name: string): boolean {
    return !this.#state.mailboxes.has(name) && !this.#promised.has(name) && !this.#fresh.has(name);
  }

  #link(session: SessionIds, links: number): void {
    session.address ??= this.#address;
    if (links > 0) this.#ids.add(session.address, links);
    else this.#ids.remove(session.address, -links);
    // Its first id, or its last.
    if (links > 0 && session.ids.length === 1) this.#sessions.add(session.address, 1);
    if (session.ids.length === 0) this.#sessions.remove(session.address, 1);
  }
}

// May an address take so many more? @param taken what it has taken and `shares` does not count yet. @param used by all
function shared(
  shares: Shares,
  address: string,
  taken: number,
  count: number,
  used: number,
  limit: number,
): boolean {
  return count === 0 || shares.held(address) + taken + count <= limit - used - count;
}
