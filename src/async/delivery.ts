// What goes out of the relay: who collects from which mailbox, and MESSAGE after MESSAGE in turns, so that none keeps the others waiting.
// None of this is in the log, but OPEN: after a restart all that was open counts as tried.

import { DetourError } from '../core/error.ts';
import type { Refusal, Session } from '../exchange/session.ts';
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
 * The most messages that are in flight to one receiver, whatever window it asks for. A single ACK may free them all, with a receipt
 * for each. PROTOCOL.md, "Limits".
 */
export const MOST_IN_FLIGHT = 4096;

/** Messages that one collector is sent before it is the next one's turn, */
const PER_TURN = 256;
/** and how long all turns together may hold up what else there is to do, in milliseconds. */
const TURN_MS = 5;
/** Connections of this epoch that are told apart in `attempt=`, for each mailbox. */
const MOST_MARKS = 16;
/** Names that said RECEIVE since the start: for `present=`, a hint. */
const MOST_KNOWN = 10_000;
/** The delay before a read is tried again that failed for lack of a resource, such as file handles. Milliseconds. */
const RETRY_MS = 1000;

/** A message that was sent and is not acknowledged. */
export interface InFlight {
  readonly seq: number;
  readonly id: string;
  readonly notify: string | undefined;
}

/** A session that collects from a mailbox. */
export class Collector {
  readonly flight: InFlight[] = [];
  window = 0;
  /** How many more may be sent before another RECEIVE. */
  remaining = Number.POSITIVE_INFINITY;
  /** With `drain`: EMPTY is due when nothing up to this number is held. */
  drainUpTo: number | undefined;
  /** The last number that was sent on this connection. */
  lastSent = 0;
  /** Nothing is sent before all below it is durable: the OPEN, and the expiry of what came before. */
  barrier: Lsn = 0;
  /** The message that is being read from the log, and the one that was. */
  reading: number | undefined;
  fetched: { readonly seq: number; readonly message: StoredMessage } | undefined;

  constructor(
    readonly session: Session,
    readonly name: string,
  ) {}
}

/** Hands the messages of mailboxes to their collectors. */
export class Delivery {
  readonly #collectors = new Map<string, Collector>();
  /** The last number that each earlier connection of this epoch was sent, by mailbox, rising. */
  readonly #marks = new Map<string, number[]>();
  readonly #known = new Set<string>();
  /** Those that may have something to send now, and those that wait for the disk. */
  readonly #ready = new Set<Collector>();
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

  /** This session as a collector, if it is the one. */
  collecting(session: Session): Collector | undefined {
    const collector = this.#collectors.get(session.as);
    return collector?.session === session ? collector : undefined;
  }

  /** What STORED says of a recipient: does it collect now, did it ever? */
  presence(name: string): 'yes' | 'no' | 'never' {
    if (this.#collectors.has(name)) return 'yes';
    return this.#known.has(name) || this.machine.state.wasCollected(name) ? 'no' : 'never';
  }

  /** RECEIVE: the newest for a mailbox wins. */
  receive(session: Session, { window, limit, drain }: Message<'RECEIVE'>): void {
    const name = session.as;
    const before = this.#collectors.get(name);
    if (before !== undefined && before.session !== session) {
      this.#leave(before);
      before.session.evict();
      this.context.emit?.({ event: 'mailbox', name, state: 'replaced' });
    }
    const collector = this.collecting(session) ?? new Collector(session, name);
    if (collector !== before) this.context.emit?.({ event: 'mailbox', name, state: 'collecting' });
    this.#collectors.set(name, collector);
    this.#remember(name);
    collector.window = Math.min(window, MOST_IN_FLIGHT);
    collector.remaining = limit ?? Number.POSITIVE_INFINITY;
    collector.drainUpTo = drain === 'yes' ? this.machine.state.nextOf(name) - 1 : undefined;
    collector.barrier = this.machine.log.end;
    this.arrived(name);
  }

  /** A session says no more. */
  ended(session: Session): void {
    const collector = this.collecting(session);
    if (collector === undefined) return;
    this.#leave(collector);
    this.context.emit?.({ event: 'mailbox', name: collector.name, state: 'left' });
  }

  #leave(collector: Collector): void {
    const { name, lastSent } = collector;
    this.#collectors.delete(name);
    this.#ready.delete(collector);
    this.#blocked.delete(collector);
    const acknowledged = this.machine.state.acknowledgedOf(name);
    const marks = [...(this.#marks.get(name) ?? []), lastSent].filter((mark) => mark > acknowledged);
    marks.sort((a, b) => a - b);
    // Merged upwards: it may count one too many, never one too few.
    if (marks.length > 0) this.#marks.set(name, marks.slice(-MOST_MARKS));
    else this.#marks.delete(name);
  }

  #remember(name: string): void {
    this.#known.delete(name);
    this.#known.add(name);
    if (this.#known.size > MOST_KNOWN) this.#known.delete(this.#known.values().next().value ?? name);
  }

  /** Might this message have been written to a receiver? */
  wasTried(box: Mailbox, seq: number): boolean {
    const marks = this.#marks.get(box.name) ?? [];
    const { lastSent = 0 } = this.#collectors.get(box.name) ?? {};
    return seq <= Math.max(box.tried, lastSent, ...marks);
  }

  /** Is it in flight on a live connection? One that is due, and only being read back, will not be sent. */
  inFlight(name: string, seq: number): boolean {
    return seq <= (this.#collectors.get(name)?.lastSent ?? 0);
  }

  /** There is mail, or room for more in flight. Directly after what brings mail and a collector together: OPEN shares its commit. */
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

  /** A message of this mailbox expires: what comes after it waits until that is durable. */
  expires(name: string): void {
    const collector = this.#collectors.get(name);
    if (collector === undefined) return;
    collector.barrier = this.machine.log.end;
    this.#wake(collector);
  }

  /** The queue towards a client has shrunk. */
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
      // To the end of the queue.
      if (this.#deliver(collector)) this.#ready.add(collector);
      if (performance.now() - began > TURN_MS) break;
    }
    this.#turning = this.#ready.size > 0;
    if (this.#turning) setImmediate(() => this.#turn());
  }

  // Sends what may be sent now. Returns true if there is more, and it is somebody else's turn.
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
        // It expires at the next look, and that must be durable.
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
    const marks = this.#marks.get(box.name)?.filter((mark) => mark >= seq).length ?? 0;
    const attempt = 1 + marks + (seq <= box.tried ? 1 : 0);
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
      // It may have been moved while it was being read.
      const same = state.mailboxes.get(collector.name)?.held.get(seq)?.lsn === place.lsn;
      // Nothing is skipped: the mailbox stops.
      if (same && error instanceof DetourError && error.code === 'damaged')
        collector.session.fail(refusal(error));
      // For lack of file handles, for example.
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
