// The clients in the guest: senders that never stop, and receivers that acknowledge now and then, leave and come back. They report what
// they are told.

import type { Message } from '../../src/wire/verbs.ts';
import { bodyOf } from '../lib/ledger.ts';
import type { Random } from '../lib/random.ts';
import { Wire } from '../lib/wire.ts';
import type { Fact } from './facts.ts';

/** Reports a fact. @param now immediately, before anything else is done */
export type Report = (fact: Fact, now?: boolean) => void;

/** A message that was stored and is sent again. */
export type Repeat = Pick<Fact & { kind: 'stored' }, 'id' | 'to' | 'size' | 'ttl' | 'notify'>;

/** How a sender is set up. */
export interface SenderOptions {
  readonly name: string;
  /** The `try` of HELLO. The session is the same after every power cut. */
  readonly tryNumber: number;
  /** The beginning of its new ids. */
  readonly label: string;
  readonly repeats: readonly Repeat[];
  /** The number of SENDs without an answer that it keeps. */
  readonly window: number;
  readonly random: Random;
  readonly report: Report;
}

const LARGEST_BODY = 20_000;
/** The pause after a refusal, in milliseconds. */
const REFUSED_MS = 20;

/** Sends without a pause. */
export class Sender {
  readonly #options: SenderOptions;
  readonly #pending = new Map<string, Repeat>();
  readonly #wire: Wire;
  #next = 1;

  constructor(port: number, options: SenderOptions) {
    this.#options = options;
    this.#wire = new Wire(port, { message: (message) => this.#message(message), closed: () => {} });
  }

  #message(message: Message): void {
    const { name, tryNumber, repeats, report } = this.#options;
    if (message.verb === 'READY') {
      this.#wire.say({ verb: 'HELLO', version: 1, as: name, session: `session-${name}`, try: tryNumber });
      for (const repeat of repeats) this.#send(repeat);
      this.#fill();
    } else if (message.verb === 'STORED') {
      const { id, seq, dup } = message;
      const pending = this.#pending.get(id);
      if (pending === undefined) throw new Error(`STORED for ${id}, which ${name} did not send`);
      this.#pending.delete(id);
      const { to, size, ttl, notify } = pending;
      report({ kind: 'stored', from: name, id, to, seq, size, ttl, notify, dup: dup === 'yes' });
      this.#fill();
    } else if (message.verb === 'REFUSED' && message.code === 'disk_full') {
      // This may happen: the held messages may grow until the disk is full.
      const again = this.#pending.get(message.id);
      this.#pending.delete(message.id);
      if (again !== undefined) setTimeout(() => this.#send(again), REFUSED_MS);
    } else throw new Error(`${name} was told ${message.verb}: ${JSON.stringify(message)}`);
  }

  #fill(): void {
    while (this.#pending.size < this.#options.window) this.#send(this.#fresh());
  }

  #fresh(): Repeat {
    const { label, random } = this.#options;
    const id = `${label}.${this.#next}`;
    this.#next += 1;
    const to = random.pick(['bob', 'bob', 'carol', 'carol', 'away', `w-${random.whole(1, 3)}`]);
    const chance = random.next();
    const size = random.whole(0, chance < 0.5 ? 400 : chance < 0.95 ? 6000 : LARGEST_BODY);
    const fate = random.next();
    const ttl = fate < 0.1 ? random.whole(1, 5) : fate < 0.2 ? random.whole(20, 60) : 0;
    return { id, to, size, ttl, notify: random.next() < 0.25 ? 'news' : '-' };
  }

  #send(one: Repeat): void {
    const { id, to, size, ttl, notify } = one;
    this.#pending.set(id, one);
    this.#wire.say({
      verb: 'SEND',
      id,
      to,
      ttl: ttl === 0 ? undefined : ttl,
      notify: notify === '-' ? undefined : notify,
      body: bodyOf(this.#options.name, id, size),
    });
  }
}

/** The pause before a recipient asks again after EMPTY, or connects again after BYE, in milliseconds. */
const PAUSE_MS = 15;

/** Collects from a mailbox. */
export class Receiver {
  readonly #port: number;
  readonly #name: string;
  readonly #drains: boolean;
  readonly #known: (name: string) => number;
  readonly #random: Random;
  readonly #report: Report;
  #wire: Wire;
  #window = 1;
  #acknowledged = 0;
  #unacknowledged = 0;
  #leaving = false;
  /** The highest number that was certainly there when it said RECEIVE. EMPTY covers everything up to it. */
  #there = 0;

  /** @param known the highest number in a mailbox that a client was told @param drains does it ask for EMPTY (`drain=yes`)? */
  constructor(
    port: number,
    name: string,
    drains: boolean,
    known: (name: string) => number,
    random: Random,
    report: Report,
  ) {
    this.#known = known;
    this.#port = port;
    this.#name = name;
    this.#drains = drains;
    this.#random = random;
    this.#report = report;
    this.#wire = this.#call();
  }

  #call(): Wire {
    this.#leaving = false;
    this.#acknowledged = 0;
    this.#unacknowledged = 0;
    this.#window = this.#random.whole(1, 60);
    return new Wire(this.#port, { message: (message) => this.#message(message), closed: () => {} });
  }

  #message(message: Message): void {
    switch (message.verb) {
      case 'READY':
        this.#wire.say({ verb: 'HELLO', version: 1, as: this.#name });
        this.#receive();
        return;
      case 'MESSAGE':
        this.#take(message);
        return;
      case 'EMPTY':
        this.#confirmed(Math.min(this.#acknowledged, this.#there));
        if (this.#random.next() < 0.1) this.#leave();
        else setTimeout(() => this.#receive(), PAUSE_MS);
        return;
      case 'BYE':
        this.#confirmed(this.#acknowledged);
        this.#wire.drop();
        setTimeout(() => {
          this.#wire = this.#call();
        }, PAUSE_MS);
        return;
      default:
        throw new Error(`${this.#name} was told ${message.verb}: ${JSON.stringify(message)}`);
    }
  }

  #receive(): void {
    if (this.#leaving) return;
    this.#there = this.#known(this.#name);
    this.#wire.say({ verb: 'RECEIVE', window: this.#window, drain: this.#drains ? 'yes' : undefined });
  }

  #take({ seq, from, id, attempt, kind, body }: Message<'MESSAGE'>): void {
    const to = this.#name;
    if (kind === undefined && !body.equals(bodyOf(from, id, body.length)))
      throw new Error(`${to} ${seq}: the body of ${from} ${id} is not what was sent`);
    this.#report({ kind: 'message', to, seq, from, id, attempt, notice: kind ?? 'no' });
    this.#unacknowledged += 1;
    const due = this.#drains || this.#unacknowledged >= this.#window || this.#random.next() < 0.2;
    // After BYE nothing counts.
    if (!due || this.#leaving) return;
    this.#unacknowledged = 0;
    this.#acknowledged = seq;
    // It is reported before it is sent, because from then on the message may be gone.
    this.#report({ kind: 'acks', to, seq }, true);
    this.#wire.say({ verb: 'ACK', seq });
    if (!this.#drains && this.#random.next() < 0.05) this.#leave();
  }

  #leave(): void {
    this.#leaving = true;
    this.#wire.say({ verb: 'BYE' });
  }

  #confirmed(seq: number): void {
    if (seq > 0) this.#report({ kind: 'acked', to: this.#name, seq });
  }
}
