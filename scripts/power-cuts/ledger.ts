// What a relay has promised in all its runs, as its clients reported it, and whether what it has after a power cut agrees. Pure.

import type { Fact } from './facts.ts';

/** A held message, according to the log. */
export interface HeldMessage {
  readonly to: string;
  readonly seq: number;
  readonly from: string;
  readonly id: string;
  /** Is it a notice of the relay? */
  readonly notice: boolean;
  /** May it have been written to a receiver before? Then the next receiver is told attempt=2 or more. */
  readonly tried: boolean;
}

/** What a relay has, according to its log. */
export interface Found {
  readonly held: readonly HeldMessage[];
  /** The number up to which everything in a mailbox is acknowledged. */
  acknowledged(name: string): number;
  /** The number that the next message of a mailbox gets. */
  next(name: string): number;
  /** The number under which the id of a message is remembered; undefined if the id is not known. */
  remembered(from: string, id: string): number | undefined;
}

type Stored = Fact & { readonly kind: 'stored' };

/** A message that was stored and may still be held. */
interface Open {
  readonly fact: Stored;
  /** When it expires, by the relay's clock, in milliseconds. Infinity: never. */
  readonly expires: number;
}

/** The number of a session's ids that must be remembered. A relay promises twice its window, 512. */
const REMEMBERED = 400;
/** How long before its ttl seems over a message may have expired, in milliseconds: the report is late, and two clocks are read. */
const CLOCK_SLACK_MS = 10_000;

/** Everything that the clients of one relay know together. */
export class Ledger {
  readonly violations: string[] = [];
  /** STORED answers to new messages. */
  stored = 0;
  /** STORED answers to repeats. */
  repeats = 0;
  /** Messages handed out. */
  delivered = 0;
  /** Acknowledgements that the relay confirmed. */
  confirmed = 0;
  /** Messages that expired. */
  expired = 0;
  /** The message under each number, as `from id`. */
  readonly #bySeq = new Map<string, string>();
  readonly #numbers = new Map<string, number>();
  readonly #open = new Map<string, Open>();
  /** The last messages of each sender, oldest first. */
  readonly #recent = new Map<string, Stored[]>();
  /** The highest number of each mailbox that was given out. */
  readonly #given = new Map<string, number>();
  /** The highest number of each mailbox that a receiver may have acknowledged. */
  readonly #acks = new Map<string, number>();
  /** The highest number of each mailbox whose acknowledgement the relay confirmed. */
  readonly #acked = new Map<string, number>();
  /** What was handed out, as mailbox and number. */
  readonly #seen = new Set<string>();
  /** What expired, as mailbox and number. */
  readonly #gone = new Set<string>();
  /** The ids of messages whose notices were handed out. */
  readonly #noticed = new Set<string>();

  /** Takes what a client reported. @param now by the relay's clock, in milliseconds */
  take(fact: Fact, now: number): void {
    const { kind, to, seq } = fact;
    const place = `${to} ${seq}`;
    if (kind === 'stored') this.#stored(fact, now);
    else if (kind === 'message') this.#message(fact);
    else if (kind === 'acks') raise(this.#acks, to, seq);
    else if (kind === 'acked') {
      raise(this.#acked, to, seq);
      this.confirmed += 1;
    } else {
      this.#gone.add(place);
      this.expired += 1;
    }
  }

  #stored(fact: Stored, now: number): void {
    const { from, id, to, seq, ttl, dup } = fact;
    const key = `${from} ${id}`;
    const before = this.#numbers.get(key);
    if (dup) this.repeats += 1;
    else this.stored += 1;
    if (before !== undefined && !dup)
      this.#say(`${key} was stored before, but its repeat was not recognised`);
    if (before !== undefined && before !== seq)
      this.#say(`${key} was stored as ${before} and again as ${seq}`);
    this.#place(to, seq, key);
    if (before !== undefined) return;
    this.#numbers.set(key, seq);
    this.#open.set(key, { fact, expires: ttl === 0 ? Number.POSITIVE_INFINITY : now + ttl * 1000 });
    const recent = this.#recent.get(from) ?? [];
    recent.push(fact);
    if (recent.length > 2 * REMEMBERED) recent.splice(0, REMEMBERED);
    this.#recent.set(from, recent);
  }

  #message({ to, seq, from, id, attempt, notice }: Fact & { kind: 'message' }): void {
    const place = `${to} ${seq}`;
    this.delivered += 1;
    this.#place(to, seq, `${notice === 'no' ? from : notice} ${id}`);
    if (this.#seen.has(place) && attempt < 2) this.#say(`${place} came again as attempt ${attempt}`);
    if (seq <= (this.#acked.get(to) ?? 0)) this.#say(`${place} came although it had been acknowledged`);
    if (this.#gone.has(place)) this.#say(`${place} came although it had expired`);
    this.#seen.add(place);
    if (notice !== 'no') this.#noticed.add(id);
  }

  // A number belongs to one message for ever.
  #place(to: string, seq: number, key: string): void {
    const place = `${to} ${seq}`;
    const other = this.#bySeq.get(place);
    if (other !== undefined && other !== key) this.#say(`${place} is ${other} and also ${key}`);
    this.#bySeq.set(place, key);
    raise(this.#given, to, seq);
  }

  /** The last messages of a sender that it may send again. */
  recent(from: string): readonly Stored[] {
    return (this.#recent.get(from) ?? []).slice(-REMEMBERED);
  }

  /** Compares what is found after a power cut with everything that clients were told. @param now by the relay's clock, in milliseconds */
  judge(found: Found, now: number): void {
    const held = new Map(found.held.map((one) => [`${one.to} ${one.seq}`, one]));
    const notices = new Set(found.held.filter(({ notice }) => notice).map(({ id }) => id));
    for (const one of found.held) {
      const place = `${one.to} ${one.seq}`;
      const told = this.#bySeq.get(place);
      if (told !== undefined && !one.notice && told !== `${one.from} ${one.id}`)
        this.#say(`${place} is ${one.from} ${one.id}, but a client was told that it is ${told}`);
      if (this.#gone.has(place)) this.#say(`${place} had expired but is there again`);
      if (this.#seen.has(place) && !one.tried) this.#say(`${place} was handed out but counts as never tried`);
    }
    for (const [to, seq] of this.#acked)
      if (found.acknowledged(to) < seq)
        this.#say(`LOST: ${to} was acknowledged up to ${seq}, but now only up to ${found.acknowledged(to)}`);
    for (const [to, seq] of this.#given)
      if (found.next(to) <= seq) this.#say(`${to} ${seq} was given out, but the next is ${found.next(to)}`);
    for (const [key, open] of this.#open) this.#judge(key, open, held, notices, now);
    for (const [from] of this.#recent)
      for (const { id, seq } of this.recent(from)) {
        const remembered = found.remembered(from, id);
        if (remembered !== seq)
          this.#say(`${from} ${id} was stored as ${seq} but is remembered as ${remembered ?? 'nothing'}`);
      }
  }

  #judge(
    key: string,
    { fact, expires }: Open,
    held: ReadonlyMap<string, HeldMessage>,
    notices: ReadonlySet<string>,
    now: number,
  ): void {
    const { to, seq, id, notify } = fact;
    const place = `${to} ${seq}`;
    if (held.has(place)) return;
    const acknowledged = seq <= (this.#acks.get(to) ?? 0);
    if (!acknowledged && !this.#gone.has(place) && now < expires - CLOCK_SLACK_MS)
      this.#say(`LOST: ${key} was stored as ${place} and never acknowledged, but it is not there`);
    if (notify !== '-' && !notices.has(id) && !this.#noticed.has(id))
      this.#say(`LOST: ${key}, ${place}, has ended, but there is no notice of it`);
    this.#open.delete(key);
    this.#seen.delete(place);
  }

  #say(text: string): void {
    this.violations.push(text);
  }
}

function raise(map: Map<string, number>, to: string, seq: number): void {
  map.set(to, Math.max(map.get(to) ?? 0, seq));
}
