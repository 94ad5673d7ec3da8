// The relay's log and the state that follows from it. Every decision is appended and applied in one step and in one order; answers about it
// wait until it is durable. When the log is opened, the same `apply` builds the state again. The machine also keeps the clocks.

import type { Clock } from '../core/clock.ts';
import { Hasher } from '../core/hash.ts';
import { decodeEntry, type Entry, encodeEntry } from './entry.ts';
import type { Log, LogId, LostPart, Lsn, OpenLog, Owner } from './log/log.ts';
import { Records } from './records.ts';
import { restoreSnapshot } from './snapshot.ts';
import { State } from './state.ts';

/** How far the wall clock may drift from the monotonic clock before that is logged, in milliseconds. */
const CLOCK_SLACK_MS = 1000;

/** Bytes of the reserve that are kept for small entries that never wait: OPEN, CLOCK, EPOCH, CLOSED. */
const LAST_BYTES = 64 * 1024;

/** What the owner of a machine is told about the log. The methods are those of `Owner` (log/log.ts). */
export type Listener = Pick<Owner, 'durable' | 'room' | 'failed' | 'torn' | 'notice'>;

/** A log and its state. */
export class Machine implements Owner {
  state = new State();
  id: LogId = { store: '', key: '' };
  hasher = new Hasher(Buffer.alloc(16));
  /** Parts of the log that could not be read at opening and that no LOST entry has named yet. */
  lostParts: LostPart[] = [];
  /** Did the opening meet any such part? */
  damaged = false;
  #log: Log | undefined;
  #records: Records | undefined;
  /** Callbacks that wait until the log is durable up to an LSN. */
  readonly #waiting: { readonly upTo: Lsn; readonly done: () => void }[] = [];
  /** The age clock and the monotonic clock at the moment when the log was opened. */
  #age = { t: 0, steady: 0 };
  /** How far the wall clock was ahead of the monotonic clock at the last entry with a time. */
  #ahead = 0;

  /** @param name the relay's own name */
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
    // Only the wall clock knows how much time passed while the relay was not running, and it may have been set back.
    const passed = state.at === 0 ? 0 : Math.max(0, Math.round(this.clock.epoch()) - state.at);
    this.#age = { t: state.t + passed, steady: this.clock.monotonic() };
  }

  get log(): Log {
    if (this.#log === undefined) throw new TypeError('the log is not open');
    return this.#log;
  }

  /** The entries that were appended or read back recently. */
  get records(): Records {
    if (this.#records === undefined) throw new TypeError('the log is not open');
    return this.#records;
  }

  /** The age clock now, in milliseconds. */
  get now(): number {
    return this.#age.t + Math.floor(this.clock.monotonic() - this.#age.steady);
  }

  /** The clock by which sessions age, now, in milliseconds: it stops while the relay is not running. */
  get uptime(): number {
    return this.now - this.state.down;
  }

  /** Both clocks now, for an entry. */
  times(): { readonly at: number; readonly t: number } {
    return { at: Math.round(this.clock.epoch()), t: this.now };
  }

  /** Has the wall clock been moved since the last entry? That must be logged: a restart would count the jump as time that passed. */
  get clockMoved(): boolean {
    return Math.abs(this.clock.epoch() - this.clock.monotonic() - this.#ahead) > CLOCK_SLACK_MS;
  }

  /**
   * Appends an entry and applies it. @param frames the frames of its messages, in order; one part may hold several frames
   * @param wanted will its messages be read soon? Then they are kept in memory
   * @throws RangeError if there is no room for it, not even in the reserve
   */
  append(entry: Entry, frames: readonly Buffer[] = [], wanted = true): Lsn {
    const lsn = this.log.append(...encodeEntry(entry, frames));
    if ('at' in entry && entry.verb !== 'MOVE') this.#ahead = this.clock.epoch() - this.clock.monotonic();
    this.state.apply(entry, lsn);
    if (wanted && frames.length > 0) this.records.add(lsn, entry, frames);
    return lsn;
  }

  /** Is there room for an entry that cannot be refused, and after it for the small ones that never wait? If not, it must wait. */
  fits(bytes: number): boolean {
    return this.log.spare >= bytes + LAST_BYTES;
  }

  /** Calls back when everything appended so far is durable, in the order of the calls; never if the log fails. */
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
    // One by one: a callback may call `whenDurable` itself, and then comes after those that already wait.
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
