// Senders and receivers that keep a relay busy while it is killed and restarted many times. They keep to the protocol, and report to the
// ledger what they send and what comes.

import type { Message } from '../../src/wire/verbs.ts';
import { bodyOf, type Ledger } from './ledger.ts';
import type { Random } from './random.ts';
import { Wire } from './wire.ts';

/** How many unanswered SENDs a sender has. */
const OUTSTANDING = 64;
/** How many answered messages a sender repeats after a reconnect, chosen from how many of the last ones. */
const ASK_AGAIN = 8;
const RECENT = 200;

interface Pending {
  readonly to: string;
  readonly size: number;
}

/** Sends without a pause. After a reconnect it repeats what was not answered, and some of what was. */
export class BusySender {
  readonly name: string;
  readonly #session: string;
  readonly #random: Random;
  readonly #ledger: Ledger;
  readonly #mailboxes: readonly string[];
  readonly #pending = new Map<string, Pending>();
  readonly #stored: { id: string; to: string; size: number }[] = [];
  readonly #asked = new Set<string>();
  #wire: Wire | undefined;
  #greeted = false;
  #tries = 0;
  #next = 1;
  #finishing = false;
  #told: () => void = () => {};
  /** How many STORED came on the present connection, and in all. */
  storedNow = 0;
  storedInAll = 0;

  constructor(name: string, mailboxes: readonly string[], ledger: Ledger, random: Random) {
    this.name = name;
    this.#session = `session-${name}`;
    this.#mailboxes = mailboxes;
    this.#ledger = ledger;
    this.#random = random;
  }

  /** How many SENDs on the present connection are unanswered. */
  get outstanding(): number {
    return this.#greeted ? this.#pending.size + this.#asked.size : 0;
  }

  /** Connects to a relay, and begins with the repeats. */
  call(port: number): void {
    this.hangUp();
    this.#tries += 1;
    this.storedNow = 0;
    this.#wire = new Wire(port, {
      message: (message) => this.#message(message),
      closed: () => {
        this.#greeted = false;
      },
    });
  }

  /** Drops the connection. */
  hangUp(): void {
    this.#wire?.drop();
    this.#greeted = false;
    this.#asked.clear();
  }

  /** Sends nothing new from now on. Resolves when everything is answered. */
  async finish(): Promise<void> {
    this.#finishing = true;
    while (this.#pending.size > 0 || this.#asked.size > 0) {
      await new Promise<void>((resolve) => {
        this.#told = resolve;
      });
    }
  }

  #message(message: Message): void {
    if (message.verb === 'READY') this.#ready();
    else if (message.verb === 'STORED') this.#isStored(message);
    else if (message.verb === 'REFUSED')
      this.#ledger.violation(`${this.name} ${message.id} was refused: ${message.code} ${message.body}`);
    else if (message.verb === 'ERROR')
      this.#ledger.violation(`${this.name} got ERROR ${message.code}: ${message.body}`);
  }

  #ready(): void {
    const hello: Message = {
      verb: 'HELLO',
      version: 1,
      as: this.name,
      session: this.#session,
      try: this.#tries,
    };
    const repeats = [...this.#pending].map(([id, pending]) => this.#send(id, pending));
    const recent = this.#stored.slice(-RECENT);
    for (let i = 0; i < ASK_AGAIN && recent.length > 0; i++) {
      const { id, to, size } = this.#random.pick(recent);
      if (this.#asked.has(id)) continue;
      this.#asked.add(id);
      repeats.push(this.#send(id, { to, size }));
    }
    this.#greeted = true;
    this.#wire?.sayAll([hello, ...repeats]);
    this.#fill();
  }

  #fill(): void {
    const fresh: Message[] = [];
    while (!this.#finishing && this.#pending.size < OUTSTANDING) {
      const id = `${this.#next}`;
      this.#next += 1;
      const to = this.#random.pick(this.#mailboxes);
      const size = this.#random.next() < 0.02 ? this.#random.whole(0, 60_000) : this.#random.whole(0, 600);
      this.#pending.set(id, { to, size });
      this.#ledger.sends(this.name, id, to, size);
      fresh.push(this.#send(id, { to, size }));
    }
    this.#wire?.sayAll(fresh);
  }

  #send(id: string, { to, size }: Pending): Message {
    return { verb: 'SEND', id, to, body: bodyOf(this.name, id, size) };
  }

  #isStored({ id, seq, dup }: Message<'STORED'>): void {
    const pending = this.#pending.get(id);
    this.#ledger.stored(this.name, id, seq, dup !== undefined, pending === undefined);
    this.storedNow += 1;
    this.storedInAll += 1;
    if (pending === undefined) this.#asked.delete(id);
    else {
      this.#pending.delete(id);
      this.#stored.push({ id, ...pending });
      if (this.#stored.length > 2 * RECENT) this.#stored.splice(0, RECENT);
    }
    if (this.#pending.size <= OUTSTANDING / 2) this.#fill();
    this.#told();
  }
}

/** Collects from one mailbox, acknowledges now and then, and sometimes drops the connection halfway. */
export class BusyReceiver {
  readonly name: string;
  readonly #ledger: Ledger;
  readonly #random: Random;
  #wire: Wire | undefined;
  #port = 0;
  #tries = 0;
  #last: number | undefined;
  #unacknowledged = 0;
  #window = 1;
  #draining = false;
  #empty: () => void = () => {};

  constructor(name: string, ledger: Ledger, random: Random) {
    this.name = name;
    this.#ledger = ledger;
    this.#random = random;
  }

  /** Connects to a relay and collects. */
  call(port: number): void {
    this.hangUp();
    this.#port = port;
    this.#tries += 1;
    this.#last = undefined;
    this.#unacknowledged = 0;
    this.#wire = new Wire(port, { message: (message) => this.#message(message), closed: () => {} });
  }

  /** Drops the connection. */
  hangUp(): void {
    this.#wire?.drop();
  }

  /** Collects everything that is there. Resolves when the relay says that all of it is acknowledged durably. */
  drain(port: number): Promise<void> {
    this.#draining = true;
    this.call(port);
    return new Promise((resolve) => {
      this.#empty = resolve;
    });
  }

  #message(message: Message): void {
    if (message.verb === 'READY') this.#ready();
    else if (message.verb === 'MESSAGE') this.#take(message);
    else if (message.verb === 'EMPTY') this.#empty();
    else if (message.verb === 'ERROR' || message.verb === 'BYE')
      this.#ledger.violation(`${this.name} got ${message.verb} ${message.code}`);
  }

  #ready(): void {
    const session = `session-${this.name}`;
    this.#window = this.#random.whole(1, 100);
    this.#wire?.sayAll([
      { verb: 'HELLO', version: 1, as: this.name, session, try: this.#tries },
      { verb: 'RECEIVE', window: this.#window, drain: this.#draining ? 'yes' : undefined },
    ]);
  }

  #take({ seq, from, id, attempt, body }: Message<'MESSAGE'>): void {
    const ledger = this.#ledger;
    const acknowledged = ledger.acknowledged(this.name);
    if (this.#last === undefined ? seq > acknowledged + 1 : seq !== this.#last + 1)
      ledger.violation(
        `${this.name} got ${seq} ${this.#last === undefined ? `first, and ${acknowledged} was the last it acknowledged` : `after ${this.#last}`}`,
      );
    this.#last = seq;
    ledger.delivered(this.name, seq, from, id, attempt, body);
    this.#unacknowledged += 1;
    // When the window is full, nothing comes until an ACK is sent.
    if (this.#draining || this.#random.next() < 0.2 || this.#unacknowledged >= this.#window)
      this.#acknowledge(seq);
    if (!this.#draining && this.#random.next() < 0.001) this.call(this.#port);
  }

  #acknowledge(seq: number): void {
    this.#unacknowledged = 0;
    this.#ledger.acknowledges(this.name, seq);
    this.#wire?.say({ verb: 'ACK', seq });
  }
}
