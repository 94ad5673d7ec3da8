// What goes out of the relay: who collects from which mailbox, and MESSAGE after MESSAGE as the mailbox's rules allow.

import type { Session } from '../exchange/session.ts';
import type { NetContext } from '../net/connection.ts';
import { QUEUE_LIMIT } from '../net/frame-writer.ts';
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
  readonly #collectors = new Map<Mailbox, Session>();
  // Mailboxes of which a body is being read back.
  readonly #reading = new Set<Mailbox>();

  constructor(context: NetContext, store: Store, commits: Commits) {
    this.#context = context;
    this.#store = store;
    this.#commits = commits;
  }

  /** Is it this session who collects from this mailbox? */
  collects(session: Session, box: Mailbox): boolean {
    return this.#collectors.get(box) === session;
  }

  /** RECEIVE: the newest for a mailbox wins. */
  receive(session: Session, box: Mailbox, { window, limit, drain }: Message<'RECEIVE'>): void {
    const before = this.#collectors.get(box);
    if (before !== undefined && before !== session) {
      // First of all it collects no more: its leaving must not tidy the mailbox away under the one who takes over.
      this.#collectors.delete(box);
      box.detach();
      before.evict();
      this.#context.emit({ event: 'mailbox', name: box.name, state: 'replaced' });
    }
    if (box.damage !== undefined) {
      session.fail({ code: 'damaged', reason: box.damage });
      return;
    }
    box.attach(
      { window: Math.min(window, MOST_IN_FLIGHT), limit, drain: drain === 'yes' },
      before === session,
    );
    this.#collectors.set(box, session);
    if (before !== session) this.#context.emit({ event: 'mailbox', name: box.name, state: 'collecting' });
    this.pump(box);
  }

  /** The session collects no more. @returns false if it did not */
  leave(session: Session, box: Mailbox): boolean {
    if (!this.collects(session, box)) return false;
    this.#collectors.delete(box);
    box.detach();
    this.#context.emit({ event: 'mailbox', name: box.name, state: 'left' });
    return true;
  }

  /** Sends what may be sent. Bodies on their way through come from memory, others are read back one at a time. */
  pump(box: Mailbox): void {
    const session = this.#collectors.get(box);
    if (session === undefined || this.#reading.has(box)) return;
    if (box.waiting) {
      this.#open(box);
      return;
    }
    const now = this.#context.clock.monotonic();
    while (session.queuedBytes <= QUEUE_LIMIT) {
      const held = box.nextToSend(now);
      if (held?.ref === undefined) break;
      const body = this.#store.recent(held.ref);
      if (body === undefined) {
        void this.#readAndSend(box, session, held, held.ref);
        return;
      }
      this.#message(box, session, held, body, now);
    }
    if (box.drained()) session.send({ verb: 'EMPTY' });
  }

  async #readAndSend(box: Mailbox, session: Session, held: Held, ref: Ref): Promise<void> {
    this.#reading.add(box);
    try {
      const body = await this.#store.read(ref);
      const now = this.#context.clock.monotonic();
      // The receiver may have changed meanwhile, or the message expired: then the body is dropped.
      if (this.collects(session, box) && box.nextToSend(now) === held)
        this.#message(box, session, held, body, now);
    } catch (error) {
      // Moved while it was being read: the new place is asked. Anything else stops the mailbox; nothing is skipped.
      if (held.ref === ref && box.holds(held.seq)) {
        box.damage = error instanceof Error ? error.message : String(error);
        this.#collectors.get(box)?.fail({ code: 'damaged', reason: box.damage });
      }
    } finally {
      this.#reading.delete(box);
    }
    this.pump(box);
  }

  #message(box: Mailbox, session: Session, held: Held, body: Buffer, now: number): void {
    box.sent(held.seq);
    const { seq, id, from, at, notice, tried, attempts } = held;
    const age = Math.max(0, Math.round(now - held.born));
    session.send({
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
