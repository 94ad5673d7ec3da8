// What happens when a ttl ends: the message expires, and if its sender wants to know, a bounce is written, in one entry. Much that ends at
// once is worked off in turns.

import type { NetContext } from '../net/connection.ts';
import type { Timer } from '../trace/clock.ts';
import type { Delivery } from './delivery.ts';
import type { Machine } from './machine.ts';
import type { Draft, Notices } from './notices.ts';
import type { StoredMessage } from './records.ts';
import type { Mailbox } from './state.ts';

/** How often is looked what has ended, in milliseconds. */
const LOOK_MS = 1000;
/** For how long one look may hold up what else there is to do, in milliseconds. */
const TURN_MS = 5;
/** Messages in one entry. */
const PER_ENTRY = 40;
/** The delay before a message that could not be read is looked at again, in milliseconds. */
const UNREADABLE_MS = 60_000;

/** Messages of one mailbox that expire together. */
interface Group {
  readonly box: Mailbox;
  readonly messages: { readonly seq: number; readonly message: StoredMessage }[];
}

/** Lets messages expire. */
export class Expiry {
  #timer: Timer | undefined;
  #stopped = false;

  constructor(
    private readonly context: NetContext,
    private readonly machine: Machine,
    private readonly delivery: Delivery,
    private readonly notices: Notices,
  ) {}

  /** Begins to look. */
  start(): void {
    this.#look().then(() => {
      if (!this.#stopped) this.#timer = this.context.clock.after(LOOK_MS, () => this.start());
    });
  }

  /** Stops looking. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
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
    for (let due = deadlines.first; due !== undefined && !this.#stopped; due = deadlines.first) {
      const { now } = this.machine;
      const { t, serial, seq } = due;
      if (t > now) break;
      const box = state.bySerial.get(serial);
      const place = box !== undefined && state.holds(box, seq) ? box.held.get(seq) : undefined;
      const message = place && records.find(place);
      if (place !== undefined && message === undefined) {
        const read = records.read(place).catch(() => {
          deadlines.shift();
          deadlines.add({ ...due, t: now + UNREADABLE_MS });
        });
        await pause(read);
        continue;
      }
      deadlines.shift();
      if (box === undefined || message === undefined) continue;
      // Not while a live connection may be handling it.
      if (this.delivery.inFlight(box.name, seq)) {
        deadlines.add({ ...due, t: now + LOOK_MS });
        continue;
      }
      if (group?.box !== box || group.messages.length === PER_ENTRY) {
        this.#expire(group);
        group = { box, messages: [] };
      }
      group.messages.push({ seq, message });
      if (performance.now() - began > TURN_MS) await pause(new Promise((resolve) => setImmediate(resolve)));
    }
    this.#expire(group);
  }

  #expire(group: Group | undefined): void {
    if (group === undefined) return;
    const { box, messages } = group;
    const to = box.name;
    messages.sort((a, b) => a.seq - b.seq);
    const ended = messages.map(({ seq, message }) => {
      const tried: 'yes' | 'no' = this.delivery.wasTried(box, seq) ? 'yes' : 'no';
      return { seq, id: message.id, from: message.from ?? this.machine.name, notify: message.notify, tried };
    });
    const drafts = ended.flatMap(({ id, notify, tried }): Draft[] =>
      notify === undefined
        ? []
        : [{ id, to: notify, kind: 'bounce', tried, text: `${id} expired before ${to} acknowledged it` }],
    );
    const numbers = ended.map(({ seq }) => seq);
    if (!this.notices.append({ verb: 'EXPIRE', to, numbers, ...this.machine.times() }, drafts)) {
      const t = this.machine.now + LOOK_MS;
      for (const seq of numbers) this.machine.state.deadlines.add({ t, serial: box.serial, seq });
      return;
    }
    this.delivery.expires(to);
    this.machine.whenDurable(() => {
      for (const { seq, id, from, tried } of ended)
        this.context.emit?.({ event: 'expired', to, seq, id, from, tried });
    });
  }
}
