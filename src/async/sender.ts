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
  #client: ClientConnection | undefined;
  #inFlight = new InFlight();
  #silence: SilenceWatch | undefined;
  /** A new connection on which READY is waited for, because the one in use has gone silent. */
  #next: ClientConnection | undefined;
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
      const pending = new PendingSend(
        send,
        'STORED',
        this.options.context.clock,
        patience,
        () => this.#dropSettled(),
        resolve,
      );
      pending.ladder = ladder;
      if (earlier) pending.begin('written').end = { how: 'earlier' };
      pending.watch(patience.signal);
      if (pending.done) return;
      this.#queue.push(pending);
      if (this.#waiting !== undefined) {
        // The first connect has already failed.
        pending.decided();
        return;
      }
      if (this.#client === undefined || this.#client.over) this.#dial();
      else {
        pending.begin(this.#client.phase, this.#client);
        if (this.#client.phase !== 'connecting') pending.decided();
        this.#flush();
      }
    });
  }

  /** Gives up all messages under way: their verdicts come now. */
  interrupt(): void {
    const end: AttemptEnd = { how: 'interrupted' };
    for (const pending of [...this.#inFlight.end(end), ...this.#queue]) {
      pending.end(end);
      pending.settle();
    }
    this.#dropSettled();
    this.#client?.drop(end);
  }

  /** Says BYE if there is a connection. Resolves when the connection is closed. */
  async close(): Promise<void> {
    this.#leaveNext();
    await this.#client?.leave();
  }

  #dial(): void {
    this.#waiting = undefined;
    const client = this.#newClient(Math.max(...this.#queue.map(({ left }) => left)), false, () =>
      this.#flush(),
    );
    for (const pending of this.#queue) pending.begin('connecting', client);
    this.#use(client);
  }

  #newClient(connectMs: number, helloLater: boolean, ready: () => void): ClientConnection {
    this.#tries += 1;
    const client: ClientConnection = new ClientConnection(
      { ...this.options, tryNumber: this.#tries, expect: 'relay', connectMs, helloLater },
      {
        progressed: (phase) => {
          if (client !== this.#client) return;
          for (const pending of this.#queue) {
            pending.decided();
            const attempt = pending.attempts.at(-1);
            if (attempt?.end === undefined && attempt !== undefined) attempt.phase = phase;
          }
        },
        ready,
        message: (message) => {
          if (message.verb !== 'STORED' && message.verb !== 'REFUSED') {
            this.#inFlight.stray(message);
            return;
          }
          this.#failures = 0;
          this.#inFlight.answer(message);
          this.#flush();
        },
        ended: (end) => {
          if (client === this.#client) this.#ended(end);
        },
      },
    );
    return client;
  }

  #use(client: ClientConnection): void {
    this.#silence = new SilenceWatch(this.options.context.clock, client, this.#inFlight, (ms, left) =>
      this.#tryNewConnection(client, ms, left),
    );
    this.#client = client;
  }

  // The connection has gone silent. It is left only when READY has come on a new one: a relay that is overloaded or frozen would not be
  // quicker there. HELLO then closes the old one at the relay, too.
  #tryNewConnection(old: ClientConnection, ms: number, left: number): void {
    this.#next?.drop({ how: 'interrupted' });
    const { heard } = old;
    const next = this.#newClient(left, true, () => {
      this.#next = undefined;
      if (old !== this.#client || old.over || old.heard !== heard) {
        next.drop({ how: 'interrupted' });
        return;
      }
      const why = `nothing came for ${(ms / 1000).toFixed(1)} s`;
      this.options.context.emit?.({ event: 'reconnecting', ms: 0, why });
      this.#silence?.stop();
      const end: AttemptEnd = { how: 'unanswered', ms };
      const repeats = this.#inFlight.end(end);
      for (const pending of this.#queue) pending.end(end);
      this.#inFlight = new InFlight();
      this.#queue = [...repeats, ...this.#queue];
      for (const pending of this.#queue) pending.begin('ready', next);
      this.#use(next);
      old.drop(end);
      next.greet();
      this.#flush();
    });
    this.#next = next;
  }

  #flush(): void {
    const window = this.#client?.greeting?.window ?? 0;
    while (this.#client !== undefined && this.#inFlight.size < window) {
      const pending = this.#queue.shift();
      if (pending === undefined) return;
      if (pending.done) continue;
      if (this.#inFlight.send(this.#client, pending)) this.#silence?.written();
      else pending.settle();
    }
  }

  #ended(end: AttemptEnd): void {
    this.#silence?.stop();
    this.#leaveNext();
    const repeats = this.#inFlight.end(end);
    this.#inFlight = new InFlight();
    for (const pending of this.#queue) {
      pending.decided();
      pending.end(end);
    }
    this.#queue = [...repeats, ...this.#queue].filter(({ done }) => !done);
    // Only the relay can tell what became of bytes that were not answered. If there are none, the failure is certain and is reported
    // immediately. A client that is turned away cannot ask.
    const turnedAway = end.how === 'error' && TURNED_AWAY.has(end.code);
    if (turnedAway || !this.#queue.some(({ doubtful }) => doubtful)) {
      for (const pending of this.#queue.splice(0)) pending.settle();
      return;
    }
    // Another connection of this session had a higher `try`. Whatever opened it, this one must go above it to be heard.
    if (end.how === 'error' && end.code === 'stale') this.#tries += TRY_STEP - 1;
    // A relay that greets and then answers nothing is no better than no relay.
    this.#failures += 1;
    const { context, random } = this.options;
    // The nearer the deadline, the shorter the wait: otherwise the last wait passes the deadline, and a relay that is back is not asked.
    const left = Math.max(...this.#queue.map((pending) => pending.left));
    const ms = Math.min(backoff(this.#failures, random()), Math.max(BACKOFF_BASE_MS, left / 2));
    context.emit?.({ event: 'reconnecting', ms: Math.round(ms), why: `${this.#queue.length} not answered` });
    this.#waiting = context.clock.after(ms, () => this.#dial());
  }

  // After a deadline or an interruption: if no message waits any more, there is no need to reconnect.
  #dropSettled(): void {
    if (this.#inFlight.find(({ done }) => !done) === undefined) this.#leaveNext();
    this.#queue = this.#queue.filter(({ done }) => !done);
    if (this.#queue.length > 0 || this.#waiting === undefined) return;
    this.#waiting.cancel();
    this.#waiting = undefined;
  }

  #leaveNext(): void {
    this.#next?.drop({ how: 'interrupted' });
    this.#next = undefined;
  }
}
