// The relay's state, and `apply`: how each entry of the log changes it. The same entries give the same state, when the relay runs and when
// it replays. `apply` looks only at the state and the entry: no clock, no limit, no random number; and it refuses nothing. README.md has the
// table of entries; the rules of a mailbox are in PROTOCOL.md, "A mailbox".

import { Deadlines } from '../core/deadlines.ts';
import { Queue, type Queued } from '../core/queue.ts';
import { type Account, Sum } from './account.ts';
import { damagedEntry, type Entry, type EntryMessage, highestIn, type SentMessage } from './entry.ts';
import { Gap } from './gap.ts';
import { HeldMessages, type Place } from './held.ts';
import { RememberedIds } from './ids.ts';
import type { Lsn } from './log/log.ts';

/** How many empty mailboxes are kept for their numbers; beyond that, those that have been empty longest are forgotten. */
export const MOST_EMPTY = 10_000;
/** After a loss, numbers continue this far above all known ones: further than the lost part can have given. */
export const LOSS_GAP = 1_000_000_000;
/** The prefix of throwaway names: their mailboxes are forgotten as soon as they are empty. */
export const THROWAWAY = 'w-';

/** One first-in first-out mailbox. */
export interface Mailbox extends Queued<Mailbox> {
  readonly name: string;
  /** The number that its next message gets. */
  next: number;
  /** Everything up to this number is acknowledged. */
  acknowledged: number;
  /** Messages up to this number may have been written to a collector before the relay opened. */
  tried: number;
  /** May messages have been written to a collector since the relay opened? */
  open: boolean;
  /** How many messages it holds. */
  count: number;
  /** The size of all their bodies, in bytes. */
  bytes: number;
  readonly held: HeldMessages;
  /** Identifies it in `deadlines` once one of its messages has had a ttl; until then 0. Never given to another mailbox. */
  serial: number;
}

/** The relay's state. */
export class State {
  /** The wall clock as it was last logged: epoch milliseconds. */
  at = 0;
  /** The age clock as it was last logged, in milliseconds. PROTOCOL.md, "Expiry and notices". */
  t = 0;
  /** How much of `t` passed while the relay was not running: sessions do not age by that. */
  down = 0;
  readonly mailboxes = new Map<string, Mailbox>();
  /** Mailboxes without mail; the one that has been empty longest comes first. */
  readonly empty = new Queue<Mailbox>();
  /** The highest number of any forgotten mailbox, for throwaway names and for others. */
  readonly marks = { throwaway: 0, other: 0 };
  readonly deadlines = new Deadlines();
  /** How many messages are held. */
  count = 0;
  /** How many numbers there are in the pages of all mailboxes, held or not. */
  readonly total = { slots: 0 };
  /** Told about every change to what is held. Empty while the log is being opened. */
  readonly accounts: Account[] = [];
  /** Set if a part of the log was lost and no LOST entry has recorded that yet. Then the numbers in entries count, not those counted here. */
  gap: Gap | undefined;
  /** The highest serial number that a mailbox has been given. */
  serials = 0;
  /** Mailboxes by their serial number. */
  readonly bySerial = new Map<number, Mailbox>();

  readonly #added = new Sum(this.accounts, 'added');
  readonly #removed = new Sum(this.accounts, 'removed');

  /** Tests use smaller limits. @param mostEmpty how many empty mailboxes are kept */
  constructor(
    readonly mostEmpty = MOST_EMPTY,
    readonly ids = new RememberedIds(),
  ) {}

  /** Notes that a part of the log was lost here. */
  lose(): void {
    this.gap ??= new Gap();
  }

  /** The clock by which sessions age, in milliseconds: it stops while the relay is not running. */
  get uptime(): number {
    return this.t - this.down;
  }

  /** Everything up to this number is acknowledged. It is defined for a name without a mailbox, too. */
  acknowledgedOf(name: string): number {
    return this.mailboxes.get(name)?.acknowledged ?? this.marks[kindOf(name)];
  }

  /** Has a collector ever been here for this name, as far as the state knows? Only a hint, for `present=`. */
  wasCollected(name: string): boolean {
    const box = this.mailboxes.get(name);
    return box !== undefined && (box.open || box.tried > 0 || box.acknowledged > this.marks[kindOf(name)]);
  }

  /** The number that the next message for a name gets. */
  nextOf(name: string): number {
    return this.mailboxes.get(name)?.next ?? this.marks[kindOf(name)] + 1;
  }

  /**
   * Applies an entry. @param lsn where it is in the log
   * @throws DetourError `damaged_journal` if the numbers in the entry cannot follow from the state
   */
  apply(entry: Entry, lsn: Lsn): void {
    if (entry.verb === 'EPOCH') this.down += Math.max(0, entry.t - this.t);
    if ('at' in entry && entry.verb !== 'MOVE') {
      this.at = entry.at;
      this.t = Math.max(this.t, entry.t);
    }
    if (this.gap) this.gap.highest = Math.max(this.gap.highest, highestIn(entry));
    switch (entry.verb) {
      case 'SEND':
        this.#send(entry, lsn);
        break;
      case 'REPEAT':
        this.ids.forget(this.uptime);
        this.ids.remember(this.ids.heard(`${entry.from} ${entry.session}`, this.uptime), entry);
        break;
      case 'OPEN':
        this.#open(entry.to);
        break;
      case 'ACK':
        this.#notices(entry, lsn);
        this.#acknowledge(entry, lsn);
        break;
      case 'EXPIRE':
        this.#notices(entry, lsn);
        this.#remove(entry.to, entry.numbers);
        break;
      case 'MOVE':
        this.#move(entry, lsn);
        break;
      case 'EPOCH':
        for (const box of this.mailboxes.values()) {
          if (box.open) box.tried = box.next - 1;
          box.open = false;
        }
        break;
      case 'LOST':
        for (const { to, numbers } of entry.gone) this.#remove(to, numbers);
        this.#jump();
        this.#notices(entry, lsn);
        break;
      default:
    }
  }

  #send(entry: Entry<'SEND'>, lsn: Lsn): void {
    const { from, session, first, messages, at, t } = entry;
    this.ids.forget(this.uptime);
    const sender = this.ids.heard(`${from} ${session}`, this.uptime);
    const given = new Map(first);
    for (let index = 0; index < messages.length; index++) {
      const message = messages[index] as SentMessage;
      const { to, size, notify, key, proof } = message;
      const seq = given.get(to);
      if (seq === undefined) throw damagedEntry(lsn, `it gives no number to a message for ${to}`);
      given.set(to, seq + 1);
      this.#add(message, seq, { lsn, index, size, at, notify: notify !== undefined }, t);
      this.ids.remember(sender, { key, seq, proof });
    }
    this.#added.tell();
  }

  #notices({ messages, at, t }: Entry<'ACK' | 'EXPIRE' | 'LOST'>, lsn: Lsn): void {
    for (const [index, notice] of messages.entries())
      this.#add(notice, notice.seq, { lsn, index, size: notice.size, at, notify: false }, t);
    this.#added.tell();
  }

  #add({ to, ttl }: EntryMessage, seq: number, place: Place, t: number): void {
    const next = this.nextOf(to);
    if (seq !== next && !(this.gap && seq > next))
      throw damagedEntry(place.lsn, `message ${seq} for ${to}, whose next is ${next}`);
    this.#hold(to, seq, place, ttl === undefined ? undefined : t + ttl * 1000);
  }

  #open(name: string): void {
    const box = this.mailboxes.get(name);
    if (box !== undefined) box.open = true;
  }

  #make(name: string, next: number): Mailbox {
    // `next` can be below the mark only after a gap.
    const acknowledged = Math.min(next - 1, this.marks[kindOf(name)]);
    const nothing = { tried: 0, open: false, count: 0, bytes: 0, serial: 0 };
    const held = new HeldMessages(this.total);
    const box: Mailbox = { name, next, acknowledged, ...nothing, held, before: undefined, after: undefined };
    this.mailboxes.set(name, box);
    this.empty.push(box);
    return box;
  }

  #hold(to: string, seq: number, place: Place, deadline: number | undefined): void {
    this.gap?.skip(to, this.nextOf(to), seq);
    const box = this.mailboxes.get(to) ?? this.#make(to, seq);
    box.next = Math.max(box.next, seq + 1);
    box.held.put(seq, place);
    if (box.count === 0) this.empty.remove(box);
    box.count += 1;
    box.bytes += place.size;
    this.count += 1;
    this.#added.add(box.name, place.lsn, place.size);
    if (deadline === undefined) return;
    if (box.serial === 0) this.#number(box, this.serials + 1);
    this.deadlines.sweep(
      ({ serial, seq: other }) => this.place(this.bySerial.get(serial), other) !== undefined,
    );
    this.deadlines.add({ t: deadline, serial: box.serial, seq });
  }

  #number(box: Mailbox, serial: number): void {
    this.serials = Math.max(this.serials, serial);
    box.serial = serial;
    this.bySerial.set(serial, box);
  }

  /** Adds a mailbox from a checkpoint. Those without mail come in the order in which they became empty. */
  restore(
    kept: Pick<Mailbox, 'name' | 'next' | 'acknowledged' | 'tried' | 'open' | 'serial' | 'held'>,
  ): void {
    const box: Mailbox = { ...kept, count: 0, bytes: 0, before: undefined, after: undefined };
    box.held.each(box.acknowledged, (_seq, { size }) => {
      box.count += 1;
      box.bytes += size;
    });
    this.mailboxes.set(box.name, box);
    this.count += box.count;
    if (box.serial > 0) this.#number(box, box.serial);
    if (box.count === 0) this.empty.push(box);
  }

  /** Where a message is; undefined if it is not held. */
  place(box: Mailbox | undefined, seq: number): Place | undefined {
    return box !== undefined && seq > box.acknowledged ? box.held.get(seq) : undefined;
  }

  #gone(box: Mailbox, place: Place): void {
    box.count -= 1;
    box.bytes -= place.size;
    this.count -= 1;
    this.#removed.add(box.name, place.lsn, place.size);
  }

  #acknowledge({ to, seq }: Entry<'ACK'>, lsn: Lsn): void {
    const box = this.mailboxes.get(to);
    const next = this.nextOf(to);
    if (seq >= next && !this.gap)
      throw damagedEntry(lsn, `${seq} acknowledged for ${to}, whose next is ${next}`);
    if (box === undefined || seq <= box.acknowledged) return;
    for (let at = box.held.after(box.acknowledged); at !== 0 && at <= seq; at = box.held.after(at))
      this.#gone(box, box.held.get(at) as Place);
    this.#removed.tell();
    box.acknowledged = seq;
    // Only after a gap can an ACK cover numbers that are not known here.
    box.next = Math.max(box.next, seq + 1);
    box.held.dropUpTo(seq);
    this.#settle(box);
  }

  #remove(name: string, numbers: readonly number[]): void {
    const box = this.mailboxes.get(name);
    if (box === undefined) return;
    for (const seq of numbers) {
      this.gap?.ended(name, seq);
      const place = this.place(box, seq);
      if (place === undefined) continue;
      box.held.remove(seq);
      this.#gone(box, place);
    }
    this.#removed.tell();
    this.#settle(box);
  }

  // A mailbox that has become empty is no longer open, and may be forgotten.
  #settle(box: Mailbox): void {
    if (box.count > 0 || box.before !== undefined || this.empty.first === box) return;
    box.open = false;
    box.held.dropUpTo(box.next);
    this.empty.push(box);
    // After a gap it may turn out to hold messages that are not known yet.
    if (this.gap) return;
    if (kindOf(box.name) === 'throwaway') this.#forget(box);
    else if (this.empty.length > this.mostEmpty) this.#forget(this.empty.first as Mailbox);
  }

  #forget(box: Mailbox): void {
    const kind = kindOf(box.name);
    this.marks[kind] = Math.max(this.marks[kind], box.next - 1);
    this.empty.remove(box);
    this.mailboxes.delete(box.name);
    this.bySerial.delete(box.serial);
    for (const account of this.accounts) account.forgotten(box.name);
  }

  #move({ to, numbers, messages, at, t }: Entry<'MOVE'>, lsn: Lsn): void {
    for (const [index, message] of messages.entries()) {
      const seq = numbers[index] as number;
      const { ttl, size, notify } = message;
      const place: Place = { lsn, index, size, at, notify: notify !== undefined };
      const box = this.mailboxes.get(to);
      const before = this.place(box, seq);
      if (box !== undefined && before !== undefined) {
        box.held.put(seq, place);
        this.#removed.add(to, before.lsn, before.size);
        this.#added.add(to, lsn, size);
      } else if (seq > (box?.acknowledged ?? 0) && this.gap?.mayHold(to, seq, this.nextOf(to))) {
        // The entry that stored it was lost. Otherwise it was acknowledged or has expired since it was read.
        this.#hold(to, seq, place, ttl === undefined ? undefined : t + ttl * 1000);
      }
    }
    this.#removed.tell();
    this.#added.tell();
  }

  // Nobody knows which numbers were given in the lost part. Everything that is held may have been written to a collector.
  #jump(): void {
    const above = this.lossFloor;
    this.marks.throwaway = above;
    this.marks.other = above;
    for (const box of this.mailboxes.values()) {
      box.open = false;
      box.tried = above;
      box.next = above + 1;
    }
    this.gap = undefined;
    for (const box of [...this.empty])
      if (kindOf(box.name) === 'throwaway' || this.empty.length > this.mostEmpty) this.#forget(box);
  }

  /** After a LOST entry, every number that is given is above this one. */
  get lossFloor(): number {
    let highest = Math.max(this.marks.throwaway, this.marks.other, this.gap?.highest ?? 0);
    for (const { next } of this.mailboxes.values()) highest = Math.max(highest, next - 1);
    return highest + LOSS_GAP;
  }
}

const kindOf = (name: string): keyof State['marks'] => (name.startsWith(THROWAWAY) ? 'throwaway' : 'other');
