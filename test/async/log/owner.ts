// An owner for a log under test. Its state is a set of numbered messages and the number of entries that made it. So after a crash it is known
// exactly which entries came back, and whether the state is the one that they made.

import { strict as assert } from 'node:assert';
import type { Log, LogId, LostPart, Lsn, OpenLog, Owner } from '../../../src/async/log/log.ts';

/** The most bytes of the log that an entry of a few bytes takes. */
const SMALL_ENTRY = 128;

/** A message that is held: its LSN, and the length of its entry. */
interface Held {
  readonly lsn: Lsn;
  readonly size: number;
}

/** The state after a number of entries. */
export interface State {
  /** The number of entries. */
  count: number;
  /** The number of the next message. */
  next: number;
  readonly held: Map<number, Held>;
}

/** The bytes of a message's entry. They follow from its number and its length. */
export function entryOf(verb: 'SEND' | 'MOVE', n: number, size: number): Buffer {
  const bytes = Buffer.alloc(Math.max(size, 24), String.fromCharCode(97 + (n % 26)));
  bytes.write(`${verb} n=${n} size=${size}\n`, 0, 'latin1');
  return bytes;
}

function apply(state: State, bytes: Buffer, lsn: Lsn): void {
  const [verb = '', n = '', size = ''] = bytes.toString('latin1', 0, 40).split(/[ \n]/);
  const [number, length] = [Number(n.slice(2)), Number(size.slice(5))];
  state.count += 1;
  if (verb === 'SEND' || verb === 'MOVE') {
    assert.ok(bytes.equals(entryOf(verb, number, length)), `entry ${state.count} was changed`);
    if (verb === 'MOVE' && !state.held.has(number)) return;
    state.held.set(number, { lsn, size: length });
    if (verb === 'SEND') state.next = number + 1;
  } else if (verb === 'GONE') state.held.delete(number);
  else assert.equal(verb, 'EPOCH', `entry ${state.count} was changed`);
}

const textOf = ({ count, next, held }: State): string =>
  JSON.stringify([count, next, [...held].sort(([a], [b]) => a - b)]);

/**
 * Everything that was ever decided in all runs of the log. What comes back must be what was decided up to some entry, and that must not be
 * before the last durable one.
 */
export class Decided {
  /** The state after each number of entries, as text, and the end of the log. */
  readonly states = new Map<number, { readonly text: string; readonly end: Lsn }>([
    [0, { text: textOf({ count: 0, next: 1, held: new Map() }), end: 0 }],
  ]);
  /** The number of entries that were durable and may have been reported. */
  told = 0;
  /** Who opened the log last. An owner whose process was killed in a simulation may still get a turn, which does not count. */
  owner: TestOwner | undefined;

  /** Another entry was appended. */
  decide(count: number, text: string, end: Lsn): void {
    this.states.set(count, { text, end });
  }

  /** This many entries are durable. */
  tell(count: number): void {
    this.told = count;
  }

  /** @throws AssertionError if an opened log gave back something that it may not */
  check(owner: TestOwner): void {
    const { state } = owner;
    this.owner = owner;
    assert.ok(state.count >= this.told, `LOST: ${this.told} entries were durable, ${state.count} came back`);
    assert.equal(
      textOf(state),
      this.states.get(state.count)?.text,
      `CHANGED: another state after ${state.count} entries`,
    );
    // What was decided later is lost, and was never reported.
    for (const count of this.states.keys()) if (count > state.count) this.states.delete(count);
    this.told = state.count;
  }
}

/** An owner, and the log that it has open. */
export class TestOwner implements Owner {
  readonly state: State = { count: 0, next: 1, held: new Map() };
  id: LogId = { store: '', key: '' };
  readonly lostParts: LostPart[] = [];
  readonly tails: string[] = [];
  readonly notices: string[] = [];
  failure: Error | undefined;
  #log: Log | undefined;
  #ends: { readonly count: number; readonly end: Lsn }[] = [];
  #room: (() => void)[] = [];
  #moved: (() => void)[] = [];

  /** @param patient on a full disk it waits until there is room */
  constructor(
    readonly decided: Decided,
    readonly patient = true,
  ) {}

  get log(): Log {
    assert.ok(this.#log);
    return this.#log;
  }

  /** Opens the log, checks what came back, and appends what every relay appends first. */
  async open(open: OpenLog): Promise<this> {
    this.#log = await open(this);
    this.decided.check(this);
    this.append(Buffer.from('EPOCH'));
    return this;
  }

  async restore(id: LogId, chunks: AsyncIterable<Buffer>): Promise<void> {
    this.id = id;
    let text = '';
    for await (const chunk of chunks) text += chunk.toString('latin1');
    const [count, next, held] =
      text === '' ? [0, 1, []] : (JSON.parse(text) as [number, number, [number, Held][]]);
    this.state.count = count;
    this.state.next = next;
    this.state.held.clear();
    for (const [n, place] of held) this.state.held.set(n, place);
  }

  entry(bytes: Buffer, lsn: Lsn): void {
    apply(this.state, bytes, lsn);
  }

  lost(part: LostPart): void {
    this.lostParts.push(part);
  }

  durable(): void {
    while (this.#ends[0] !== undefined && this.#ends[0].end <= this.log.durable) {
      const { count } = this.#ends.shift() ?? { count: 0 };
      if (this.decided.owner === this) this.decided.tell(count);
    }
    for (const wake of this.#moved.splice(0)) wake();
  }

  room(): void {
    for (const wake of this.#room.splice(0)) wake();
  }

  failed(error: Error): void {
    assert.equal(this.failure, undefined, 'it failed twice');
    this.failure = error;
    this.room();
    for (const wake of this.#moved.splice(0)) wake();
  }

  torn(file: string, offset: number, bytes: number): void {
    this.tails.push(`${file} ${offset} ${bytes}`);
  }

  notice(text: string): void {
    this.notices.push(text);
  }

  /** Appends an entry and applies it. */
  append(bytes: Buffer): void {
    const cut = bytes.length >> 1;
    const lsn = this.log.append(bytes.subarray(0, cut), bytes.subarray(cut));
    apply(this.state, bytes, lsn);
    const { count } = this.state;
    if (this.decided.owner === this) this.decided.decide(count, textOf(this.state), this.log.end);
    this.#ends.push({ count, end: this.log.end });
  }

  /** Waits until there is room. @returns false if the disk is full (and it is not `patient`) or the log has failed */
  async #fits(size: number): Promise<boolean> {
    while (this.failure === undefined) {
      const room = this.log.hasRoom(size, 100 + 40 * this.state.held.size);
      if (room === 'yes') return true;
      if (room === 'no' && !this.patient) return false;
      await new Promise<void>((resolve) => this.#room.push(resolve));
    }
    return false;
  }

  /** Appends a new message, if there is room. */
  async send(size: number): Promise<boolean> {
    const fits = await this.#fits(size);
    if (fits) this.append(entryOf('SEND', this.state.next, size));
    return fits;
  }

  /** Removes the oldest held messages, as far as there is room for that, even in the reserve. */
  collect(count: number): void {
    for (const n of [...this.state.held.keys()].slice(0, count))
      if (this.log.spare >= SMALL_ENTRY) this.append(Buffer.from(`GONE n=${n}\n`));
  }

  /** Writes what is held in the oldest segment again. */
  async move(): Promise<void> {
    const [oldest, next] = this.log.segments();
    if (oldest === undefined || next === undefined || next.first > this.log.end) return;
    for (const [n, { lsn, size }] of this.state.held) {
      if (lsn >= oldest.end || !(await this.#fits(size))) continue;
      // What is read must be durable, and the message may have been moved or removed meanwhile.
      const bytes = await this.log.read(lsn).catch(() => undefined);
      // If the disk fails while reading, it is tried another time.
      if (bytes === undefined) return;
      assert.ok(
        bytes.equals(entryOf(bytes[0] === 0x53 ? 'SEND' : 'MOVE', n, size)),
        `message ${n} was changed`,
      );
      this.append(entryOf('MOVE', n, size));
    }
  }

  /** The state, as in a checkpoint. */
  get text(): string {
    return textOf(this.state);
  }

  /** Makes a checkpoint, and says which segments are no longer needed. */
  async checkpoint(): Promise<void> {
    await this.log.checkpoint(() => {
      const text = Buffer.from(this.text, 'latin1');
      const chunks = [text.subarray(0, text.length >> 1), Buffer.alloc(0), text.subarray(text.length >> 1)];
      return { segments: [...this.#used()], size: text.length, chunks };
    });
  }

  #used(): Set<Lsn> {
    const segments = this.log.segments();
    const used = new Set<Lsn>();
    for (const { lsn } of this.state.held.values())
      for (const { first, end } of segments) if (first <= lsn && lsn < end) used.add(first);
    return used;
  }

  /** Says which segments the state does not point into. */
  free(): void {
    const used = this.#used();
    for (const { first, end } of this.log.segments())
      if (end <= this.log.end && !used.has(first)) this.log.free(first);
  }

  /** Waits until everything that was appended is durable, or the log has failed. */
  async settle(): Promise<void> {
    const { end } = this.log;
    while (this.log.durable < end && this.failure === undefined)
      await new Promise<void>((resolve) => this.#moved.push(resolve));
  }

  /** Reads every held message. @returns those that cannot be read @throws AssertionError if one was changed */
  async readAll(): Promise<number[]> {
    const unread: number[] = [];
    for (const [n, { lsn, size }] of this.state.held) {
      const bytes = await this.log.read(lsn).catch((error: Error) => error);
      if (bytes instanceof Error) {
        assert.ok('code' in bytes && bytes.code === 'damaged', `message ${n}: ${bytes.stack}`);
        unread.push(n);
      } else
        assert.ok(
          bytes.equals(entryOf(bytes[0] === 0x53 ? 'SEND' : 'MOVE', n, size)),
          `message ${n} was changed`,
        );
    }
    return unread;
  }
}
