// SEND and its answer: the sends of one process that are pending, their attempts and deadlines. It writes a SEND and matches answers
// by id; whether to ask again is the mode's decision (sync/sender.ts never does, async/sender.ts does under the same id).

import type { Clock, Timer } from '../core/clock.ts';
import type { VerdictName } from '../core/event.ts';
import { Queue } from '../core/queue.ts';
import type { Message } from '../wire/verbs.ts';
import type { ClientConnection } from './client.ts';
import type { Ladder } from './ladder.ts';
import { type Attempt, type AttemptEnd, conclude } from './verdict.ts';

/** What became of a message, as far as its sender can know. */
export interface Outcome {
  readonly send: Message<'SEND'>;
  readonly verdict: VerdictName;
  readonly attempts: readonly Attempt[];
  /** The answer that took it, if one did. */
  readonly answer?: Message<'RECEIVED'> | Message<'STORED'> | undefined;
  /** From asking to knowing, in milliseconds. */
  readonly ms: number;
}

/** How long a message's sender waits. */
export interface Deadline {
  /** One deadline for everything, in milliseconds. */
  readonly timeoutMs: number;
  /** Leave the first connect to the kernel: the deadline begins when that is decided. */
  readonly patient?: boolean | undefined;
}

/** One message on its way, with all its attempts. */
export class PendingSend {
  // Its place among those in flight.
  before: PendingSend | undefined;
  after: PendingSend | undefined;
  readonly send: Message<'SEND'>;
  readonly attempts: Attempt[] = [];
  /** Watches how far it comes, if somebody wants to know. */
  ladder: Ladder | undefined;
  readonly #success: 'DELIVERED' | 'STORED';
  readonly #clock: Clock;
  readonly #began: number;
  readonly #timeoutMs: number;
  readonly #onDeadline: (pending: PendingSend) => void;
  #deadline: Timer | undefined;
  #until = Number.POSITIVE_INFINITY;
  readonly #settled: (outcome: Outcome) => void;
  #done = false;

  /**
   * @param deadline a deadline for connecting, greeting and answer; if patient it begins with `decided`
   * @param onDeadline called when it has passed and the send is still pending; it has been settled by then
   */
  constructor(
    send: Message<'SEND'>,
    success: 'DELIVERED' | 'STORED',
    clock: Clock,
    { timeoutMs, patient }: Deadline,
    onDeadline: (pending: PendingSend) => void,
    settled: (outcome: Outcome) => void,
  ) {
    this.send = send;
    this.#success = success;
    this.#clock = clock;
    this.#began = clock.monotonic();
    this.#settled = settled;
    this.#timeoutMs = timeoutMs;
    this.#onDeadline = onDeadline;
    if (patient !== true) this.decided();
  }

  /** The kernel has decided a connect, either way, or one stands already: a deadline that waited for this begins. Once. */
  decided(): void {
    if (this.#done || this.#deadline !== undefined) return;
    this.#until = this.#clock.monotonic() + this.#timeoutMs;
    // What waits in the kernel is read once more before judging.
    this.#deadline = this.#clock.after(this.#timeoutMs, () =>
      setImmediate(() => {
        if (this.#done) return;
        this.end({ how: 'deadline' });
        this.settle();
        this.#onDeadline(this);
      }),
    );
  }

  /** Has it been settled? */
  get done(): boolean {
    return this.#done;
  }

  /** Milliseconds until its deadline; Infinity if that has not begun. */
  get left(): number {
    return this.#until - this.#clock.monotonic();
  }

  /**
   * Was it on its way in an attempt that is over, and not refused? Then it is worth asking again: unanswered, because only an answer
   * that took it can help; answered by BYE, which left no doubt, because whoever comes next may take it.
   */
  get doubtful(): boolean {
    return this.attempts.some(
      ({ phase, end }) => phase === 'written' && end !== undefined && end.how !== 'refused',
    );
  }

  /** Begins an attempt. */
  begin(phase: Attempt['phase']): Attempt {
    const attempt: Attempt = { phase };
    this.attempts.push(attempt);
    return attempt;
  }

  /** Ends the attempt that is under way, if one is. */
  end(end: AttemptEnd): void {
    const attempt = this.attempts.at(-1);
    if (attempt !== undefined) attempt.end ??= end;
    else this.attempts.push({ phase: 'connecting', end });
  }

  /** Draws the conclusion and reports it, once. */
  settle(answer?: Outcome['answer']): void {
    if (this.#done) return;
    this.#done = true;
    this.#deadline?.cancel();
    const ms = this.#clock.monotonic() - this.#began;
    const verdict = conclude(this.attempts, this.#success);
    this.ladder?.end(verdict);
    this.#settled({
      send: this.send,
      verdict,
      attempts: this.attempts,
      answer,
      ms,
    });
  }
}

/** The SENDs of one connection that are not answered yet, in the order they were written. */
export class InFlight {
  // Answers come in this order, but for a few. Not a Map: each of its tables that has grown old keeps the next one alive, and with it
  // every send that was answered since the last full garbage collection.
  #sends = new Queue<PendingSend>();

  /** How many there are; a sender keeps it at or below READY's `window`. */
  get size(): number {
    return this.#sends.length;
  }

  /** Writes a SEND on the connection, if it is not beyond what READY allows; else the attempt ends there, unwritten. */
  send(client: ClientConnection, pending: PendingSend): boolean {
    const max = client.greeting?.max ?? 0;
    const attempt = pending.attempts.at(-1) ?? pending.begin('ready');
    if (pending.send.body.length > max) {
      attempt.end = {
        how: 'error',
        code: 'too_large',
        reason: `the message has ${pending.send.body.length} bytes, ${client.greeting?.as ?? 'the peer'} takes ${max}`,
      };
      return false;
    }
    attempt.phase = 'written';
    this.#sends.push(pending);
    if (pending.ladder === undefined) client.send(pending.send);
    else watched(client, pending.send, pending.ladder);
    return true;
  }

  /** Takes an answer to the send it belongs to; undefined if it belongs to none (any more). */
  answer(message: Message<'RECEIVED' | 'STORED' | 'REFUSED'>): PendingSend | undefined {
    let pending = this.#sends.first;
    while (pending !== undefined && pending.send.id !== message.id) pending = pending.after;
    if (pending === undefined) return undefined;
    this.#sends.remove(pending);
    pending.ladder?.answered(message);
    if (message.verb === 'REFUSED') {
      pending.end({ how: 'refused', code: message.code, reason: message.body.toString() });
      pending.settle();
    } else {
      pending.end({ how: 'taken' });
      pending.settle(message);
    }
    return pending;
  }

  /** The connection is over: their attempts end with it. Returns those still open, in order. */
  end(end: AttemptEnd): PendingSend[] {
    const open = [...this.#sends].filter(({ done }) => !done);
    this.#sends = new Queue();
    for (const pending of open) pending.end(end);
    return open;
  }
}

// The PING right behind the SEND is the ladder's third rung: its PONG shows that the SEND has been read.
function watched(client: ClientConnection, send: Message<'SEND'>, ladder: Ladder): void {
  ladder.begin(client);
  client.send(send, () => ladder.handed(client));
  client.ping(() => ladder.pong());
}
