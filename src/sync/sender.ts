// The synchronous sender: opens a connection straight to the receiver and asks once. It never repeats a message by itself,
// for nobody on the other side would recognise the repeat.

import { type Caller, ClientConnection } from '../exchange/client.ts';
import type { Ladder } from '../exchange/ladder.ts';
import { type Deadline, InFlight, type Outcome, PendingSend } from '../exchange/pending.ts';
import type { AttemptEnd } from '../exchange/verdict.ts';

/** Sends messages one after another, over one connection while it stands. */
export class Sender {
  #client: ClientConnection | undefined;
  #peer: string | undefined;
  #tries = 0;
  #inFlight = new InFlight();
  #pending: PendingSend | undefined;

  constructor(private readonly caller: Caller) {}

  /** The name the receiver gave when it last greeted. */
  get peer(): string | undefined {
    return this.#peer;
  }

  /**
   * Sends one message and waits for its answer. The one before must be settled.
   * @param deadline one deadline for the whole exchange, or for what follows the connect
   * @param ladder watches how far it comes
   */
  send(id: string, body: Buffer, deadline: Deadline, ladder?: Ladder): Promise<Outcome> {
    return new Promise((resolve) => {
      const pending = new PendingSend(
        { verb: 'SEND', id, body },
        'DELIVERED',
        this.caller.context.clock,
        deadline,
        () => this.#client?.drop({ how: 'deadline' }),
        resolve,
      );
      pending.ladder = ladder;
      this.#pending = pending;
      if (this.#client === undefined || this.#client.over) this.#dial(pending);
      else {
        pending.decided();
        pending.begin('ready');
        this.#write(pending);
      }
    });
  }

  /** Gives up the message under way: its verdict comes now. */
  interrupt(): void {
    this.#client?.drop({ how: 'interrupted' });
  }

  /** Says BYE, if a connection stands. Resolves when it is over. */
  async close(): Promise<void> {
    await this.#client?.leave();
  }

  #dial(pending: PendingSend): void {
    this.#tries += 1;
    this.#inFlight = new InFlight();
    const attempt = pending.begin('connecting');
    this.#client = new ClientConnection(
      { ...this.caller, tryNumber: this.#tries, expect: 'receiver' },
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
        },
        ended: (end) => this.#ended(end),
      },
    );
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
