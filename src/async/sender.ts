// The asynchronous sender: hands messages to the relay and waits until they are durable there. What was written and not answered it
// repeats on a new connection, in order and under the same id, because the relay recognises a repeat.

import type { Timer } from '../core/clock.ts';
import { BACKOFF_BASE_MS, backoff } from '../exchange/backoff.ts';
import { type Caller, ClientConnection } from '../exchange/client.ts';
import type { Ladder } from '../exchange/ladder.ts';
import { TRY_STEP } from '../exchange/limits.ts';
import { type Deadline, InFlight, type Outcome, PendingSend } from '../exchange/pending.ts';
import type { AttemptEnd } from '../exchange/verdict.ts';
import type { Message } from '../wire/verbs.ts';
import { SilenceWatch } from './silence.ts';

/** Errors in answer to HELLO that would come again on every connection: a client that the relay refuses cannot ask it about a message. */
const TURNED_AWAY = new Set(['wrong_name', 'version']);

/** How an asynchronous sender is set up. */
export interface SenderOptions extends Caller {
  /** A random number from 0 to below 1, for the backoff. */
  random(): number;
}

/** Sends messages to a relay over one connection, with up to READY's `window` of them unanswered. */
export class Sender {
  // Messages to be written, in this order: repeats come first.
  #queue: PendingSend[] = [];
  #call: ClientConnection | undefined;
  #unanswered = new InFlight();
  #silence: SilenceWatch | undefined;
  /** A new connection on which READY is waited for, because the one in use has gone silent. */
  #another: ClientConnection | undefined;
  #tries = 0;
  #failures = 0;
  #waiting: Timer | undefined;

  constructor(private readonly options: SenderOptions) {}

  /**
   * Sends one message. Many may be under way at the same time.
   * @param patience one deadline for all attempts, or for everything after the first connect, however that ends
   * @param earlier may an earlier process have sent it under this id? Then a failure here proves nothing about that attempt
   * @param ladder watches how far the message gets
   */
  send(
    message: Omit<Message<'SEND'>, 'verb'>,
    patience: Deadline,
    earlier = false,
    ladder?: Ladder,
  ): Promise<Outcome> {
    return new Promise((resolve) => {
      const send: Message<'SEND'> = { verb: 'SEND', ...message };
      const question = new PendingSend(
        send,
        'STORED',
        this.options.context.clock,
        patience,
        () => this.#dropSettled(),
        resolve,
      );
      question.ladder = ladder;
      if (earlier) question.begin('written').end = { how: 'earlier' };
      question.watch(patience.signal);
      if (question.done) return;
      this.#queue.push(question);
      if (this.#waiting !== undefined) {
        // The first connect has already failed.
        question.decided();
        return;
      }
      if (this.#call === undefined || this.#call.over) this.#dial();
      else {
        question.begin(this.#call.phase, this.#call);
        if (this.#call.phase !== 'connecting') question.decided();
        this.#flush();
      }
    });
  }

  /** Gives up all messages under way: their verdicts come now. */
  interrupt(): void {
    const end: AttemptEnd = { how: 'interrupted' };
    for (const question of [...this.#unanswered.end(end), ...this.#queue]) {
      question.end(end);
      question.settle();
    }
    this.#dropSettled();
    this.#call?.drop(end);
  }

  /** Says BYE if there is a connection. Resolves when the connection is closed. */
  async close(): Promise<void> {
    this.#leaveOther();
    await this.#call?.leave();
  }

  #dial(): void {
    this.#waiting = undefined;
    const call = this.#newCall(Math.max(...this.#queue.map(({ left }) => left)), false, () => this.#flush());
    for (const question of this.#queue) question.begin('connecting', call);
    this.#use(call);
  }

  #newCall(connectMs: number, helloLater: boolean, ready: () => void): ClientConnection {
    this.#tries += 1;
    const call: ClientConnection = new ClientConnection(
      { ...this.options, tryNumber: this.#tries, expect: 'relay', connectMs, helloLater },
      {
        progressed: (phase) => {
          if (call !== this.#call) return;
          for (const question of this.#queue) {
            question.decided();
            const attempt = question.attempts.at(-1);
            if (attempt?.end === undefined && attempt !== undefined) attempt.phase = phase;
          }
        },
        ready,
        message: (message) => {
          if (message.verb !== 'STORED' && message.verb !== 'REFUSED') {
            this.#unanswered.stray(message);
            return;
          }
          this.#failures = 0;
          this.#unanswered.answer(message);
          this.#flush();
        },
        ended: (end) => {
          if (call === this.#call) this.#ended(end);
        },
      },
    );
    return call;
  }

  #use(call: ClientConnection): void {
    this.#silence = new SilenceWatch(this.options.context.clock, call, this.#unanswered, (ms, left) =>
      this.#lookForAnother(call, ms, left),
    );
    this.#call = call;
  }

  // The connection has gone silent. It is left only when READY has come on a new one: a relay that is overloaded or frozen would not be
  // quicker there. HELLO then closes the old one at the relay, too.
  #lookForAnother(old: ClientConnection, ms: number, left: number): void {
    this.#another?.drop({ how: 'interrupted' });
    const { heard } = old;
    const another = this.#newCall(left, true, () => {
      this.#another = undefined;
      if (old !== this.#call || old.over || old.heard !== heard) {
        another.drop({ how: 'interrupted' });
        return;
      }
      const why = `nothing came for ${(ms / 1000).toFixed(1)} s`;
      this.options.context.emit?.({ event: 'reconnecting', ms: 0, why });
      this.#silence?.stop();
      const end: AttemptEnd = { how: 'unanswered', ms };
      const repeats = this.#unanswered.end(end);
      for (const question of this.#queue) question.end(end);
      this.#unanswered = new InFlight();
      this.#queue = [...repeats, ...this.#queue];
      for (const question of this.#queue) question.begin('ready', another);
      this.#use(another);
      old.drop(end);
      another.greet();
      this.#flush();
    });
    this.#another = another;
  }

  #flush(): void {
    const window = this.#call?.greeting?.window ?? 0;
    while (this.#call !== undefined && this.#unanswered.size < window) {
      const question = this.#queue.shift();
      if (question === undefined) return;
      if (question.done) continue;
      if (this.#unanswered.send(this.#call, question)) this.#silence?.written();
      else question.settle();
    }
  }

  #ended(end: AttemptEnd): void {
    this.#silence?.stop();
    this.#leaveOther();
    const repeats = this.#unanswered.end(end);
    this.#unanswered = new InFlight();
    for (const question of this.#queue) {
      question.decided();
      question.end(end);
    }
    this.#queue = [...repeats, ...this.#queue].filter(({ done }) => !done);
    // Only the relay can tell what became of bytes that were not answered. If there are none, the failure is certain and is reported
    // immediately. A client that is turned away cannot ask.
    const turnedAway = end.how === 'error' && TURNED_AWAY.has(end.code);
    if (turnedAway || !this.#queue.some(({ doubtful }) => doubtful)) {
      for (const question of this.#queue.splice(0)) question.settle();
      return;
    }
    // Another connection of this session had a higher `try`. Whatever opened it, this one must go above it to be heard.
    if (end.how === 'error' && end.code === 'stale') this.#tries += TRY_STEP - 1;
    // A relay that greets and then answers nothing is no better than no relay.
    this.#failures += 1;
    const { context, random } = this.options;
    // The nearer the deadline, the shorter the wait: otherwise the last wait passes the deadline, and a relay that is back is not asked.
    const left = Math.max(...this.#queue.map((question) => question.left));
    const ms = Math.min(backoff(this.#failures, random()), Math.max(BACKOFF_BASE_MS, left / 2));
    context.emit?.({ event: 'reconnecting', ms: Math.round(ms), why: `${this.#queue.length} not answered` });
    this.#waiting = context.clock.after(ms, () => this.#dial());
  }

  // After a deadline or an interruption: if no message waits any more, there is no need to reconnect.
  #dropSettled(): void {
    this.#leaveOther();
    this.#queue = this.#queue.filter(({ done }) => !done);
    if (this.#queue.length > 0 || this.#waiting === undefined) return;
    this.#waiting.cancel();
    this.#waiting = undefined;
  }

  #leaveOther(): void {
    this.#another?.drop({ how: 'interrupted' });
    this.#another = undefined;
  }
}
