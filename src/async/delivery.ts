// What goes out of the relay: who collects from which mailbox, and MESSAGE after MESSAGE, in turns, so that no mailbox keeps the others
// waiting. Of all this only OPEN is in the log: after a restart every mailbox that was open counts as tried.

import { DetourError } from '../core/error.ts';
import type { Refusal, Session, SessionEnd } from '../exchange/session.ts';
import type { NetContext } from '../net/context.ts';
import { QUEUE_LIMIT } from '../net/frame-writer.ts';
import { MessageBatch } from '../wire/batch.ts';
import type { Message } from '../wire/verbs.ts';
import type { Place } from './held.ts';
import type { Lsn } from './log/log.ts';
import type { Machine } from './machine.ts';
import type { StoredMessage } from './records.ts';
import type { Mailbox } from './state.ts';

/**
 * The most messages that are in flight to one receiver, whatever window it asks for. A limit is needed because a single ACK may free
 * them all, with a receipt for each. PROTOCOL.md, "Limits".
 */
export const MOST_IN_FLIGHT = 4096;

/** The most messages that one collector is sent in its turn, before the next collector's turn. */
const PER_TURN = 256;
/** How long all turns together may hold up the event loop, in milliseconds. */
const TURN_MS = 5;
/** How many earlier connections of this epoch are counted separately in `attempt=`, for each mailbox. */
const MOST_MARKS = 16;
/** How many names that said RECEIVE since the start are kept: for `present=`, which is a hint. */
const MOST_KNOWN = 10_000;
/** The delay before a read that failed for lack of a resource, such as file handles, is tried again. Milliseconds. */
const RETRY_MS = 1000;

/** A message that was sent and not acknowledged yet. */
export interface InFlight {
  readonly seq: number;
  readonly id: string;
  readonly notify: string | undefined;
}

/** A session that collects from a mailbox. */
export class Collector {
  readonly flight: InFlight[] = [];
  window = 0;
  /** How many more messages may be sent before another RECEIVE. */
  remaining = Number.POSITIVE_INFINITY;
  /** With `drain=yes`: EMPTY is due when nothing up to this number is held any more. */
  drainUpTo: number | undefined;
  /** The last number that was sent on this connection. */
  lastSent = 0;
  /** Nothing is sent before everything below this LSN is durable: the OPEN, and the expiry of earlier messages. */
  barrier: Lsn = 0;
  /** The number of the message that is being read from the log. */
  reading: number | undefined;
  /** The message that was read last. */
  fetched: { readonly seq: number; readonly message: StoredMessage } | undefined;

  constructor(
    readonly session: Session,
    readonly name: string,
  ) {}
}

/** Hands the messages of mailboxes to their collectors. */
export class Delivery {
  readonly #collectors = new Map<string, Collector>();
  /** For each mailbox, the last number that each earlier connection of this epoch was sent, in ascending order. */
  readonly #marks = new Map<string, number[]>();
  readonly #known = new Set<string>();
  /** Collectors to which something may be sent now. */
  readonly #ready = new Set<Collector>();
  /** Collectors that wait for the disk. */
  readonly #blocked = new Set<Collector>();
  #turning = false;

  constructor(
    private readonly context: NetContext,
    private readonly machine: Machine,
  ) {}

  /** Who collects from this mailbox. */
  collector(name: string): Collector | undefined {
    return this.#collectors.get(name);
  }

  /** The names of the mailboxes that are collected now. */
  get collected(): Iterable<string> {
    return this.#collectors.keys();
  }

  /** This session as a collector, if it is the one that collects from its mailbox. */
  collecting(session: Session): Collector | undefined {
    const collector = this.#collectors.get(session.as);
    return collector?.session === session ? collector : undefined;
  }

  /** What STORED says about a recipient in `present=`: does it collect now, or did it ever? */
  presence(name: string): 'yes' | 'no' | 'never' {
    if (this.#collectors.has(name)) return 'yes';
    return this.#known.has(name) || this.machine.state.wasCollected(name) ? 'no' : 'never';
  }

  /** Handles RECEIVE. The newest session that collects from a mailbox replaces an older one. */
  receive(session: Session, { window, limit, drain }: Message<'RECEIVE'>): void {
    const name = session.as;
    const before = this.#collectors.get(name);
    if (before !== undefined && before.session !== session) {
      this.#leave(before);
      before.session.evict(session.from);
      this.machine.whenDurable(() => this.#tellLeft(before, 'replaced'));
    }
    const collector = this.collecting(session) ?? new Collector(session, name);
    if (collector !== before)
      this.machine.whenDurable(() => this.context.emit?.({ event: 'mailbox', name, state: 'collecting' }));
    this.#collectors.set(name, collector);
    this.#remember(name);
    collector.window = Math.min(window, MOST_IN_FLIGHT);
    collector.remaining = limit ?? Number.POSITIVE_INFINITY;
    collector.drainUpTo = drain === 'yes' ? this.machine.state.nextOf(name) - 1 : undefined;
    collector.barrier = this.machine.log.end;
    this.arrived(name);
  }

  /**
   * A session has ended. @param settled calls back when everything that the session has acknowledged is durable: then it is known what will be
   * sent again
   */
  ended(session: Session, how: SessionEnd, settled: (done: () => void) => void): void {
    const collector = this.collecting(session);
    if (collector === undefined) return;
    this.#leave(collector);
    settled(() => this.#tellLeft(collector, 'left', how));
  }

  #tellLeft({ name, flight }: Collector, state: 'left' | 'replaced', how?: SessionEnd): void {
    const held = this.machine.state.mailboxes.get(name)?.count ?? 0;
    const why = how === undefined ? {} : { how };
    this.context.emit?.({ event: 'mailbox', name, state, ...why, again: flight.length, held });
  }

  #leave(collector: Collector): void {
    const { name, lastSent } = collector;
    this.#collectors.delete(name);
    this.#ready.delete(collector);
    this.#blocked.delete(collector);
    const acknowledged = this.machine.state.acknowledgedOf(name);
    const marks = [...(this.#marks.get(name) ?? []), lastSent].filter((mark) => mark > acknowledged);
    marks.sort((a, b) => a - b);
    // Beyond the limit the lowest marks are dropped. Then `attempt=` counts too few, never too many.
    if (marks.length > 0) this.#marks.set(name, marks.slice(-MOST_MARKS));
    else this.#marks.delete(name);
  }

  #remember(name: string): void {
    this.#known.delete(name);
    this.#known.add(name);
    if (this.#known.size > MOST_KNOWN) this.#known.delete(this.#known.values().next().value ?? name);
  }

  /**
   * On how many connections this message was sent, as far as the relay can tell them apart; those before it opened count as one. 0: it was
   * certainly never written to a receiver.
   */
  attempts({ name, tried }: Mailbox, seq: number): number {
    const marks = this.#marks.get(name)?.filter((mark) => mark >= seq).length ?? 0;
    return marks + (seq <= tried ? 1 : 0) + (this.inFlight(name, seq) ? 1 : 0);
  }

  /** Is this message in flight on a live connection? One that is only being read back does not count: if its ttl is over, it is not sent. */
  inFlight(name: string, seq: number): boolean {
    return seq <= (this.#collectors.get(name)?.lastSent ?? 0);
  }

  /** There is mail, or the window has room. Call it right after the entry that causes this, so that an OPEN shares the entry's commit. */
  arrived(name: string): void {
    const collector = this.#collectors.get(name);
    if (collector === undefined) return;
    const box = this.machine.state.mailboxes.get(name);
    if (box !== undefined && box.count > 0 && !box.open) {
      this.machine.append({ verb: 'OPEN', to: name });
      collector.barrier = this.machine.log.end;
    }
    this.#wake(collector);
  }

  /** A message of this mailbox expires: later messages wait until that is durable. */
  expires(name: string): void {
    const collector = this.#collectors.get(name);
    if (collector === undefined) return;
    collector.barrier = this.machine.log.end;
    this.#wake(collector);
  }

  /** The write queue of a session has shrunk. */
  drained(session: Session): void {
    const collector = this.collecting(session);
    if (collector !== undefined) this.#wake(collector);
  }

  /** More has become durable. */
  durable(): void {
    for (const collector of this.#blocked) this.#wake(collector);
    this.#blocked.clear();
  }

  #wake(collector: Collector): void {
    this.#ready.add(collector);
    if (this.#turning) return;
    this.#turning = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    const began = performance.now();
    for (const collector of this.#ready) {
      this.#ready.delete(collector);
      // Adding it again puts it at the end of the queue.
      if (this.#deliver(collector)) this.#ready.add(collector);
      if (performance.now() - began > TURN_MS) break;
    }
    this.#turning = this.#ready.size > 0;
    if (this.#turning) setImmediate(() => this.#turn());
  }

  // Sends what may be sent now. @returns true if there is more, but its turn is over
  #deliver(collector: Collector): boolean {
    const { state, log, records, now } = this.machine;
    const { name, session, flight } = collector;
    const batch = new MessageBatch();
    let more = false;
    for (
      let sent = 0;
      collector.reading === undefined && session.queuedBytes + batch.size <= QUEUE_LIMIT;
      sent++
    ) {
      const box = state.mailboxes.get(name);
      const seq = box?.held.after(Math.max(box.acknowledged, collector.lastSent)) ?? 0;
      const place = box?.held.get(seq);
      if (box === undefined || place === undefined) break;
      if (flight.length >= collector.window || collector.remaining === 0) break;
      more = sent === PER_TURN;
      if (more) break;
      if (place.lsn >= log.durable || log.durable < collector.barrier) {
        this.#blocked.add(collector);
        break;
      }
      const { fetched } = collector;
      const message = fetched?.seq === seq ? fetched.message : records.find(place);
      if (message === undefined) {
        void this.#read(collector, seq, place);
        break;
      }
      if (message.ttl !== undefined && now >= message.t + message.ttl * 1000) {
        // endings.ts expires it at its next look; what comes after it waits until that is durable.
        this.#blocked.add(collector);
        break;
      }
      batch.add(this.#sent(collector, box, seq, place, message));
    }
    if (batch.count > 0) session.sendAll(batch);
    if (!more) this.#sayEmpty(collector);
    return more;
  }

  #sent(collector: Collector, box: Mailbox, seq: number, { at }: Place, message: StoredMessage) {
    const { id, from = this.machine.name, t, kind, tried, body, notify } = message;
    const attempt = 1 + this.attempts(box, seq);
    const held = Math.max(0, this.machine.now - t);
    collector.lastSent = seq;
    collector.remaining -= 1;
    collector.flight.push({ seq, id, notify });
    return { seq, id, from, at, held, attempt, kind, tried, body };
  }

  async #read(collector: Collector, seq: number, place: Place): Promise<void> {
    const { records, state } = this.machine;
    collector.reading = seq;
    const again = (): void => {
      collector.reading = undefined;
      if (this.#collectors.get(collector.name) === collector) this.#wake(collector);
    };
    try {
      collector.fetched = { seq, message: await records.read(place) };
      again();
    } catch (error) {
      // Compaction may have moved it while it was being read.
      const same = state.mailboxes.get(collector.name)?.held.get(seq)?.lsn === place.lsn;
      // No message is skipped, so delivery from this mailbox stops.
      if (same && error instanceof DetourError && error.code === 'damaged')
        collector.session.fail(refusal(error));
      // A shortage of file handles, for example, passes.
      else if (same) this.context.clock.after(RETRY_MS, again);
      else again();
    }
  }

  #sayEmpty(collector: Collector): void {
    const { state } = this.machine;
    const { drainUpTo, session, name } = collector;
    const box = state.mailboxes.get(name);
    const first = box?.held.after(box.acknowledged) ?? 0;
    if (drainUpTo === undefined || (first > 0 && first <= drainUpTo)) return;
    collector.drainUpTo = undefined;
    this.machine.whenDurable(() => session.send({ verb: 'EMPTY' }));
  }
}

const refusal = ({ code, message }: DetourError): Refusal => ({ code, reason: message });
