// What the relay takes, decided before anything is logged: its limits, and shares, so that no address can use up a limit alone. None of
// this is in the log, and replay does not ask: the limits may be different at the next start. PROTOCOL.md, "Limits".

import { Shares } from '../exchange/limits.ts';
import type { Refusal } from '../exchange/session.ts';
import type { Account } from './account.ts';
import { FORGET_MS, IDS_PER_SESSION, type SessionIds } from './ids.ts';
import type { Lsn } from './log/log.ts';
import type { Machine } from './machine.ts';
import { MESSAGE_COST } from './retention.ts';

/** How much there may be in all. One address gets at most half. */
export interface RelayLimits {
  /** Messages that are held, in all mailboxes together or in a single one. */
  readonly messages: number;
  /** Mailboxes, and names that are to get a notice about a message. */
  readonly names: number;
  /** Remembered ids, counted once for each session that holds them. */
  readonly ids: number;
  /** Sessions whose ids are remembered. */
  readonly sessions: number;
}

/** The most messages held, by default. Each takes 16 bytes of memory: 320 MB. PROTOCOL.md, "Limits". */
export const MOST_MESSAGES = 20_000_000;
/** The most names in use, by default. Each takes about 500 bytes: 100 MB. PROTOCOL.md, "Limits". */
export const MOST_NAMES = 200_000;
/** The most remembered ids, by default. Each takes about 70 bytes: 37 MB. PROTOCOL.md, "Limits". */
export const MOST_IDS = 530_000;
/** The most sessions whose ids are remembered, by default. Each takes about 300 bytes: 60 MB. PROTOCOL.md, "Limits". */
export const MOST_SESSIONS = 200_000;

/** What a SEND asks for. */
interface Demand {
  readonly to: string;
  readonly notify?: string | undefined;
  /** The size of its body, in bytes. */
  readonly size: number;
}

const REFUSALS = {
  messages: {
    code: 'too_many',
    reason: 'Too many messages wait here; there will be room when some are collected.',
  },
  bytes: {
    code: 'disk_full',
    reason: 'Messages from this address take up its share of the disk; the rest is for others.',
  },
  names: { code: 'too_many', reason: 'Too many mailboxes are in use; there is no room for a new name.' },
  ids: { code: 'busy', reason: 'The relay cannot remember more ids now; try again in a few minutes.' },
} as const;

/** Decides what is taken, and counts what each address uses. */
export class Admission implements Account {
  readonly #limits: RelayLimits;
  readonly #messages = new Shares();
  readonly #bytes = new Shares();
  readonly #names = new Shares();
  readonly #ids = new Shares();
  readonly #sessions = new Shares();
  /** The address that first sent to each name since the start. Names that were there before the start count for nobody. */
  readonly #owners = new Map<string, string>();
  /** How many notices each name is still to get. */
  readonly #promised = new Map<string, number>();
  /** Names that have no mailbox yet but will: a message for them was taken, or they are to get a notice. */
  readonly #coming = new Set<string>();
  /** Messages that were taken but not applied yet, and their bytes: a run of one connection. */
  #taken = 0;
  #takenBytes = 0;
  #address = '';

  /** @param machine its state counts, from now on, for the addresses that send. @param room how many more bytes can be held */
  constructor(
    private readonly machine: Pick<Machine, 'state' | 'uptime'>,
    private readonly room: () => number,
    limits: Partial<RelayLimits> = {},
  ) {
    const usual = { messages: MOST_MESSAGES, names: MOST_NAMES, ids: MOST_IDS, sessions: MOST_SESSIONS };
    this.#limits = { ...usual, ...limits };
    machine.state.accounts.push(this);
    machine.state.ids.account = (session, links) => this.#link(session, links);
  }

  /** Names in use: mailboxes, and names that will have one. */
  get names(): number {
    return this.machine.state.mailboxes.size + this.#coming.size;
  }

  /** How much of each limit is used. */
  get usage(): Record<keyof RelayLimits, string> {
    const { count, ids } = this.machine.state;
    const limits = this.#limits;
    return {
      messages: `${count}/${limits.messages}`,
      names: `${this.names}/${limits.names}`,
      ids: `${ids.links}/${limits.ids}`,
      sessions: `${ids.sessions.length}/${limits.sessions}`,
    };
  }

  /** Why a SEND is refused; undefined if it may be taken. @param session the sender's name and token */
  refusal(address: string, session: string, { to, notify, size }: Demand): Refusal | undefined {
    const { messages, names } = this.#limits;
    const owner = this.#owners.get(to) ?? address;
    if (!this.#messages.admits(owner, this.#taken + 1, this.machine.state.count, messages))
      return REFUSALS.messages;
    if (!this.#bytes.admits(owner, this.#takenBytes + size + MESSAGE_COST, 0, this.room()))
      return REFUSALS.bytes;
    const told = notify !== undefined && notify !== to && this.#isNew(notify);
    const fresh = Number(this.#isNew(to)) + Number(told);
    if (!this.#names.admits(address, fresh, this.names, names)) return REFUSALS.names;
    return this.remembers(address, session) ? undefined : REFUSALS.ids;
  }

  /** Counts a SEND that is taken. After its run has been applied, `settle` must be called. */
  take(address: string, { to, notify, size }: Demand): void {
    this.#taken += 1;
    this.#takenBytes += size + MESSAGE_COST;
    this.#claim(to, address);
    if (notify === undefined) return;
    this.#claim(notify, address);
    this.#promised.set(notify, (this.#promised.get(notify) ?? 0) + 1);
  }

  /** Everything that was taken is in the state now. */
  settle(): void {
    this.#taken = 0;
    this.#takenBytes = 0;
  }

  /** A notice that was promised to a name has been stored for it. */
  told(notify: string): void {
    const left = (this.#promised.get(notify) ?? 0) - 1;
    if (left > 0) {
      this.#promised.set(notify, left);
      return;
    }
    this.#promised.delete(notify);
    this.#coming.delete(notify);
    if (!this.machine.state.mailboxes.has(notify)) this.forgotten(notify);
  }

  /** Is there room to remember one more id of a session? A run that does not increase the number of remembered ids is always admitted. */
  remembers(address: string, session: string): boolean {
    const { state, uptime } = this.machine;
    const { ids } = state;
    const { ids: most, sessions: mostSessions } = this.#limits;
    this.#address = address;
    // While less than half is used, no address can have more than its share.
    const [links, sessions] = [ids.links + this.#taken + 1, ids.sessions.length + 1];
    if (2 * links <= most && 2 * sessions <= mostSessions) return true;
    const free = ids.forgettable(uptime);
    const known = ids.session(session);
    const kept = known !== undefined && uptime - known.last <= FORGET_MS ? known.count : undefined;
    const grown = Math.min(IDS_PER_SESSION - (kept ?? 0), this.#taken + 1);
    const added = kept === undefined ? 1 : 0;
    return (
      (grown <= free.links || this.#ids.admits(address, grown, ids.links - free.links, most)) &&
      (added <= free.sessions ||
        this.#sessions.admits(address, added, ids.sessions.length - free.sessions, mostSessions))
    );
  }

  added(to: string, _lsn: Lsn, messages: number, bytes: number): void {
    this.#coming.delete(to);
    const owner = this.#owners.get(to);
    if (owner === undefined) return;
    this.#messages.add(owner, messages);
    this.#bytes.add(owner, bytes + messages * MESSAGE_COST);
  }

  removed(to: string, _lsn: Lsn, messages: number, bytes: number): void {
    const owner = this.#owners.get(to);
    if (owner === undefined) return;
    this.#messages.remove(owner, messages);
    this.#bytes.remove(owner, bytes + messages * MESSAGE_COST);
  }

  forgotten(name: string): void {
    const owner = this.#owners.get(name);
    if (this.#promised.has(name)) this.#coming.add(name);
    else if (owner !== undefined) {
      this.#owners.delete(name);
      this.#names.remove(owner, 1);
    }
  }

  // A name that is already there counts for nobody.
  #claim(name: string, address: string): void {
    if (!this.#isNew(name)) return;
    this.#coming.add(name);
    if (this.#owners.has(name)) return;
    this.#owners.set(name, address);
    this.#names.add(address, 1);
  }

  #isNew(name: string): boolean {
    return !this.machine.state.mailboxes.has(name) && !this.#coming.has(name);
  }

  #link(session: SessionIds, links: number): void {
    session.address ??= this.#address;
    if (links > 0) this.#ids.add(session.address, links);
    else this.#ids.remove(session.address, -links);
    // Its first id, or its last.
    if (links > 0 && session.count === 1) this.#sessions.add(session.address, 1);
    if (session.count === 0) this.#sessions.remove(session.address, 1);
  }
}
