// Keeps the log short: makes checkpoints now and then, frees segments in which nothing is held, and compacts: what is held in the emptiest
// segment is written again at the end. For this it counts the live bytes of each segment.

import { DetourError } from '../core/error.ts';
import type { Account } from './account.ts';
import type { Entry } from './entry.ts';
import type { Place } from './held.ts';
import type { Lsn, Segment } from './log/log.ts';
import type { Machine } from './machine.ts';
import { snapshotSize, takeSnapshot } from './snapshot.ts';
import type { Mailbox } from './state.ts';

/** A checkpoint is made after this many bytes of log, or after as many as the checkpoint itself has, if that is more. */
const CHECKPOINT_BYTES = 64 * 1024 * 1024;
/** What a message takes in the log besides its body, in bytes, alone in a MOVE: a segment of moved messages must not look nearly empty. */
export const MESSAGE_COST = 210;
/** After this many bytes of log, retention looks for work without waiting for the next second, which under load is too long. */
const LOOK_BYTES = CHECKPOINT_BYTES / 4;
/** Compaction begins when the log takes more than this many times its live bytes, plus SLACK. */
const WASTE = 2;
/** How much more the log may take before compaction begins, in bytes. */
const SLACK = 16 * 1024 * 1024;
/** While no more than this fraction of the disk is live, compaction begins before the disk is full. */
const USABLE = 3 / 8;
/** How many bytes of messages one MOVE gathers before it ends. */
const MOVE_BYTES = 64 * 1024;
/** How many messages are looked at in one turn of the event loop, while searching for those of a segment. */
const WALK = 20_000;

/** Keeps the log short. */
export class Retention implements Account {
  #segments: readonly Segment[] = [];
  readonly #live = new Map<Lsn, number>();
  /** The bytes of everything that is held. */
  #held = 0;
  /** The value of `#held` when the disk was last measured. */
  #heldThen = 0;
  /** The segment that was looked up last. */
  #recent: Segment | undefined;
  /** Where the log ended when the last checkpoint was taken. */
  #last: Lsn = 0;
  /** How many checkpoints were made since the log last grew by more than their own entries. Two release what only older ones need. */
  #alike = 0;
  /** Where the log ended when `look` last looked for work. */
  #looked: Lsn = 0;
  /** How many checkpoints are still to be made, one after the other. */
  #wanted = 0;
  readonly #damaged = new Set<Lsn>();
  /** How much of the disk the log takes (`used`) and may take (`total`), in bytes. */
  disk = { used: 0, total: Number.MAX_SAFE_INTEGER };
  #busy = false;
  /** The last attempt failed. That is reported once. */
  #failing = false;
  #stopped = false;

  constructor(
    private readonly machine: Machine,
    private readonly notice: (text: string) => void,
  ) {
    const { state } = machine;
    for (const { name, acknowledged, held } of state.mailboxes.values())
      held.each(acknowledged, (_seq, { lsn, size }) => this.added(name, lsn, 1, size));
    state.accounts.push(this);
  }

  added(_to: string, lsn: Lsn, messages: number, bytes: number): void {
    this.#count(lsn, bytes + messages * MESSAGE_COST);
  }

  removed(_to: string, lsn: Lsn, messages: number, bytes: number): void {
    this.#count(lsn, -bytes - messages * MESSAGE_COST);
  }

  #count(lsn: Lsn, bytes: number): void {
    this.#held += bytes;
    const first = this.#segmentOf(lsn)?.first;
    // The segment is missing: salvage will take out the messages in it.
    if (first === undefined) return;
    const live = (this.#live.get(first) ?? 0) + bytes;
    if (live > 0) this.#live.set(first, live);
    else this.#live.delete(first);
  }

  forgotten(): void {}

  /** Stops at the next step. */
  stop(): void {
    this.#stopped = true;
  }

  /** About how many more bytes could be held if everything that has ended were already removed from the log. */
  get room(): number {
    const { used, total } = this.disk;
    return Math.max(total - used - (this.#held - this.#heldThen), total * USABLE - this.#held);
  }

  /** Measures how full the disk is, and does what is due. Called every second. @param full is there no room for another message? */
  async measure(full = false): Promise<void> {
    this.disk = await this.machine.log.usage().catch(() => this.disk);
    this.#heldThen = this.#held;
    if (full && (this.machine.log.end > this.#last || this.#alike < 2)) this.#wanted = 2;
    this.look();
  }

  /** Called after every commit: the log may have grown enough to look for work. */
  grown(): void {
    if (this.machine.log.end - this.#looked > LOOK_BYTES) this.look();
  }

  /** Does what is due, one task at a time, and looks again after each. */
  look(): void {
    if (this.#busy || this.#stopped) return;
    this.#looked = this.machine.log.end;
    const work = this.#next();
    if (work === undefined) return;
    this.#busy = true;
    work
      .catch((error: unknown) => {
        this.#wanted = 0;
        if (!this.#stopped && !this.#failing)
          this.notice(`The journal cannot be made shorter: ${String(error)}`);
        this.#failing = true;
        return 'failed';
      })
      .then((how) => {
        this.#busy = false;
        if (how === 'failed') return;
        this.#failing = false;
        this.look();
      });
  }

  #next(): Promise<unknown> | undefined {
    const { machine } = this;
    const { log, state } = machine;
    this.#segments = log.segments();
    for (const { first, end } of this.#segments)
      if (end <= log.end && !this.#live.has(first)) log.free(first);
    const enough = Math.min(Math.max(CHECKPOINT_BYTES, snapshotSize(state)), this.disk.total / 4);
    if (this.#wanted > 0 || log.end - this.#last > enough) return this.checkpoint();
    const used = this.#segments.reduce((sum, { size }) => sum + size, 0);
    if (used <= WASTE * this.#held + Math.min(SLACK, this.disk.total / 4)) return undefined;
    const share = ({ first, size }: Segment): number => (this.#live.get(first) ?? size) / size;
    const [victim] = this.#segments
      .filter((each) => each.end <= log.end && share(each) < 1 / WASTE && !this.#damaged.has(each.first))
      .sort((a, b) => share(a) - share(b));
    return victim && machine.fits(victim.size / WASTE) ? this.#compact(victim) : undefined;
  }

  /** Makes a checkpoint. */
  async checkpoint(): Promise<void> {
    const machine = this.machine;
    const { log, state } = machine;
    const grown = log.end > this.#last;
    // If nothing was appended since the last checkpoint, the log would not make a new one.
    if (!grown) machine.append({ verb: 'CLOCK', ...machine.times() });
    this.#wanted = Math.max(0, this.#wanted - 1);
    let taken = this.#last;
    await log.checkpoint((lsn) => {
      taken = lsn;
      return { segments: [...this.#live.keys()], ...takeSnapshot(state) };
    });
    // Not earlier: after a failure the next attempt must still see that a checkpoint is due.
    this.#last = taken;
    this.#alike = grown ? 1 : this.#alike + 1;
  }

  // Writes everything that is held in a segment to the end of the log.
  async #compact(victim: Segment): Promise<void> {
    const machine = this.machine;
    for await (const { box, numbers } of this.#heldIn(victim)) {
      if (this.#stopped) return;
      try {
        await this.#move(box, numbers);
      } catch (error) {
        // What cannot be read stays where it is.
        if (!(error instanceof DetourError) || error.code !== 'damaged') throw error;
        this.#damaged.add(victim.first);
      }
      await new Promise<void>((resolve) => machine.whenDurable(resolve));
    }
    this.#wanted = 2;
  }

  async *#heldIn({ first, end }: Segment): AsyncGenerator<{ box: Mailbox; numbers: number[] }> {
    let looked = 0;
    for (const box of this.machine.state.mailboxes.values()) {
      let group: { readonly lsn: Lsn; bytes: number; readonly numbers: number[] } | undefined;
      for (let seq = box.held.after(box.acknowledged); seq !== 0; seq = box.held.after(seq)) {
        looked += 1;
        if (looked % WALK === 0) await new Promise((resolve) => setImmediate(resolve));
        const place = box.held.get(seq);
        const other = place === undefined || place.lsn < first || place.lsn >= end;
        const next =
          group?.lsn === place?.lsn && group?.numbers.at(-1) === seq - 1 && group.bytes < MOVE_BYTES;
        if (group !== undefined && (other || !next)) {
          yield { box, numbers: group.numbers };
          group = undefined;
        }
        if (other) continue;
        group ??= { lsn: place.lsn, bytes: 0, numbers: [] };
        group.numbers.push(seq);
        group.bytes += place.size + MESSAGE_COST;
      }
      if (group !== undefined) yield { box, numbers: group.numbers };
    }
  }

  async #move(box: Mailbox, numbers: readonly number[]): Promise<void> {
    const { records, state } = this.machine;
    const [first] = numbers;
    const place = first === undefined ? undefined : box.held.get(first);
    if (place !== undefined) await records.read(place);
    const held = numbers.filter((seq) => state.place(box, seq) !== undefined);
    const found = held.map((seq) => records.find(box.held.get(seq) as Place));
    const [one] = found;
    if (one === undefined) return;
    const messages = found.flatMap((message) => message ?? []);
    const entry: Entry<'MOVE'> = {
      verb: 'MOVE',
      to: box.name,
      from: one.from ?? this.machine.name,
      session: one.session,
      numbers: held,
      messages: messages.map(({ id, ttl, notify, kind, tried, body }) => ({
        id,
        to: box.name,
        ttl,
        notify,
        kind,
        tried,
        size: body.length,
      })),
      at: (box.held.get(held[0] as number) as Place).at,
      t: one.t,
    };
    this.machine.append(
      entry,
      messages.map(({ raw }) => raw),
    );
  }

  #segmentOf(lsn: Lsn): Segment | undefined {
    const inside = (segment: Segment | undefined): segment is Segment =>
      segment !== undefined && segment.first <= lsn && lsn < segment.end;
    if (inside(this.#recent)) return this.#recent;
    if (lsn >= (this.#segments.at(-1)?.end ?? 0)) this.#segments = this.machine.log.segments();
    this.#recent = this.#segments.findLast(inside);
    return this.#recent;
  }
}
