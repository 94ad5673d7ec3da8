// A mailbox as one would write it who need not be quick: a list, looked through from the start each time. mailbox.test.ts compares
// src/async/mailbox.ts with it. No test is in here.

import type { Collecting, Held, Mailbox } from '../../src/async/mailbox.ts';

type State = 'coming' | 'held' | 'expiring' | 'gone';

interface Item {
  readonly seq: number;
  readonly size: number;
  readonly ttl: number | undefined;
  readonly born: number;
  state: State;
  attempts: number;
  /** Sent on the connection that stands. */
  sent: boolean;
}

/** The naive mailbox. What it is told is what a Mailbox is told. */
export class Naive {
  items: Item[] = [];
  acked = 0;
  ackedDurably = 0;
  tried = 0;
  openDurably = false;
  #collecting: Collecting | undefined;
  #sentSince = 0;
  #drainUpTo: number | undefined;

  add(size: number, ttl: number | undefined, born: number): void {
    const seq = (this.items.at(-1)?.seq ?? 0) + 1;
    this.items.push({ seq, size, ttl, born, state: 'coming', attempts: 0, sent: false });
  }

  stored(seq: number): void {
    this.#item(seq).state = 'held';
  }

  attach(collecting: Collecting, again: boolean): void {
    if (!again) for (const item of this.items) item.sent = false;
    this.#collecting = collecting;
    this.#sentSince = 0;
    this.#drainUpTo = collecting.drain ? (this.items.at(-1)?.seq ?? 0) : undefined;
  }

  detach(): void {
    for (const item of this.items) item.sent = false;
    this.#collecting = undefined;
    this.#drainUpTo = undefined;
  }

  get attached(): boolean {
    return this.#collecting !== undefined;
  }

  next(now: number, open: boolean): number | undefined {
    const { window = 0, limit = Number.POSITIVE_INFINITY } = this.#collecting ?? {};
    const flying = this.items.filter(({ sent, state }) => sent && state === 'held').length;
    if (this.#collecting === undefined || !open || flying >= window || this.#sentSince >= limit)
      return undefined;
    const first = this.items.find(({ state, seq }) => state !== 'gone' && seq > this.#lastSent());
    return first?.state === 'held' && !this.#overdue(first, now) ? first.seq : undefined;
  }

  sent(seq: number): void {
    const item = this.#item(seq);
    item.sent = true;
    item.attempts += 1;
    this.#sentSince += 1;
  }

  ack(seq: number): number[] | 'bad' | 'old' {
    if (seq <= this.acked) return 'old';
    if (seq > this.#lastSent()) return 'bad';
    const freed = this.items.filter((item) => item.seq <= seq && item.state === 'held');
    for (const item of freed) item.state = 'gone';
    this.acked = seq;
    return freed.map((item) => item.seq);
  }

  expirable(now: number): number[] {
    return this.items
      .filter((item) => item.state === 'held' && !item.sent && this.#overdue(item, now))
      .map(({ seq }) => seq);
  }

  expire(seq: number): void {
    this.#item(seq).state = 'expiring';
  }

  expired(seq: number): void {
    this.#item(seq).state = 'gone';
  }

  drained(): boolean {
    const upTo = this.#drainUpTo;
    const done =
      upTo !== undefined &&
      this.acked === this.ackedDurably &&
      this.items.every(({ seq, state }) => seq > upTo || state === 'gone');
    if (done) this.#drainUpTo = undefined;
    return done;
  }

  triedOf(seq: number): 'yes' | 'no' {
    return this.#item(seq).attempts > 0 || seq <= this.tried ? 'yes' : 'no';
  }

  /** What anybody can see of it, in the words of a Mailbox. */
  view(now: number) {
    const held = this.items.filter(({ state }) => state === 'held');
    const first = this.items.find(({ state }) => state === 'held' || state === 'coming');
    return {
      next: (this.items.at(-1)?.seq ?? 0) + 1,
      count: held.length,
      bytes: held.reduce((sum, { size }) => sum + size, 0),
      oldest: first?.state === 'held' ? first.seq : undefined,
      attached: this.attached,
      idle:
        !this.attached &&
        this.acked === this.ackedDurably &&
        this.items.every(({ state }) => state === 'gone'),
      expirable: this.expirable(now),
      flying: held.filter(({ sent }) => sent).map(({ seq }) => seq),
      tried: held.map(({ seq }) => this.triedOf(seq)),
    };
  }

  /** The same of a Mailbox. */
  static viewOf(box: Mailbox, now: number): ReturnType<Naive['view']> {
    const held = [...box.messages()].filter(({ ref }) => ref !== undefined);
    return {
      next: box.next,
      count: box.count,
      bytes: box.bytes,
      oldest: box.oldest?.seq,
      attached: box.attached,
      idle: box.idle,
      expirable: held.filter(({ seq }) => box.expirable(seq, now)).map(({ seq }) => seq),
      flying: held.filter(({ seq }) => box.inFlight(seq)).map(({ seq }) => seq),
      tried: held.map((message) => box.triedOf(message)),
    };
  }

  /** What a crash leaves: what was durable. @returns what a store would bring back of it */
  crash(): { state: { next: number; watermark: number; tried: number }; messages: Held[] } {
    this.items = this.items.filter(({ state }) => state !== 'coming');
    // An acknowledgement or an expiry that was not durable has not happened.
    for (const item of this.items) {
      if (item.state === 'expiring') item.state = 'held';
      if (item.seq > this.ackedDurably && item.state === 'gone' && !this.expiredDurably.has(item.seq))
        item.state = 'held';
      item.sent = false;
    }
    const last = this.items.at(-1)?.seq ?? 0;
    if (this.openDurably) this.tried = last;
    this.openDurably = false;
    this.acked = this.ackedDurably;
    this.#collecting = undefined;
    this.#drainUpTo = undefined;
    const messages = this.items.filter(({ state }) => state === 'held');
    for (const item of messages) item.attempts = item.seq <= this.tried ? 1 : 0;
    return {
      state: { next: last + 1, watermark: this.acked, tried: this.tried },
      messages: messages.map(({ seq, size, ttl, born, attempts }) => ({
        ...{ to: 'bob', seq, id: `${seq}`, from: 'alice', at: 0, size, ttl, born, attempts },
        ref: { segment: 1, offset: seq, length: size },
      })),
    };
  }

  /** Messages whose expiry is durable. */
  readonly expiredDurably = new Set<number>();

  #lastSent(): number {
    return Math.max(this.acked, ...this.items.filter(({ sent }) => sent).map(({ seq }) => seq));
  }

  #overdue({ ttl, born }: Item, now: number): boolean {
    return ttl !== undefined && now - born >= ttl * 1000;
  }

  #item(seq: number): Item {
    const item = this.items.find((one) => one.seq === seq);
    if (item === undefined) throw new Error(`there is no ${seq}`);
    return item;
  }
}
