// What a relay has promised over all its lives, as its clients reported it, and whether what it has after a power cut agrees. Pure.

import type { Fact } from './facts.ts';

/** A message that is held, as the log has it. */
export interface HeldMessage {
  readonly to: string;
  readonly seq: number;
  readonly from: string;
  readonly id: string;
  /** Is it a notice of the relay? */
  readonly notice: boolean;
  /** May it have been written to a receiver before? Then the next one is told attempt=2 at least. */
  readonly tried: boolean;
}

/** What a relay has, as whoever opened its log sees it. */
export interface Found {
  readonly held: readonly HeldMessage[];
  /** Everything up to it is acknowledged. */
  acknowledged(name: string): number;
  /** The number that the next message gets. */
  next(name: string): number;
  /** Under which number a message is remembered; undefined if its id is not known. */
  remembered(from: string, id: string): number | undefined;
}

type Stored = Fact & { readonly kind: 'stored' };

/** A message that was stored, as long as it may be held. */
interface Open {
  readonly fact: Stored;
  /** When it must not have expired yet, and when nothing of it may be left. By the relay's clock, in milliseconds. */
  readonly expires: number;
}

/** The ids of a session that must be remembered. A relay promises twice its window, 512. */
const REMEMBERED = 400;
/** A message may expire so much before its ttl seems over from here: its report comes late, and two clocks are read. Milliseconds. */
const CLOCK_SLACK_MS = 10_000;

/** Everything that the clients of one relay know together. */
export class Ledger {
  readonly violations: string[] = [];
  /** Answers STORED to new messages, and to repeats. */
  stored = 0;
  repeats = 0;
  /** Messages handed out, acknowledgements that the relay confirmed, messages that expired. */
  delivered = 0;
  confirmed = 0;
  expired = 0;
  /** What stands under each number: `from id`. */
  readonly #bySeq = new Map<string, string>();
  readonly #numbers = new Map<string, number>();
  readonly #open = new Map<string, Open>();
  /** The last messages of each sender, oldest first. */
  readonly #recent = new Map<string, Stored[]>();
  /** By mailbox: the highest number that was given, that a receiver may have acknowledged, and that the relay confirmed. */
  readonly #given = new Map<string, number>();
  readonly #acks = new Map<string, number>();
  readonly #acked = new Map<string, number>();
  /** What was handed out, and what expired: mailbox and number. */
  readonly #seen = new Set<string>();
  readonly #gone = new Set<string>();
  /** Notices that somebody was handed: the id of the message. */
  readonly #noticed = new Set<string>();

  /** Takes what a client reported. @param now by the relay's clock */
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
    if (before !== undefined && !dup) this.#say(`${key} was stored before, and its repeat was not known`);
    if (before !== undefined && before !== seq)
      this.#say(`${key} was stored as ${before}, and again as ${seq}`);
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
    if (seq <= (this.#acked.get(to) ?? 0)) this.#say(`${place} came, and it had been acknowledged`);
    if (this.#gone.has(place)) this.#say(`${place} came, and it had expired`);
    this.#seen.add(place);
    if (notice !== 'no') this.#noticed.add(id);
  }

  // One number is one message, for ever.
  #place(to: string, seq: number, key: string): void {
    const place = `${to} ${seq}`;
    const other = this.#bySeq.get(place);
    if (other !== undefined && other !== key) this.#say(`${place} is ${other}, and also ${key}`);
    this.#bySeq.set(place, key);
    raise(this.#given, to, seq);
  }

  /** The last messages of a sender that it may send again. */
  recent(from: string): readonly Stored[] {
    return (this.#recent.get(from) ?? []).slice(-REMEMBERED);
  }

  /** The power was cut: does what is found agree with everything that was told? @param now by the relay's clock */
  judge(found: Found, now: number): void {
    const held = new Map(found.held.map((one) => [`${one.to} ${one.seq}`, one]));
    const notices = new Set(found.held.filter(({ notice }) => notice).map(({ id }) => id));
    for (const one of found.held) {
      const place = `${one.to} ${one.seq}`;
      const told = this.#bySeq.get(place);
      if (told !== undefined && !one.notice && told !== `${one.from} ${one.id}`)
        this.#say(`${place} is ${one.from} ${one.id}, and was told to be ${told}`);
      if (this.#gone.has(place)) this.#say(`${place} had expired, and is there again`);
      if (this.#seen.has(place) && !one.tried)
        this.#say(`${place} was handed out, and counts as never tried`);
    }
    for (const [to, seq] of this.#acked)
      if (found.acknowledged(to) < seq)
        this.#say(`LOST: ${to} ${seq} was acknowledged, and now only ${found.acknowledged(to)} is`);
    for (const [to, seq] of this.#given)
      if (found.next(to) <= seq) this.#say(`${to} ${seq} was given, and the next is ${found.next(to)}`);
    for (const [key, open] of this.#open) this.#judge(key, open, held, notices, now);
    for (const [from] of this.#recent)
      for (const { id, seq } of this.recent(from)) {
        const remembered = found.remembered(from, id);
        if (remembered !== seq)
          this.#say(`${from} ${id} was stored as ${seq}, and is remembered as ${remembered ?? 'nothing'}`);
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
      this.#say(`LOST: ${key} was stored as ${place}, nobody acknowledged it, and it is not there`);
    if (notify !== '-' && !notices.has(id) && !this.#noticed.has(id))
      this.#say(`LOST: ${key}, ${place}, has ended, and no notice of it is there`);
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
