// Random histories of the relay's decisions, usually short ones with few names and ids, so that they interact. After each entry the naive state
// is compared with two real ones: the one that the decisions make, and the one that the log makes, read back from its bytes. Now and then a
// checkpoint is taken, drawn while everything goes on, and a relay opens with it; or a part of the log is lost. No test is in here.

import assert from 'node:assert/strict';
import type { Account } from '../../../src/async/account.ts';
import {
  decodeEntry,
  type Entry,
  type EntryMessage,
  encodeEntry,
  keyOf,
  type Notice,
  noticeFrame,
} from '../../../src/async/entry.ts';
import { RememberedIds } from '../../../src/async/ids.ts';
import type { Lsn } from '../../../src/async/log/log.ts';
import { restoreSnapshot, takeSnapshot } from '../../../src/async/snapshot.ts';
import { State } from '../../../src/async/state.ts';
import { type Hash, Hasher } from '../../../src/core/hash.ts';
import type { Kept } from '../../../src/core/id-table.ts';
import { encodeFrame } from '../../../src/wire/frame.ts';
import { sentMessage } from '../sent.ts';
import { compare, compareInFull } from './compare.ts';
import { KEEPS, type Keeps, NaiveState } from './naive.ts';

/** Its hashes collide in the table of ids. `low` says where they are in it. */
class CollidingHasher extends Hasher {
  override text(...what: Parameters<Hasher['text']>): Hash {
    const { high, low } = super.text(...what);
    return { high, low: low & 15 };
  }
}

const hasher = new CollidingHasher(Buffer.from('0123456789abcdef'));

/** What the relay decided: an entry, and the frames of its messages. */
export interface Decision {
  readonly entry: Entry;
  readonly frames: readonly Uint8Array[];
}

/** A connection: its name and its session. */
export interface Who {
  readonly from: string;
  readonly session: string;
}

/** What a client sends. */
export interface Mail {
  readonly id: string;
  readonly to: string;
  readonly body?: string;
  readonly ttl?: number | undefined;
  readonly notify?: string | undefined;
}

/** A message that was given a number, and how a MOVE refers to it. */
interface Given extends Partial<Who> {
  readonly to: string;
  readonly seq: number;
  /** The entry that it was first in. */
  readonly run: number;
  readonly at: number;
  readonly t: number;
  readonly message: EntryMessage;
  readonly frame: Uint8Array;
}

/** Decides like the relay, according to the naive state: legal entries, in order. */
export class Decider {
  at = 1_700_000_000_000;
  t = 0;
  #runs = 0;
  /** All messages that were ever given a number, by recipient and number. */
  readonly given = new Map<string, Given>();

  /** @param naive the state after the entries so far */
  constructor(public naive: NaiveState) {}

  get #times(): { readonly at: number; readonly t: number } {
    return { at: this.at, t: this.t };
  }

  /** Advances both clocks. */
  pass(ms: number): void {
    this.at += ms;
    this.t += ms;
  }

  /** One run of messages of a connection. @param as the first numbers, if they are not the next ones */
  send(who: Who, mails: readonly Mail[], as: ReadonlyMap<string, number> = new Map()): Decision {
    const first = new Map<string, number>();
    const next = new Map<string, number>();
    const run = ++this.#runs;
    const frames: Buffer[] = [];
    const messages = mails.map(({ body = 'x', ...mail }) => {
      const { id, to, ttl, notify } = mail;
      const seq = next.get(to) ?? as.get(to) ?? this.naive.nextOf(to);
      if (!first.has(to)) first.set(to, seq);
      next.set(to, seq + 1);
      const frame = encodeFrame('SEND', Object.entries({ id, to, ttl, notify }), Buffer.from(body));
      frames.push(frame);
      const message = sentMessage(who.from, mail, Buffer.from(body), hasher);
      this.given.set(`${to} ${seq}`, { to, seq, run, ...who, ...this.#times, message, frame });
      return message;
    });
    return { entry: { verb: 'SEND', ...who, first, ...this.#times, messages }, frames };
  }

  /** What is remembered for an id. */
  known(from: string, id: string): Kept | undefined {
    const { high, low } = keyOf(from, id, hasher);
    return this.naive.records.get(`${high}.${low}`);
  }

  repeat(who: Who, id: string, { seq, proof }: Pick<Kept, 'seq' | 'proof'>): Decision {
    const key = keyOf(who.from, id, hasher);
    return { entry: { verb: 'REPEAT', ...who, id, seq, proof, ...this.#times, key }, frames: [] };
  }

  open(to: string): Decision {
    return { entry: { verb: 'OPEN', to }, frames: [] };
  }

  /** Notices to the senders of what is removed, numbered as if nothing had been removed. */
  #notices(
    to: string,
    goes: (seq: number) => boolean,
    kind: 'receipt' | 'bounce',
    tried?: 'yes' | 'no',
  ): { readonly messages: Notice[]; readonly frames: Buffer[] } {
    const numbers = new Map<string, number>();
    const told = this.naive.heldOf(to).filter(({ seq, notify }) => notify && goes(seq));
    const messages = told.map(({ seq }): Notice => {
      const { id, notify = '' } = (this.given.get(`${to} ${seq}`) as Given).message;
      const number = numbers.get(notify) ?? this.naive.nextOf(notify);
      numbers.set(notify, number + 1);
      return { id, to: notify, seq: number, ttl: 604_800, kind, ...(tried && { tried }), size: 3 };
    });
    return { messages, frames: this.#noticed(messages) };
  }

  #noticed(messages: readonly Notice[]): Buffer[] {
    const run = ++this.#runs;
    return messages.map((message) => {
      const frame = noticeFrame(message, 'so.');
      const { to, seq } = message;
      this.given.set(`${to} ${seq}`, { to, seq, run, from: 'relay', ...this.#times, message, frame });
      return frame;
    });
  }

  acknowledge(to: string, seq: number): Decision {
    const { messages, frames } = this.#notices(to, (number) => number <= seq, 'receipt');
    return { entry: { verb: 'ACK', to, seq, ...this.#times, messages }, frames };
  }

  expire(to: string, numbers: readonly number[], tried: 'yes' | 'no' = 'no'): Decision {
    const { messages, frames } = this.#notices(to, (seq) => numbers.includes(seq), 'bounce', tried);
    return { entry: { verb: 'EXPIRE', to, numbers, ...this.#times, messages }, frames };
  }

  /** The messages of one run for one mailbox, wherever they are by now. */
  move(to: string, numbers: readonly number[]): Decision {
    const all = numbers.map((seq) => this.given.get(`${to} ${seq}`) as Given);
    const { from = '', session, at, t } = all[0] as Given;
    const messages = all.map(({ message }) => message);
    const entry: Entry = { verb: 'MOVE', to, from, session, numbers, at, t, messages };
    return { entry, frames: all.map(({ frame }) => frame) };
  }

  clock(): Decision {
    return { entry: { verb: 'CLOCK', ...this.#times }, frames: [] };
  }

  epoch(): Decision {
    return { entry: { verb: 'EPOCH', ...this.#times }, frames: [] };
  }

  closed(): Decision {
    return { entry: { verb: 'CLOSED', ...this.#times }, frames: [] };
  }

  /** @param gone messages that cannot be read @param told the names that are told about it by a message */
  lost(gone: Entry<'LOST'>['gone'], told: readonly string[], lsn: number): Decision {
    const seq = this.naive.floorOfLoss + 1;
    const messages = told.map((to): Notice => ({ id: `lost-${lsn}`, to, seq, ttl: 604_800, size: 3 }));
    const frames = this.#noticed(messages);
    const parts = [{ from: lsn - 1, to: lsn }];
    return { entry: { verb: 'LOST', ...this.#times, parts, gone, messages }, frames };
  }
}

/** An entry in the log. */
export interface Logged extends Decision {
  readonly lsn: number;
  readonly bytes: Buffer;
}

/** A log, and the state that its entries make as they are decided. */
export class LogWriter {
  real = new State();
  readonly log: Logged[] = [];
  #end = 0;

  /** Appends it. */
  add(decision: Decision): Logged {
    const bytes = Buffer.concat(encodeEntry(decision.entry, decision.frames));
    const lsn = this.#end;
    const logged = { ...decision, lsn, bytes };
    this.log.push(logged);
    this.#end = lsn + 8 + bytes.length;
    return logged;
  }

  /** Appends an entry and applies it. */
  write(decision: Decision): void {
    const { entry, lsn } = this.add(decision);
    this.real.apply(entry, lsn);
  }
}

/** Applies the entries of a log, from their bytes; `lost` stands for a part that cannot be read. */
export function replay(
  log: readonly (Pick<Logged, 'bytes' | 'lsn'> | 'lost')[],
  state: State = new State(),
): State {
  for (const logged of log)
    if (logged === 'lost') state.lose();
    else state.apply(decodeEntry(logged.bytes, hasher).entry, logged.lsn);
  return state;
}

/** The chunks of a snapshot, drawn one after another, at any time. */
export class Checkpoint {
  readonly #chunks: Iterator<Uint8Array>;
  readonly #drawn: Buffer[] = [];
  #done = false;

  /** @param length the length of the log when the state was taken */
  constructor(
    state: State,
    readonly length: number,
  ) {
    this.#chunks = takeSnapshot(state).chunks[Symbol.iterator]();
  }

  /** Draws the next chunk. @returns was there one? */
  draw(): boolean {
    const next = this.#chunks.next();
    this.#done = next.done === true;
    // The chunk's buffer may be reused once the next one is requested.
    if (next.done !== true) this.#drawn.push(Buffer.from(next.value));
    return !this.#done;
  }

  /** Draws the rest. @returns the total size, in bytes */
  drain(): number {
    while (!this.#done) this.draw();
    return this.#drawn.reduce((sum, { length }) => sum + length, 0);
  }

  /** What was drawn. */
  get bytes(): Buffer {
    return Buffer.concat(this.#drawn);
  }

  /** What comes back from it; its chunks are read in pieces of other sizes. @param state a new state */
  async restore(piece = 1000, state = new State()): Promise<State> {
    this.drain();
    const all = this.bytes;
    return await restoreSnapshot(
      (async function* () {
        for (let at = 0; at < all.length; at += piece) yield all.subarray(at, at + piece);
      })(),
      state,
    );
  }
}

/** What the events of a state say: what is held, which names have mailboxes, and how many ids each session holds. */
class Told implements Account {
  /** The number of messages and their bytes, by mailbox and entry. */
  #held = new Map<string, { messages: number; bytes: number }>();
  readonly #names = new Set<string>();
  readonly #links = new Map<string, number>();

  /** Begins with what already exists. */
  constructor(naive: NaiveState) {
    for (const { name, held } of naive.boxes.values()) {
      this.#names.add(name);
      for (const { lsn, size } of held) this.added(name, lsn, 1, size);
    }
    for (const { name, ids } of naive.sessions) this.#links.set(name, ids.length);
  }

  /** Listens to the events of this state. */
  hear(state: State): void {
    state.accounts.push(this);
    state.ids.account = ({ name }, more) => {
      const links = (this.#links.get(name) ?? 0) + more;
      if (links === 0) this.#links.delete(name);
      else this.#links.set(name, links);
    };
  }

  added(to: string, lsn: Lsn, messages: number, bytes: number): void {
    const held = this.#held.get(`${to} ${lsn}`) ?? { messages: 0, bytes: 0 };
    this.#held.set(`${to} ${lsn}`, { messages: held.messages + messages, bytes: held.bytes + bytes });
    this.#names.add(to);
  }

  removed(to: string, lsn: Lsn, messages: number, bytes: number): void {
    const held = this.#held.get(`${to} ${lsn}`);
    if (held === undefined || held.messages < messages)
      assert.fail(`${messages} of LSN ${lsn} are removed from ${to} but were not held`);
    if (held.messages > messages) this.added(to, lsn, -messages, -bytes);
    else this.#held.delete(`${to} ${lsn}`);
  }

  forgotten(name: string): void {
    if (!this.#names.delete(name)) assert.fail(`${name} is forgotten but was not there`);
  }

  /** Compares it with what the state says. @throws AssertionError if they differ */
  check({ boxes, sessions }: NaiveState): void {
    const told = this.#held;
    this.#held = new Map();
    for (const { name, held } of boxes.values()) {
      if (!this.#names.has(name)) assert.fail(`no event reported ${name}`);
      for (const { lsn, size } of held) this.added(name, lsn, 1, size);
    }
    assert.equal(told.size, this.#held.size);
    for (const [key, sum] of this.#held) assert.deepEqual(told.get(key), sum);
    for (const { name, ids } of sessions) assert.equal(this.#links.get(name), ids.length);
    assert.equal(this.#names.size, boxes.size);
    assert.equal(this.#links.size, sessions.length);
  }
}

const NAMES = ['ann', 'bob', 'carol', 'w-1', 'w-2'] as const;
const WHO: readonly Who[] = ['ann s1', 'ann s2', 'ben s1'].map((text) => {
  const [from = '', session = ''] = text.split(' ');
  return { from, session };
});

/** What was read back from the bytes of an entry. */
type Read = Pick<Logged, 'entry' | 'lsn'>;

const isLost = (read: Read | 'lost'): boolean => read !== 'lost' && read.entry.verb === 'LOST';

/** One relay and its log. */
class History {
  readonly #keeps: Keeps;
  #naive: NaiveState;
  readonly #decider: Decider;
  /** The state that the decisions make, and what its events say. A relay that has opened goes on with the state from checkpoint and log. */
  #live: State;
  #told: Told;
  /** The state that the log makes. */
  #replayed: State;
  readonly #log: (Read | 'lost')[] = [];
  #lsn = 0;
  #checkpoints: Checkpoint[] = [];
  /** A checkpoint after a loss: nothing before it is read again. Undefined: the log is read from its beginning. */
  #base: Checkpoint | undefined;
  /** A MOVE of messages that have expired since they were read. */
  #late: Decision | undefined;

  constructor(readonly chance: () => number) {
    // Half of the states keep so little that they forget.
    const ids = 2 + this.#below(3);
    const few = { empty: 1 + this.#below(2), ids, links: ids + this.#below(4) };
    this.#keeps = this.chance() < 0.5 ? few : KEEPS;
    this.#naive = new NaiveState(this.#keeps);
    this.#decider = new Decider(this.#naive);
    this.#live = this.#state();
    this.#replayed = this.#state();
    this.#told = new Told(this.#naive);
    this.#told.hear(this.#live);
  }

  #state(): State {
    const { empty, ids, links } = this.#keeps;
    return new State(empty, new RememberedIds(ids, links));
  }

  #below(most: number): number {
    return Math.floor(this.chance() * most);
  }

  #one<T>(of: readonly T[]): T {
    return of[this.#below(of.length)] as T;
  }

  // ---- what is decided

  /** Decides and applies an entry. */
  step(): void {
    this.#append(this.#decide());
    this.#check();
  }

  #append({ entry, frames }: Decision): void {
    const bytes = Buffer.concat(encodeEntry(entry, frames));
    // Between entries there are headers of commits and ends of files.
    this.#lsn += this.chance() < 0.01 ? 2 ** 33 : 32 * this.#below(3);
    const read = { entry: decodeEntry(bytes, hasher).entry, lsn: this.#lsn };
    this.#log.push(read);
    this.#live.apply(entry, this.#lsn);
    this.#replayed.apply(read.entry, this.#lsn);
    this.#naive.apply(entry, this.#lsn);
    this.#lsn += 8 + bytes.length;
  }

  #check(): void {
    compare(this.#live, this.#naive, NAMES);
    compare(this.#replayed, this.#naive, NAMES);
    this.#told.check(this.#naive);
  }

  // Usually what the relay would do next.
  #decide(): Decision {
    const decider = this.#decider;
    const naive = this.#naive;
    decider.pass(
      this.chance() < 0.08 ? this.#below(15 * 60_000) : this.#below(this.chance() < 0.3 ? 90_000 : 500),
    );
    const what = this.chance();
    const to = this.#one(NAMES);
    const held = naive.heldOf(to).map(({ seq }) => seq);
    if (what < 0.35) return this.#send();
    if (what < 0.45) return decider.open(to);
    if (what < 0.65) {
      // Usually something new is acknowledged; sometimes nothing.
      const [low, high] = [naive.acknowledgedOf(to), naive.nextOf(to) - 1];
      if (high > low || (low > 0 && this.chance() < 0.2))
        return decider.acknowledge(
          to,
          Math.max(1, Math.min(high, low + this.#below(high - low + 1) + (held.length > 0 ? 1 : 0))),
        );
      return this.#send();
    }
    if (what < 0.77 && held.length > 0) {
      const numbers = held.filter(() => this.chance() < 0.6);
      if (numbers.length > 0) this.#late = decider.move(to, numbers.slice(-1));
      // It may be gone already.
      if (this.chance() < 0.1 && (held[0] as number) > 1) numbers.unshift((held[0] as number) - 1);
      if (numbers.length > 0) return decider.expire(to, numbers, this.#one(['yes', 'no']));
    }
    if (what < 0.89) {
      if (this.#late !== undefined && this.chance() < 0.2) return this.#late;
      const move = this.#move(this.chance() < 0.6 ? held : undefined, to);
      if (move !== undefined) return move;
    }
    if (what < 0.93) {
      // Somebody moves the wall clock.
      decider.at = Math.max(0, Math.floor(decider.at + (this.chance() - 0.5) * 7_200_000));
      return decider.clock();
    }
    if (what < 0.95) return decider.closed();
    if (what < 0.98) {
      // It was down for a while.
      if (this.chance() < 0.7) decider.pass(this.#below(40 * 60_000));
      return decider.epoch();
    }
    return this.#send();
  }

  #send(): Decision {
    const decider = this.#decider;
    const who = this.#one(WHO);
    const count = this.chance() < 0.003 ? 1 + this.#below(120) : 1 + this.#below(this.chance() < 0.3 ? 5 : 2);
    const mails: Mail[] = [];
    for (let i = 0; i < count; i++) {
      const id = count > 5 ? `n${this.#naive.records.size}-${i}` : `i${this.#below(8)}`;
      const known = decider.known(who.from, id);
      if (known !== undefined && this.chance() < 0.9) {
        // A repeat ends the run.
        if (mails.length > 0) break;
        return decider.repeat(who, id, known);
      }
      if (mails.some((mail) => mail.id === id)) break;
      mails.push({
        id,
        to: this.#one(NAMES),
        body: 'b'.repeat(this.#below(4)),
        ttl: this.chance() < 0.4 ? 1 + this.#below(600) : undefined,
        notify: this.chance() < 0.5 ? this.#one(NAMES) : undefined,
      });
    }
    return decider.send(who, mails);
  }

  // Messages of one run next to each other: held ones, or any that ever existed.
  #move(held: readonly number[] | undefined, to: string): Decision | undefined {
    const { given } = this.#decider;
    const all = held?.map((seq) => given.get(`${to} ${seq}`)) ?? [...given.values()];
    const first = this.#one(all);
    if (first === undefined) return undefined;
    const numbers = [first.seq];
    for (let seq = first.seq + 1; this.chance() < 0.8; seq++) {
      const next = given.get(`${first.to} ${seq}`);
      if (next?.run !== first.run) break;
      if (held === undefined || held.includes(seq)) numbers.push(seq);
    }
    return this.#decider.move(first.to, numbers);
  }

  // ---- checkpoints, openings and losses

  /** Now and then: a checkpoint is taken, a checkpoint draws its next chunk, or a relay opens. */
  async between(): Promise<void> {
    const what = this.chance();
    if (what < 0.05) this.#checkpoints.push(new Checkpoint(this.#live, this.#log.length));
    else if (what < 0.12) this.#checkpoints.at(this.#below(this.#checkpoints.length))?.draw();
    else if (what < 0.15) {
      this.#live = await this.#opened(this.#one([this.#base, ...this.#checkpoints]));
      this.#told.hear(this.#live);
    }
  }

  // The state that a checkpoint and the rest of the log make.
  async #opened(checkpoint: Checkpoint | undefined): Promise<State> {
    const state = await this.#restored(checkpoint);
    for (const read of this.#log.slice(checkpoint?.length))
      if (read === 'lost') state.lose();
      else state.apply(read.entry, read.lsn);
    compare(state, this.#naive, NAMES);
    return state;
  }

  async #restored(checkpoint: Checkpoint | undefined): Promise<State> {
    const state = this.#state();
    await checkpoint?.restore(this.chance() < 0.1 ? 1 + this.#below(100) : 4096, state);
    return state;
  }

  /** Loses some entries, which cannot be read any more. Salvage goes around them, reports it, and takes a checkpoint. */
  async lose(): Promise<void> {
    const newest = this.#one([this.#base, ...this.#checkpoints]);
    // What was reported before still counts: the numbers after it follow from it.
    const from = Math.max(newest?.length ?? 0, this.#log.findLastIndex(isLost) + 1);
    const left = this.#log.length - from;
    if (left === 0) return;
    const count = 1 + this.#below(Math.min(8, left));
    this.#log.splice(from + this.#below(left - count + 1), count, 'lost');
    await this.#salvage(newest);
    const naive = this.#naive;
    const told = NAMES.filter(() => this.chance() < 0.4);
    const gone = NAMES.filter(() => this.chance() < 0.3).flatMap((to) => {
      const lost = naive.heldOf(to).flatMap(({ seq }) => (this.chance() < 0.5 ? [seq] : []));
      return lost.length > 0 ? [{ to, numbers: lost }] : [];
    });
    this.#append(this.#decider.lost(gone, told, this.#lsn));
    this.#check();
    // Usually nothing before it is read again.
    const checkpoint = new Checkpoint(this.#live, this.#log.length);
    this.#checkpoints = [checkpoint];
    if (this.chance() < 0.7) this.#base = checkpoint;
    this.#append(this.#decider.epoch());
    this.#check();
  }

  async #salvage(newest: Checkpoint | undefined): Promise<void> {
    this.#live = await this.#restored(newest);
    const naive = new NaiveState(this.#keeps);
    // From the beginning, with the earlier losses: the naive state has no checkpoint.
    for (const [index, read] of this.#log.entries()) {
      if (read === 'lost') naive.lose();
      else naive.apply(read.entry, read.lsn);
      if (newest !== undefined && index < newest.length) continue;
      if (read === 'lost') this.#live.lose();
      else this.#live.apply(read.entry, read.lsn);
      if (naive.gap) compare(this.#live, naive, NAMES);
    }
    this.#naive = naive;
    this.#decider.naive = naive;
    // Nobody listens before the log is open.
    this.#told = new Told(naive);
    this.#told.hear(this.#live);
    this.#replayed = await this.#opened(this.#base);
  }

  /** Everything that was kept brings back the state. */
  async end(): Promise<void> {
    for (const checkpoint of this.#checkpoints) await this.#opened(checkpoint);
    // Does the quick comparison miss anything?
    if (this.chance() < 0.05) compareInFull(this.#live, this.#naive);
  }
}

/**
 * Plays one random history: usually some dozen entries, rarely many more. @param losing whether parts of its log are lost
 * @throws AssertionError if a real state differs from what it should be
 */
export async function history(chance: () => number, losing = false): Promise<void> {
  const run = new History(chance);
  const steps = chance() < 0.01 ? 100 : 8 + Math.floor(chance() * 13);
  for (let step = 0; step < steps; step++) {
    run.step();
    await run.between();
    if (losing && chance() < 0.03) await run.lose();
  }
  if (losing) await run.lose();
  await run.end();
}
