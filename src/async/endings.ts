// How a message ends: it is acknowledged, or its ttl is over. The entry that ends it also carries its notice, if the sender asked for one:
// a receipt or a bounce, written by the relay to the mailbox that `notify=` named. PROTOCOL.md, "Expiry and notices".

import type { Deadline } from '../core/deadlines.ts';
import type { Session } from '../exchange/session.ts';
import type { NetContext } from '../net/context.ts';
import type { Admission } from './admission.ts';
import type { Collector, Delivery } from './delivery.ts';
import { type Entry, type Notice, noticeFrame } from './entry.ts';
import type { Lsn } from './log/log.ts';
import type { Machine } from './machine.ts';
import type { StoredMessage } from './records.ts';
import type { Mailbox } from './state.ts';

/** How long a notice is kept if nobody collects it: 7 days, in seconds. */
export const NOTICE_TTL_S = 7 * 24 * 3600;

/** The most receipts in one ACK entry: they fit into the log's reserve. */
const RECEIPTS = 200;
/** The most messages in one EXPIRE entry: with their bounces they fit into the log's reserve. */
const EXPIRED = 40;
/** The most that an entry takes in the log without its notices, in bytes. */
const LINE = 1024;
/** The most that a notice takes in the log, in bytes. */
const NOTICE = 512;
/** How long expiry may hold up the event loop in one turn, in milliseconds. */
const TURN_MS = 5;
/** When to look again at a message that cannot expire yet: it is in flight, it cannot be read, or the log has no room. Milliseconds. */
const AGAIN_MS = 1000;

/** A notice to be written about the message with this id. Its text is one sentence. */
type Draft = Pick<Notice, 'id' | 'to' | 'kind' | 'tried'> & { readonly text: string };

/** An acknowledgement for which there is no room, not even in the reserve, and what waits until it is durable. */
interface Late {
  readonly collector: Collector;
  readonly seq: number;
  readonly waiting: (() => void)[];
}

/** Messages of one mailbox that expire together. */
interface Group {
  readonly box: Mailbox;
  readonly ended: { readonly due: Deadline; readonly message: StoredMessage }[];
}

/** Ends messages. */
export class Endings {
  readonly #late = new Map<Session, Late>();
  #expiring = false;
  #stopped = false;

  constructor(
    private readonly context: NetContext,
    private readonly machine: Machine,
    private readonly delivery: Delivery,
    private readonly admission: Admission,
  ) {}

  /** Ends what is due. Must be called every second. */
  look(): void {
    for (const { collector, seq } of [...this.#late.values()]) this.#acknowledge(collector, seq);
    if (this.#expiring) return;
    this.#expiring = true;
    this.#expireDue().finally(() => {
      this.#expiring = false;
    });
  }

  /** Stops expiry. */
  stop(): void {
    this.#stopped = true;
  }

  /** Handles ACK: a client has handled everything up to `seq`. */
  acknowledge(session: Session, seq: number): void {
    if (seq <= this.machine.state.acknowledgedOf(session.as)) return;
    const collector = this.delivery.collecting(session);
    if (collector === undefined || seq > collector.lastSent)
      session.fail({ code: 'bad_ack', reason: `${seq} was not sent on this connection` });
    else this.#acknowledge(collector, seq);
  }

  /** Calls back when everything that a session has acknowledged is durable. */
  settled(session: Session, done: () => void): void {
    const late = this.#late.get(session);
    if (late === undefined) this.machine.whenDurable(done);
    else late.waiting.push(done);
  }

  #acknowledge(collector: Collector, seq: number): void {
    const { name: to, session, flight } = collector;
    // While this ACK waited for room, a later session may have acknowledged the same messages.
    let upTo = this.machine.state.acknowledgedOf(to);
    while (flight[0] !== undefined && flight[0].seq <= upTo) flight.shift();
    const waiting = this.#late.get(session)?.waiting ?? [];
    while (upTo < seq) {
      // A large ACK is split into several entries.
      const { count, drafts } = receiptsOf(collector, seq);
      const after = flight[count];
      upTo = after !== undefined && after.seq <= seq ? after.seq - 1 : seq;
      if (!this.#append({ verb: 'ACK', to, seq: upTo, ...this.machine.times() }, drafts)) {
        this.#late.set(session, { collector, seq, waiting });
        return;
      }
      flight.splice(0, count);
    }
    if (this.context.emit !== undefined) {
      const held = this.machine.state.mailboxes.get(to)?.count ?? 0;
      this.machine.whenDurable(() => this.context.emit?.({ event: 'acknowledged', to, seq, held }));
    }
    for (const done of waiting) this.machine.whenDurable(done);
    this.#late.delete(session);
    this.delivery.arrived(to);
  }

  async #expireDue(): Promise<void> {
    const { state, records } = this.machine;
    const { deadlines } = state;
    let group: Group | undefined;
    let began = performance.now();
    const pause = async (step: Promise<unknown>): Promise<void> => {
      this.#expire(group);
      group = undefined;
      await step;
      began = performance.now();
    };
    const unreadable = new Set<Lsn>();
    const next = (): Deadline | undefined => (this.#stopped ? undefined : deadlines.due(this.machine.now));
    for (let due = next(); due !== undefined; due = next()) {
      const { serial, seq } = due;
      const box = state.bySerial.get(serial);
      const place = state.place(box, seq);
      const message = place && records.find(place);
      if (place !== undefined && message === undefined && !unreadable.has(place.lsn)) {
        await pause(records.read(place).catch(() => unreadable.add(place.lsn)));
        continue;
      }
      deadlines.shift();
      if (box === undefined || place === undefined) continue;
      // Not while a live connection may be handling it.
      if (message === undefined || this.delivery.inFlight(box.name, seq))
        deadlines.setAside(due, this.machine.now + AGAIN_MS);
      else {
        if (group?.box !== box || group.ended.length === EXPIRED) {
          this.#expire(group);
          group = { box, ended: [] };
        }
        group.ended.push({ due, message });
      }
      if (performance.now() - began > TURN_MS) await pause(new Promise((resolve) => setImmediate(resolve)));
    }
    this.#expire(group);
  }

  #expire(group: Group | undefined): void {
    if (group === undefined) return;
    const { machine } = this;
    const { box } = group;
    const to = box.name;
    group.ended.sort((a, b) => a.due.seq - b.due.seq);
    const ended = group.ended.map(({ due: { seq }, message: { id, from = machine.name, notify } }) => {
      const tried: 'yes' | 'no' = this.delivery.attempts(box, seq) > 0 ? 'yes' : 'no';
      return { seq, id, from, notify, tried };
    });
    const drafts = ended.flatMap(({ id, notify, tried }): Draft[] => {
      const text = `${id} expired before ${to} acknowledged it`;
      return notify === undefined ? [] : [{ id, to: notify, kind: 'bounce', tried, text }];
    });
    const numbers = ended.map(({ seq }) => seq);
    if (!this.#append({ verb: 'EXPIRE', to, numbers, ...machine.times() }, drafts)) {
      for (const { due } of group.ended) machine.state.deadlines.setAside(due, machine.now + AGAIN_MS);
      return;
    }
    this.delivery.expires(to);
    if (this.context.emit === undefined) return;
    machine.whenDurable(() => {
      for (const { seq, id, from, tried } of ended)
        this.context.emit?.({ event: 'expired', to, seq, id, from, tried });
    });
  }

  // Appends an entry that ends messages, with its notices. @returns false if there is no room: the caller must try again
  #append(
    ending: Omit<Entry<'ACK'>, 'messages'> | Omit<Entry<'EXPIRE'>, 'messages'>,
    drafts: readonly Draft[],
  ): boolean {
    const { machine } = this;
    if (!machine.fits(LINE + NOTICE * drafts.length)) return false;
    const next = new Map<string, number>();
    const frames: Buffer[] = [];
    const messages = drafts.map(({ text, ...draft }): Notice => {
      const seq = next.get(draft.to) ?? machine.state.nextOf(draft.to);
      next.set(draft.to, seq + 1);
      const notice = { ...draft, seq, ttl: NOTICE_TTL_S, size: Buffer.byteLength(text) };
      frames.push(noticeFrame(notice, text));
      return notice;
    });
    machine.append({ ...ending, messages } as Entry, frames);
    for (const { to } of drafts) {
      this.admission.told(to);
      this.delivery.arrived(to);
    }
    if (messages.length > 0 && this.context.emit !== undefined)
      machine.whenDurable(() => {
        for (const notice of messages) this.#tell(notice);
      });
    return true;
  }

  #tell({ id, to, seq, size, kind = 'receipt' }: Notice): void {
    const held = this.machine.state.mailboxes.get(to)?.count ?? 0;
    const present = this.delivery.presence(to);
    this.context.emit?.({ event: 'stored', id, from: this.machine.name, to, seq, size, held, present, kind });
  }
}

// How many of the messages in flight one entry can acknowledge, and the receipts that are due for them.
function receiptsOf({ flight, name }: Collector, seq: number): { count: number; drafts: Draft[] } {
  const drafts: Draft[] = [];
  let count = 0;
  for (; drafts.length < RECEIPTS; count++) {
    const message = flight[count];
    if (message === undefined || message.seq > seq) break;
    const { id, notify } = message;
    if (notify !== undefined)
      drafts.push({ id, to: notify, kind: 'receipt', text: `${name} acknowledged ${id}` });
  }
  return { count, drafts };
}
