// The relay's log and the state that follows from it: what is decided is appended and applied, in one step and in one order, and what is
// said about it waits until it is durable. When the log is opened, the same `apply` makes the state again. It keeps the clocks, too.

import type { Clock } from '../core/clock.ts';
import { Hasher } from '../core/hash.ts';
import { decodeEntry, type Entry, encodeEntry } from './entry.ts';
import type { Log, LogId, LostPart, Lsn, OpenLog, Owner } from './log/log.ts';
import { Records } from './records.ts';
import { restoreSnapshot } from './snapshot.ts';
import { State } from './state.ts';

/** How far the wall clock may drift from the monotonic clock before that is logged, in milliseconds. */
const CLOCK_SLACK_MS = 1000;

/** Kept for entries of a few bytes, which never wait: OPEN, CLOCK, EPOCH, CLOSED. */
const LAST_BYTES = 64 * 1024;

/** What the owner of a machine is told about the log. `durable`: more has become so. See `Owner`. */
export type Listener = Pick<Owner, 'durable' | 'room' | 'failed' | 'torn' | 'notice'>;

/** A log and its state. */
export class Machine implements Owner {
  state = new State();
  id: LogId = { store: '', key: '' };
  hasher = new Hasher(Buffer.alloc(16));
  /** Parts of the log that the opening went around, and that no LOST has named yet. */
  lostParts: LostPart[] = [];
  /** Did it go around any? */
  damaged = false;
  #log: Log | undefined;
  #records: Records | undefined;
  /** What waits until the log is durable up to an LSN. */
  readonly #waiting: { readonly upTo: Lsn; readonly done: () => void }[] = [];
  /** The age clock, and the steady one when it stood there. */
  #age = { t: 0, steady: 0 };
  /** How far the wall clock was ahead of the steady one at the last entry. */
  #ahead = 0;

  /** @param name of the relay itself */
  constructor(
    readonly name: string,
    private readonly clock: Clock,
    private readonly listener: Listener,
  ) {}

  /** Opens the log and replays it. @throws DetourError as `OpenLog` */
  async open(open: OpenLog): Promise<void> {
    this.#log = await open(this);
    this.#records = new Records(this.#log);
    const { state } = this;
    // What passed while the relay was not running only the wall clock knows, and it may have been set back.
    const passed = state.at === 0 ? 0 : Math.max(0, Math.round(this.clock.epoch()) - state.at);
    this.#age = { t: state.t + passed, steady: this.clock.monotonic() };
  }

  get log(): Log {
    if (this.#log === undefined) throw new TypeError('the log is not open');
    return this.#log;
  }

  /** What was appended lately or read back. */
  get records(): Records {
    if (this.#records === undefined) throw new TypeError('the log is not open');
    return this.#records;
  }

  /** The age clock now, in milliseconds. */
  get now(): number {
    return this.#age.t + Math.floor(this.clock.monotonic() - this.#age.steady);
  }

  /** The clock by which sessions age, now. */
  get uptime(): number {
    return this.now - this.state.down;
  }

  /** Both clocks now, for an entry. */
  times(): { readonly at: number; readonly t: number } {
    return { at: Math.round(this.clock.epoch()), t: this.now };
  }

  /** Has the wall clock been moved since the last entry? Then that must be logged: else a restart would take it for time that passed. */
  get clockMoved(): boolean {
    return Math.abs(this.clock.epoch() - this.clock.monotonic() - this.#ahead) > CLOCK_SLACK_MS;
  }

  /**
   * Appends an entry, and applies it. @param frames the frames of its messages, in their order; one part may be several
   * @param wanted will its messages be read soon?
   * @throws RangeError if there is no room for it, not even in reserve
   */
  append(entry: Entry, frames: readonly Buffer[] = [], wanted = true): Lsn {
    const lsn = this.log.append(...encodeEntry(entry, frames));
    if ('at' in entry && entry.verb !== 'MOVE') this.#ahead = this.clock.epoch() - this.clock.monotonic();
    this.state.apply(entry, lsn);
    if (wanted && frames.length > 0) this.records.add(lsn, entry, frames);
    return lsn;
  }

  /** May an entry that cannot be refused be appended, and room be left for the smallest? Else it must wait for room. */
  fits(bytes: number): boolean {
    return this.log.spare >= bytes + LAST_BYTES;
  }

  /** Calls back when all that has been appended so far is durable, in the order of the calls; never if the log fails. */
  whenDurable(done: () => void): void {
    const { end, durable } = this.log;
    if (durable >= end && this.#waiting.length === 0) done();
    else this.#waiting.push({ upTo: end, done });
  }

  // ---- what the log says

  async restore(id: LogId, chunks: AsyncIterable<Buffer>): Promise<void> {
    this.id = id;
    this.hasher = new Hasher(Buffer.from(id.key, 'hex'));
    this.state = await restoreSnapshot(chunks);
  }

  entry(bytes: Buffer, lsn: Lsn): void {
    const { entry } = decodeEntry(bytes, this.hasher);
    this.state.apply(entry, lsn);
    if (entry.verb !== 'LOST') return;
    const named = new Set(entry.parts.map(({ from }) => from));
    this.lostParts = this.lostParts.filter(({ from }) => !named.has(from));
  }

  lost(part: LostPart): void {
    this.lostParts.push(part);
    this.damaged = true;
    this.state.lose();
  }

  durable(): void {
    const { durable } = this.log;
    // One by one: what is called may wait, too, and comes after those that wait already.
    while (this.#waiting[0] !== undefined && this.#waiting[0].upTo <= durable) this.#waiting.shift()?.done();
    this.listener.durable();
  }

  room = (): void => this.listener.room();
  torn: Owner['torn'] = (...what) => this.listener.torn(...what);
  notice = (text: string): void => this.listener.notice(text);

  failed(error: Error): void {
    this.#waiting.length = 0;
    this.listener.failed(error);
  }
}
