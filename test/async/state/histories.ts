// Random histories of the relay's decisions. After each entry the real state is compared with the naive one; now and then the log is read
// back from its bytes, a checkpoint is taken and restored, a part is lost. state.test.ts tries some hundred of them; any number can be
// tried by `history`. No test is in here.

import assert from 'node:assert/strict';
import {
  decodeEntry,
  type Entry,
  type EntryMessage,
  encodeEntry,
  keyOf,
  type Notice,
  noticeFrame,
  sentMessage,
} from '../../../src/async/entry.ts';
import type { Place } from '../../../src/async/held.ts';
import { restoreSnapshot, takeSnapshot } from '../../../src/async/snapshot.ts';
import { type Account, State } from '../../../src/async/state.ts';
import { Hasher } from '../../../src/core/hash.ts';
import type { Kept } from '../../../src/core/id-table.ts';
import { encodeFrame } from '../../../src/wire/frame.ts';
import { describe, NaiveState } from './naive.ts';

const hasher = new Hasher(Buffer.from('0123456789abcdef'));

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

/** A message that was given a number, with what a MOVE says of it. */
interface Given extends Partial<Who> {
  readonly to: string;
  readonly seq: number;
  /** Which entry it first stood in. */
  readonly run: number;
  readonly at: number;
  readonly t: number;
  readonly message: EntryMessage;
  readonly frame: Uint8Array;
}

/** Decides as the relay does, by what the naive state says: legal entries, in their order. */
export class Decider {
  at = 1_700_000_000_000;
  t = 0;
  #runs = 0;
  /** All messages that were ever given a number, by recipient and number. */
  readonly given = new Map<string, Given>();

  /** @param naive the state that the entries before have made */
  constructor(public naive: NaiveState) {}

  get #times(): { readonly at: number; readonly t: number } {
    return { at: this.at, t: this.t };
  }

  /** Both clocks go on. */
  pass(ms: number): void {
    this.at += ms;
    this.t += ms;
  }

  /** One run of messages of a connection. @param as the first numbers, if they are not those that follow */
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

  /** What is remembered of an id. */
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

  /** Notices to the senders of what goes, numbered as if nothing had been taken out. */
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

  /** Messages of one run for one mailbox, wherever they are by now. */
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

  /** @param gone messages that cannot be read @param told whom a message tells of it */
  lost(gone: Entry<'LOST'>['gone'], told: readonly string[], lsn: number): Decision {
    const seq = this.naive.floorOfLoss + 1;
    const messages = told.map((to): Notice => ({ id: `lost-${lsn}`, to, seq, ttl: 604_800, size: 3 }));
    const frames = this.#noticed(messages);
    const parts = [{ from: lsn - 1, to: lsn }];
    return { entry: { verb: 'LOST', ...this.#times, parts, gone, messages }, frames };
  }
}

/** Compares the two states. @throws AssertionError where they differ */
export function compare(real: State, naive: NaiveState, names: readonly string[]): void {
  const [is, should] = [describe(real), naive.describe()];
  if (JSON.stringify(is) !== JSON.stringify(should)) assert.deepEqual(is, should);
  for (const name of names) {
    assert.equal(real.nextOf(name), naive.nextOf(name), `the next number of ${name}`);
    assert.equal(real.acknowledgedOf(name), naive.acknowledgedOf(name), `what is acknowledged of ${name}`);
  }
}

/** Compares two real states. @throws AssertionError where they differ */
export function equal(a: State, b: State): void {
  const [is, should] = [describe(a), describe(b)];
  if (JSON.stringify(is) !== JSON.stringify(should)) assert.deepEqual(is, should);
}

/** An entry in the log. */
export interface Logged extends Decision {
  readonly lsn: number;
  readonly bytes: Buffer;
}

/** A log, and the state that its entries make while they are decided. */
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

  /** Appends it and applies it. */
  write(decision: Decision): void {
    const { entry, lsn } = this.add(decision);
    this.real.apply(entry, lsn);
  }
}

/** Applies entries of a log, from their bytes; `lost` stands for a part that cannot be read. */
export function replay(
  log: readonly (Pick<Logged, 'bytes' | 'lsn'> | 'lost')[],
  state: State = new State(),
): State {
  for (const logged of log)
    if (logged === 'lost') state.gap = true;
    else state.apply(decodeEntry(logged.bytes, hasher).entry, logged.lsn);
  return state;
}

/** The chunks of a snapshot, drawn one after the other, at any time. */
export class Checkpoint {
  readonly #chunks: Iterator<Uint8Array>;
  readonly #drawn: Buffer[] = [];
  #done = false;

  /** @param length of the log when the state was taken */
  constructor(
    state: State,
    readonly length: number,
  ) {
    this.#chunks = takeSnapshot(state)[Symbol.iterator]();
  }

  /** Draws the next chunk. @returns was there one? */
  draw(): boolean {
    const next = this.#chunks.next();
    this.#done = next.done === true;
    // It may be used again once the next one is asked for.
    if (next.done !== true) this.#drawn.push(Buffer.from(next.value));
    return !this.#done;
  }

  /** Draws the rest. @returns the size of all, in bytes */
  drain(): number {
    while (!this.#done) this.draw();
    return this.#drawn.reduce((sum, { length }) => sum + length, 0);
  }

  /** What was drawn. */
  get bytes(): Buffer {
    return Buffer.concat(this.#drawn);
  }

  /** What it brings back; its chunks come in pieces of other sizes. */
  async restore(piece = 1000): Promise<State> {
    this.drain();
    const all = this.bytes;
    return await restoreSnapshot(
      (async function* () {
        for (let at = 0; at < all.length; at += piece) yield all.subarray(at, at + piece);
      })(),
    );
  }
}

/** What a state tells of: what is held, for whom there is a mailbox, and how many ids each session holds. */
class Told implements Account {
  readonly held = new Set<string>();
  readonly names = new Set<string>();
  readonly links = new Map<string, number>();

  /** Begins with what there is already. */
  constructor(naive: NaiveState) {
    for (const { name, held } of naive.boxes.values()) {
      this.names.add(name);
      for (const place of held) this.added(name, place);
    }
    for (const { name, ids } of naive.sessions) this.links.set(name, ids.length);
  }

  /** Listens to this state. */
  hear(state: State): void {
    state.accounts.push(this);
    state.ids.account = ({ name }, more) => {
      const links = (this.links.get(name) ?? 0) + more;
      if (links === 0) this.links.delete(name);
      else this.links.set(name, links);
    };
  }

  added(to: string, { lsn, index }: Place): void {
    const text = `${to} ${lsn} ${index}`;
    assert.ok(!this.held.has(text), `${text} was told twice`);
    this.held.add(text);
    this.names.add(to);
  }

  removed(to: string, { lsn, index }: Place): void {
    assert.ok(this.held.delete(`${to} ${lsn} ${index}`), `${to} ${lsn} ${index} goes and was not held`);
  }

  forgotten(name: string): void {
    assert.ok(this.names.delete(name), `${name} is forgotten and was not there`);
  }

  /** All that was told until now, in an order that can be compared. */
  get all(): unknown {
    return [
      [...this.held].sort(),
      [...this.names].sort(),
      [...this.links].sort(([a], [b]) => (a < b ? -1 : 1)),
    ];
  }
}

const NAMES = ['ann', 'bob', 'carol', 'w-1', 'w-2', 'w-3'] as const;
const WHO: readonly Who[] = ['ann s1', 'ann s2', 'ann s3', 'ben s1', 'ben s4'].map((text) => {
  const [from = '', session = ''] = text.split(' ');
  return { from, session };
});

/** One relay and its log. */
class History {
  real = new State();
  naive = new NaiveState();
  readonly decider = new Decider(this.naive);
  log: (Pick<Logged, 'bytes' | 'lsn'> | 'lost')[] = [];
  #lsn = 0;
  #checkpoints: Checkpoint[] = [];
  /** Nothing before it is read again: a checkpoint was made there after a loss. */
  #base = 0;
  #baseState: Checkpoint = new Checkpoint(this.real, 0);
  #told = new Told(this.naive);

  constructor(readonly chance: () => number) {
    this.#told.hear(this.real);
  }

  below(most: number): number {
    return Math.floor(this.chance() * most);
  }

  one<T>(of: readonly T[]): T {
    return of[this.below(of.length)] as T;
  }

  append({ entry, frames }: Decision): void {
    const bytes = Buffer.concat(encodeEntry(entry, frames));
    // Commits have headers, files have ends.
    this.#lsn += this.chance() < 0.01 ? 2 ** 33 : 32 * this.below(3);
    this.log.push({ lsn: this.#lsn, bytes });
    this.real.apply(entry, this.#lsn);
    this.naive.apply(entry, this.#lsn);
    this.#lsn += 8 + bytes.length;
  }

  /** What the relay would do next, mostly. */
  decide(): Decision {
    const { decider, naive } = this;
    decider.pass(
      this.chance() < 0.08 ? this.below(15 * 60_000) : this.below(this.chance() < 0.3 ? 90_000 : 500),
    );
    const what = this.chance();
    const to = this.one(NAMES);
    const held = naive.heldOf(to).map(({ seq }) => seq);
    if (what < 0.35) return this.#send();
    if (what < 0.45) return decider.open(to);
    if (what < 0.65) {
      // Mostly something new is acknowledged; sometimes nothing.
      const [low, high] = [naive.acknowledgedOf(to), naive.nextOf(to) - 1];
      if (high > low || (low > 0 && this.chance() < 0.2))
        return decider.acknowledge(
          to,
          Math.max(1, Math.min(high, low + this.below(high - low + 1) + (held.length > 0 ? 1 : 0))),
        );
      return this.#send();
    }
    if (what < 0.77 && held.length > 0) {
      const numbers = held.filter(() => this.chance() < 0.6);
      // Also one that has gone already.
      if (this.chance() < 0.1 && (held[0] as number) > 1) numbers.unshift((held[0] as number) - 1);
      if (numbers.length > 0) return decider.expire(to, numbers, this.one(['yes', 'no']));
    }
    if (what < 0.89) {
      const move = this.#move(this.chance() < 0.6 ? held : undefined, to);
      if (move !== undefined) return move;
    }
    if (what < 0.93) {
      // Somebody moves the wall clock.
      decider.at = Math.max(0, decider.at + (this.chance() - 0.5) * 7_200_000);
      decider.at = Math.floor(decider.at);
      return decider.clock();
    }
    if (what < 0.95) return decider.closed();
    if (what < 0.98) {
      // It was down for a while.
      if (this.chance() < 0.7) decider.pass(this.below(40 * 60_000));
      return decider.epoch();
    }
    return this.#send();
  }

  #send(): Decision {
    const { decider, naive } = this;
    const who = this.one(WHO);
    const count = this.chance() < 0.01 ? 1 + this.below(120) : 1 + this.below(this.chance() < 0.3 ? 5 : 2);
    const mails: Mail[] = [];
    for (let i = 0; i < count; i++) {
      const id = count > 5 ? `n${naive.records.size}-${i}` : `i${this.below(14)}`;
      const known = decider.known(who.from, id);
      if (known !== undefined && this.chance() < 0.9) {
        // A repeat ends the run.
        if (mails.length > 0) break;
        return decider.repeat(who, id, known);
      }
      if (mails.some((mail) => mail.id === id)) break;
      mails.push({
        id,
        to: this.one(NAMES),
        body: 'b'.repeat(this.below(4)),
        ttl: this.chance() < 0.4 ? 1 + this.below(600) : undefined,
        notify: this.chance() < 0.5 ? this.one(NAMES) : undefined,
      });
    }
    return decider.send(who, mails);
  }

  // Neighbours of one run: those that are held, or any that ever were.
  #move(held: readonly number[] | undefined, to: string): Decision | undefined {
    const { given } = this.decider;
    const all = held?.map((seq) => given.get(`${to} ${seq}`)) ?? [...given.values()];
    const first = this.one(all);
    if (first === undefined) return undefined;
    const numbers = [first.seq];
    for (let seq = first.seq + 1; this.chance() < 0.8; seq++) {
      const next = given.get(`${first.to} ${seq}`);
      if (next?.run !== first.run) break;
      if (held === undefined || held.includes(seq)) numbers.push(seq);
    }
    return this.decider.move(first.to, numbers);
  }

  check(): void {
    compare(this.real, this.naive, NAMES);
    assert.deepEqual(this.#told.all, new Told(this.naive).all);
  }

  /** Now and then: a checkpoint is taken, one draws its next chunk, one is restored, the log is read again. */
  async between(): Promise<void> {
    const what = this.chance();
    if (what < 0.06) this.#checkpoints.push(new Checkpoint(this.real, this.log.length));
    else if (what < 0.2 && this.#checkpoints.length > 0) this.one(this.#checkpoints).draw();
    else if (what < 0.25) await this.#restore();
    else if (what < 0.3) await this.#replay();
  }

  #goOn(real: State): void {
    this.real = real;
    this.#told.hear(real);
  }

  async #replay(): Promise<void> {
    const again = replay(this.log.slice(this.#base), await this.#baseState.restore());
    equal(again, this.real);
    // A relay that has opened goes on with it.
    if (this.chance() < 0.3) this.#goOn(again);
  }

  async #restore(): Promise<void> {
    const [checkpoint] = this.#checkpoints.splice(this.below(this.#checkpoints.length), 1);
    if (checkpoint === undefined) return;
    const again = replay(this.log.slice(checkpoint.length), await checkpoint.restore(1 + this.below(3000)));
    equal(again, this.real);
    if (this.chance() < 0.3) this.#goOn(again);
  }

  /** All that was kept brings back the state. */
  async end(): Promise<void> {
    await this.#replay();
    while (this.#checkpoints.length > 0) await this.#restore();
  }

  /** Rot: some entries cannot be read any more. Salvage goes around them, tells it, and takes two checkpoints. */
  async lose(): Promise<void> {
    const count = 1 + this.below(Math.min(12, this.log.length - this.#base));
    const at = this.#base + this.below(this.log.length - this.#base - count + 1);
    this.log.splice(at, count, 'lost');
    this.#checkpoints = [];
    this.real = await this.#baseState.restore();
    this.naive = new NaiveState();
    // From the beginning, with what was lost before: the naive state has no checkpoint.
    for (const [index, logged] of this.log.entries()) {
      if (logged === 'lost') {
        this.naive.lose();
        if (index >= this.#base) this.real.gap = true;
        continue;
      }
      const { entry } = decodeEntry(logged.bytes, hasher);
      this.naive.apply(entry, logged.lsn);
      if (index < this.#base) continue;
      this.real.apply(entry, logged.lsn);
      compare(this.real, this.naive, NAMES);
    }
    // Nobody listens before the log is open.
    this.#told = new Told(this.naive);
    this.#told.hear(this.real);
    this.decider.naive = this.naive;
    const told = NAMES.filter(() => this.chance() < 0.4);
    const gone = NAMES.filter(() => this.chance() < 0.3).flatMap((to) => {
      const numbers = this.naive.heldOf(to).map(({ seq }) => seq);
      const lost = numbers.filter(() => this.chance() < 0.5);
      return lost.length > 0 ? [{ to, numbers: lost }] : [];
    });
    assert.equal(this.real.lossFloor, this.naive.floorOfLoss);
    this.append(this.decider.lost(gone, told, this.#lsn));
    this.check();
    this.#baseState = new Checkpoint(this.real, this.log.length);
    this.append(this.decider.epoch());
    // The one before the EPOCH is the base: the log from there on must do.
    this.#base = this.#baseState.length;
    this.check();
  }
}

/**
 * One random history. @param steps its entries @param losses how often a part of the log is lost
 * @throws AssertionError where the real state differs from what it should be
 */
export async function history(chance: () => number, steps: number, losses = 0): Promise<void> {
  const run = new History(chance);
  for (let step = 0; step < steps; step++) {
    run.append(run.decide());
    run.check();
    await run.between();
    if (losses > 0 && step % Math.ceil(steps / (losses + 1)) === Math.ceil(steps / (losses + 1)) - 1)
      await run.lose();
  }
  await run.end();
}
