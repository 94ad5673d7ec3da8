// What goes out of the relay: who collects from which mailbox, and MESSAGE after MESSAGE as the mailbox's rules allow.

import type { Guest } from '../exchange/greet.ts';
import { type NetContext, QUEUE_LIMIT } from '../net/connection.ts';
import type { Message } from '../wire/verbs.ts';
import type { Commits } from './commits.ts';
import type { Held, Mailbox } from './mailbox.ts';
import type { Ref, Store } from './store/store.ts';

/**
 * The most messages that are in flight to one receiver, whatever window it asks for: so many a single ACK may free, with a receipt
 * each, in one commit. PROTOCOL.md, "Limits".
 */
export const MOST_IN_FLIGHT = 4096;

/** Hands the messages of mailboxes to their collectors. */
export class Delivery {
  readonly #context: NetContext;
  readonly #store: Store;
  readonly #commits: Commits;
  readonly #collectors = new Map<Mailbox, Guest>();
  // Mailboxes of which a body is being read back.
  readonly #reading = new Set<Mailbox>();

  constructor(context: NetContext, store: Store, commits: Commits) {
    this.#context = context;
    this.#store = store;
    this.#commits = commits;
  }

  /** Is it this guest who collects from this mailbox? */
  collects(guest: Guest, box: Mailbox): boolean {
    return this.#collectors.get(box) === guest;
  }

  /** RECEIVE: the newest for a mailbox wins. */
  receive(guest: Guest, box: Mailbox, { window, limit, drain }: Message<'RECEIVE'>): void {
    const before = this.#collectors.get(box);
    if (before !== undefined && before !== guest) {
      // First of all it collects no more: its leaving must not tidy the mailbox away under the one who takes over.
      this.#collectors.delete(box);
      box.detach();
      before.dismiss();
      this.#context.emit({ event: 'mailbox', name: box.name, state: 'replaced' });
    }
    if (box.damage !== undefined) {
      guest.fail('damaged', box.damage);
      return;
    }
    box.attach({ window: Math.min(window, MOST_IN_FLIGHT), limit, drain: drain === 'yes' }, before === guest);
    this.#collectors.set(box, guest);
    if (before !== guest) this.#context.emit({ event: 'mailbox', name: box.name, state: 'collecting' });
    this.pump(box);
  }

  /** The guest collects no more. @returns false if it did not */
  leave(guest: Guest, box: Mailbox): boolean {
    if (!this.collects(guest, box)) return false;
    this.#collectors.delete(box);
    box.detach();
    this.#context.emit({ event: 'mailbox', name: box.name, state: 'left' });
    return true;
  }

  /** Sends what may be sent. Bodies on their way through come from memory, others are read back one at a time. */
  pump(box: Mailbox): void {
    const guest = this.#collectors.get(box);
    if (guest === undefined || this.#reading.has(box)) return;
    if (box.waiting) {
      this.#open(box);
      return;
    }
    const now = this.#context.clock.monotonic();
    while (guest.queuedBytes <= QUEUE_LIMIT) {
      const held = box.nextToSend(now);
      if (held?.ref === undefined) break;
      const body = this.#store.recent(held.ref);
      if (body === undefined) {
        void this.#readAndSend(box, guest, held, held.ref);
        return;
      }
      this.#message(box, guest, held, body, now);
    }
    if (box.drained()) guest.say({ verb: 'EMPTY' });
  }

  async #readAndSend(box: Mailbox, guest: Guest, held: Held, ref: Ref): Promise<void> {
    this.#reading.add(box);
    try {
      const body = await this.#store.read(ref);
      const now = this.#context.clock.monotonic();
      // The receiver may have changed meanwhile, or the message expired: then the body is dropped.
      if (this.collects(guest, box) && box.nextToSend(now) === held)
        this.#message(box, guest, held, body, now);
    } catch (error) {
      // Moved while it was being read: the new place is asked. Anything else stops the mailbox; nothing is skipped.
      if (held.ref === ref && box.holds(held.seq)) {
        box.damage = error instanceof Error ? error.message : String(error);
        this.#collectors.get(box)?.fail('damaged', box.damage);
      }
    } finally {
      this.#reading.delete(box);
    }
    this.pump(box);
  }

  #message(box: Mailbox, guest: Guest, held: Held, body: Buffer, now: number): void {
    box.sent(held.seq);
    const { seq, id, from, at, notice, tried, attempts } = held;
    const age = Math.max(0, Math.round(now - held.born));
    guest.say({
      verb: 'MESSAGE',
      seq,
      id,
      from,
      at,
      held: age,
      attempt: attempts,
      kind: notice,
      tried,
      body,
    });
  }

  // Before a mailbox's first MESSAGE in this life: from now on `tried=no` can no longer be promised, also after a crash.
  #open(box: Mailbox): void {
    box.open = 'pending';
    this.#commits.append([{ kind: 'open', to: box.name }], () => {
      box.open = 'yes';
      this.pump(box);
    });
  }
}
