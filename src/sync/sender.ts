// The synchronous sender: connects straight to the receiver and sends each message once. It never repeats a message by itself, because
// the receiver would not recognise the repeat.

import { type Caller, ClientConnection } from '../exchange/client.ts';
import type { Ladder } from '../exchange/ladder.ts';
import { type Deadline, InFlight, type Outcome, PendingSend } from '../exchange/pending.ts';
import type { AttemptEnd } from '../exchange/verdict.ts';

/** Sends messages one after another, over one connection as long as it lasts. */
export class Sender {
  #client: ClientConnection | undefined;
  #peer: string | undefined;
  #tries = 0;
  #inFlight = new InFlight();
  #pending: PendingSend | undefined;

  constructor(private readonly caller: Caller) {}

  /** The receiver's name, from its last READY; undefined before the first. */
  get peer(): string | undefined {
    return this.#peer;
  }

  /**
   * Sends one message and waits for its answer. The message before it must have a verdict.
   * @param deadline for the whole exchange; if it is patient, for what comes after the connect
   * @param ladder reports how far the message gets
   */
  send(id: string, body: Buffer, deadline: Deadline, ladder?: Ladder): Promise<Outcome> {
    return new Promise((resolve) => {
      const pending = new PendingSend(
        { verb: 'SEND', id, body },
        'DELIVERED',
        this.caller.context.clock,
        deadline,
        (end) => this.#client?.drop(end),
        resolve,
      );
      pending.ladder = ladder;
      pending.watch(deadline.signal);
      if (pending.done) return;
      this.#pending = pending;
      if (this.#client === undefined || this.#client.over) this.#dial(pending);
      else {
        pending.decided();
        pending.begin('ready', this.#client);
        this.#write(pending);
      }
    });
  }

  /** Gives up the current message, and the connection. The message gets its verdict now. */
  interrupt(): void {
    this.#client?.drop({ how: 'interrupted' });
  }

  /** Sends BYE, if there is a connection. Resolves when it is closed. */
  async close(): Promise<void> {
    await this.#client?.leave();
  }

  #dial(pending: PendingSend): void {
    this.#tries += 1;
    this.#inFlight = new InFlight();
    const client = new ClientConnection(
      { ...this.caller, tryNumber: this.#tries, expect: 'receiver', connectMs: pending.left },
      {
        progressed: (phase) => {
          attempt.phase = phase;
          pending.decided();
        },
        ready: (ready) => {
          this.#peer = ready.as;
          this.#write(pending);
        },
        message: (message) => {
          if (message.verb === 'RECEIVED' || message.verb === 'REFUSED') this.#inFlight.answer(message);
          else this.#inFlight.stray(message);
        },
        ended: (end) => this.#ended(end),
      },
    );
    const attempt = pending.begin('connecting', client);
    this.#client = client;
  }

  #write(pending: PendingSend): void {
    if (pending.done || this.#client === undefined) return;
    if (!this.#inFlight.send(this.#client, pending)) pending.settle();
  }

  #ended(end: AttemptEnd): void {
    this.#pending?.end(end);
    this.#pending?.settle();
  }
}
