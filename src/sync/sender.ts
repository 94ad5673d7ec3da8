// The synchronous sender: opens a connection straight to the receiver and asks once. It never repeats a message by itself,
// for nobody on the other side would recognise the repeat.

import { type Outcome, type Patience, Question, Unanswered } from '../exchange/ask.ts';
import { Call, type Caller } from '../exchange/call.ts';
import type { Ladder } from '../exchange/ladder.ts';
import type { AttemptEnd } from '../exchange/verdict.ts';

/** Sends messages one after another, over one connection while it stands. */
export class Sender {
  #call: Call | undefined;
  #peer: string | undefined;
  #tries = 0;
  #unanswered = new Unanswered();
  #question: Question | undefined;

  constructor(private readonly caller: Caller) {}

  /** The name the receiver gave when it last greeted. */
  get peer(): string | undefined {
    return this.#peer;
  }

  /**
   * Sends one message and waits for its answer. The one before must be settled.
   * @param patience one deadline for the whole exchange, or for what follows the connect
   * @param ladder watches how far it comes
   */
  send(id: string, body: Buffer, patience: Patience, ladder?: Ladder): Promise<Outcome> {
    return new Promise((resolve) => {
      const question = new Question(
        { verb: 'SEND', id, body },
        'DELIVERED',
        this.caller.context.clock,
        patience,
        () => this.#call?.drop({ how: 'deadline' }),
        resolve,
      );
      question.ladder = ladder;
      this.#question = question;
      if (this.#call === undefined || this.#call.over) this.#dial(question);
      else {
        question.decided();
        question.begin('ready');
        this.#ask(question);
      }
    });
  }

  /** Gives up the message under way: its verdict comes now. */
  interrupt(): void {
    this.#call?.drop({ how: 'interrupted' });
  }

  /** Says BYE, if a connection stands. Resolves when it is over. */
  async close(): Promise<void> {
    await this.#call?.leave();
  }

  #dial(question: Question): void {
    this.#tries += 1;
    this.#unanswered = new Unanswered();
    const attempt = question.begin('connecting');
    this.#call = new Call(
      { ...this.caller, tryNumber: this.#tries, expect: 'receiver' },
      {
        progressed: (phase) => {
          attempt.phase = phase;
          question.decided();
        },
        ready: (ready) => {
          this.#peer = ready.as;
          this.#ask(question);
        },
        message: (message) => {
          if (message.verb === 'RECEIVED' || message.verb === 'REFUSED') this.#unanswered.answer(message);
        },
        ended: (end) => this.#ended(end),
      },
    );
  }

  #ask(question: Question): void {
    if (question.done || this.#call === undefined) return;
    if (!this.#unanswered.ask(this.#call, question)) question.settle();
  }

  #ended(end: AttemptEnd): void {
    this.#question?.end(end);
    this.#question?.settle();
  }
}
