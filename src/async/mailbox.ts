// The rules of one mailbox: what is held, what may be sent next, what an acknowledgement frees, what expires. Pure: no socket, no
// disk, no clock (the time is an argument), no Node module. relay.ts does what these rules decide. PROTOCOL.md, "A mailbox".

import type { Ref, SendEntry } from './store/store.ts';

/** A message in a mailbox. Its body lies in the store. */
export interface Held extends Omit<SendEntry, 'kind' | 'body' | 'crc'> {
  readonly size: number;
  /** When it was stored, by the relay's monotonic time; may be negative for one from an earlier life. */
  readonly born: number;
  /** Undefined until it is durable. */
  ref: Ref | undefined;
  /** How often it was, or may have been, written to a receiver. */
  attempts: number;
}

/** How many messages are held in all mailboxes that share it, durable or on their way to the disk. */
export interface Tally {
  held: number;
}

/** What RECEIVE asked for. */
export interface Collecting {
  readonly window: number;
  readonly limit: number | undefined;
  readonly drain: boolean;
}

//   add ──► (not durable) ──stored──► held ──send──► in flight ──ack──► gone
//                                      │  ◄──detach───┘
//                                      └──(ttl passed, not in flight)──► expiring ──expired──► gone
/** One first-in first-out mailbox. */
export class Mailbox {
  readonly name: string;
  /** The next number to be given out. */
  next = 1;
  /** Everything up to and including it is acknowledged, perhaps not durably yet. */
  watermark = 0;
  /** Messages up to and including it may have been written to a receiver in an earlier life of the relay. */
  tried = 0;
  /** The OPEN record of this life: before it is durable no MESSAGE goes out. */
  open: 'no' | 'pending' | 'yes' = 'no';
  /** Has anybody ever collected here? */
  known = false;
  /** Messages held elsewhere whose fate will be told here; while there are any, the mailbox is not forgotten. */
  promised = 0;
  /** Set once a body could not be read back: nothing more is sent, nothing is skipped. */
  damage: string | undefined;
  readonly #held = new Map<number, Held>();
  readonly #tally: Tally;
  readonly #expiring = new Set<number>();
  #first = 1;
  #durable = 0;
  #durableBytes = 0;
  #durableWatermark = 0;
  #collecting: Collecting | undefined;
  /** Passed over or sent on the connection that is attached, and the last one sent. */
  #cursor = 0;
  #lastSent = 0;
  #inFlight = 0;
  #remaining = Number.POSITIVE_INFINITY;
  #drainUpTo: number | undefined;

  constructor(name: string, tally: Tally = { held: 0 }) {
    this.name = name;
    this.#tally = tally;
  }

  /** Sets the state that a store brought back. */
  recover(state: { next: number; watermark: number; tried: number }, messages: Iterable<Held>): void {
    this.next = state.next;
    this.watermark = state.watermark;
    this.#durableWatermark = state.watermark;
    this.tried = state.tried;
    this.known = state.watermark > 0 || state.tried > 0;
    for (const message of messages) {
      this.#held.set(message.seq, message);
      this.#tally.held += 1;
      this.#durable += 1;
      this.#durableBytes += message.size;
    }
    this.#first = state.watermark + 1;
  }

  /** Durable messages that wait or are in flight. */
  get count(): number {
    return this.#durable;
  }

  /** Their bodies together, in bytes. */
  get bytes(): number {
    return this.#durableBytes;
  }

  /** Is a receiver attached? */
  get attached(): boolean {
    return this.#collecting !== undefined;
  }

  /** May it be forgotten: nothing held, nothing on its way to or from the disk, nobody attached? */
  get idle(): boolean {
    return (
      this.promised === 0 &&
      this.#held.size === 0 &&
      this.#expiring.size === 0 &&
      this.#collecting === undefined &&
      this.#durableWatermark === this.watermark
    );
  }

  /** The longest-held durable message. */
  get oldest(): Held | undefined {
    while (this.#first < this.next && !this.#held.has(this.#first)) this.#first += 1;
    const oldest = this.#held.get(this.#first);
    return oldest?.ref === undefined ? undefined : oldest;
  }

  /** Is this message held? */
  holds(seq: number): boolean {
    return this.#held.has(seq);
  }

  /** A held message by its number. */
  get(seq: number): Held | undefined {
    return this.#held.get(seq);
  }

  /** Everything that is held, in order. */
  messages(): Iterable<Held> {
    return this.#held.values();
  }

  /** Gives the next number to a message that is on its way to the disk. */
  add(message: Omit<Held, 'to' | 'seq' | 'ref' | 'attempts'>): Held {
    const held: Held = { ...message, to: this.name, seq: this.next, ref: undefined, attempts: 0 };
    this.next += 1;
    this.#held.set(held.seq, held);
    this.#tally.held += 1;
    return held;
  }

  /** It is durable now, and may be sent. */
  stored(seq: number, ref: Ref): void {
    const held = this.#held.get(seq);
    if (held === undefined) return;
    held.ref = ref;
    this.#durable += 1;
    this.#durableBytes += held.size;
  }

  /** A receiver collects, or the one that does has said RECEIVE again (`again`: what it was sent stays in flight). */
  attach(collecting: Collecting, again: boolean): void {
    if (!again) {
      this.#begin();
    }
    this.#collecting = collecting;
    this.#remaining = collecting.limit ?? Number.POSITIVE_INFINITY;
    this.#drainUpTo = collecting.drain ? this.next - 1 : undefined;
    this.known = true;
  }

  /** The receiver is gone; what it did not acknowledge is sent again to the next. */
  detach(): void {
    this.#collecting = undefined;
    this.#begin();
    this.#drainUpTo = undefined;
  }

  // On a new connection nothing is in flight: all that is not acknowledged is still to be sent.
  #begin(): void {
    this.#cursor = this.watermark;
    this.#lastSent = this.watermark;
    this.#inFlight = 0;
  }

  /** Was it sent on the connection that is attached, and not acknowledged yet? */
  inFlight(seq: number): boolean {
    return this.#collecting !== undefined && seq > this.watermark && seq <= this.#cursor;
  }

  /**
   * The message to send now, or undefined: none is durable, the window is full, an expiry is not durable yet, or one must expire first.
   * @param now the relay's monotonic time
   */
  nextToSend(now: number): Held | undefined {
    const { damage, open } = this;
    if (this.#collecting === undefined || damage !== undefined || open !== 'yes') return undefined;
    if (this.#inFlight >= this.#collecting.window || this.#remaining === 0) return undefined;
    for (let seq = Math.max(this.#cursor, this.watermark) + 1; seq < this.next; seq += 1) {
      if (this.#expiring.has(seq)) return undefined;
      const held = this.#held.get(seq);
      if (held === undefined) {
        // Expired and durably so: it is passed over for good.
        this.#cursor = seq;
        continue;
      }
      return held.ref === undefined || overdue(held, now) ? undefined : held;
    }
    return undefined;
  }

  /** Is anything durable that `nextToSend` would yield if this mailbox were open? */
  get waiting(): boolean {
    return this.#collecting !== undefined && this.open === 'no' && this.#durable > 0;
  }

  /** It has been handed to the connection. */
  sent(seq: number): void {
    const held = this.#held.get(seq);
    if (held !== undefined) held.attempts += 1;
    this.#cursor = seq;
    this.#lastSent = seq;
    this.#inFlight += 1;
    this.#remaining -= 1;
  }

  /**
   * The receiver handled everything up to `seq`.
   * @returns the messages this frees, in order; or `bad` if so many were never sent on this connection; or `old` if it says nothing new
   */
  ack(seq: number): Held[] | 'bad' | 'old' {
    if (seq <= this.watermark) return 'old';
    if (seq > this.#lastSent || this.#collecting === undefined) return 'bad';
    const freed: Held[] = [];
    for (let at = this.watermark + 1; at <= seq; at += 1) {
      const held = this.#held.get(at);
      if (held === undefined) continue;
      freed.push(held);
      this.#drop(held);
    }
    this.watermark = seq;
    this.#inFlight -= freed.length;
    return freed;
  }

  /** Everything up to `seq` is durably acknowledged. */
  acknowledged(seq: number): void {
    this.#durableWatermark = Math.max(this.#durableWatermark, seq);
  }

  /** May this one expire now: its time has passed, it is durable and not in flight on a live connection? */
  expirable(seq: number, now: number): boolean {
    const held = this.#held.get(seq);
    return held?.ref !== undefined && overdue(held, now) && !this.inFlight(seq);
  }

  /** It expires. Nothing behind it is sent before `expired` says that this is durable. */
  expire(seq: number): Held | undefined {
    const held = this.#held.get(seq);
    if (held === undefined) return undefined;
    this.#drop(held);
    this.#expiring.add(seq);
    return held;
  }

  /** Its expiry is durable. */
  expired(seq: number): void {
    this.#expiring.delete(seq);
  }

  /** Was it certainly never written to a receiver? What a bounce tells in `tried=`. */
  triedOf({ seq, attempts }: Held): 'yes' | 'no' {
    return attempts > 0 || seq <= this.tried ? 'yes' : 'no';
  }

  /** With `drain`, once: is all that was held when RECEIVE came expired or durably acknowledged? Then EMPTY is due. */
  drained(): boolean {
    const upTo = this.#drainUpTo;
    if (upTo === undefined || this.#durableWatermark !== this.watermark) return false;
    for (const seq of this.#expiring) if (seq <= upTo) return false;
    while (this.#first < this.next && !this.#held.has(this.#first)) this.#first += 1;
    if (this.#first <= upTo) return false;
    this.#drainUpTo = undefined;
    return true;
  }

  #drop(held: Held): void {
    this.#held.delete(held.seq);
    this.#tally.held -= 1;
    if (held.ref === undefined) return;
    this.#durable -= 1;
    this.#durableBytes -= held.size;
  }
}

/** Has its `ttl` passed? */
function overdue({ ttl, born }: Held, now: number): boolean {
  return ttl !== undefined && now >= born + ttl * 1000;
}
