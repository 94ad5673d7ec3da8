// SEND and its answer: a process's pending sends, with their attempts and deadlines. This file writes a SEND and matches answers by id.
// Whether to repeat a SEND is up to the mode: sync/sender.ts never does, async/sender.ts does so under the same id.

import type { Clock, Timer } from '../core/clock.ts';
import type { VerdictName } from '../core/event.ts';
import { Queue } from '../core/queue.ts';
import type { Message } from '../wire/verbs.ts';
import type { ClientConnection } from './client.ts';
import type { Ladder } from './ladder.ts';
import { type Attempt, type AttemptEnd, conclude, type Seen } from './verdict.ts';

/** What became of a message, as far as its sender can tell. */
export interface Outcome {
  readonly send: Message<'SEND'>;
  readonly verdict: VerdictName;
  readonly attempts: readonly Attempt[];
  /** The answer that took the message, if there was one. */
  readonly answer?: Message<'RECEIVED'> | Message<'STORED'> | undefined;
  /** From the call of `send` to the verdict, in milliseconds. */
  readonly ms: number;
}

/** How long a sender waits for a verdict on its message. */
export interface Deadline {
  /** One deadline for everything (connect, READY, answer), in milliseconds. */
  readonly timeoutMs: number;
  /** Let the kernel decide how long the first connect may take: the deadline begins when that connect has succeeded or failed. */
  readonly patient?: boolean | undefined;
  /** Give up when it fires: the attempt under way ends `interrupted`, and the verdict comes immediately. */
  readonly signal?: AbortSignal | undefined;
}

/** One message that is being sent, with all its attempts. */
export class PendingSend {
  // Its neighbours in the queue of those in flight.
  before: PendingSend | undefined;
  after: PendingSend | undefined;
  readonly send: Message<'SEND'>;
  readonly attempts: Attempt[] = [];
  /** Reports how far the message gets, if somebody wants to know. */
  ladder: Ladder | undefined;
  readonly #success: 'DELIVERED' | 'STORED';
  readonly #clock: Clock;
  readonly #began: number;
  readonly #timeoutMs: number;
  readonly #gaveUp: (end: AttemptEnd) => void;
  #unwatch = (): void => {};
  #deadline: Timer | undefined;
  #until = Number.POSITIVE_INFINITY;
  readonly #settled: (outcome: Outcome) => void;
  #done = false;
  /** The connection of the attempt that is under way. */
  #connection: { readonly seen: Seen } | undefined;

  /**
   * @param deadline for connect, READY and answer together; if it is patient, it begins with `decided`
   * @param gaveUp called if the deadline passes, or the signal fires, while the send is pending; the send is settled just before the call
   * @param settled called once, with the verdict
   */
  constructor(
    send: Message<'SEND'>,
    success: 'DELIVERED' | 'STORED',
    clock: Clock,
    { timeoutMs, patient }: Deadline,
    gaveUp: (end: AttemptEnd) => void,
    settled: (outcome: Outcome) => void,
  ) {
    this.send = send;
    this.#success = success;
    this.#clock = clock;
    this.#began = clock.monotonic();
    this.#settled = settled;
    this.#timeoutMs = timeoutMs;
    this.#gaveUp = gaveUp;
    if (patient !== true) this.decided();
  }

  /** A connect has succeeded or failed, or there already is a connection: a patient deadline begins now. Only the first call counts. */
  decided(): void {
    if (this.#done || this.#deadline !== undefined) return;
    this.#until = this.#clock.monotonic() + this.#timeoutMs;
    // setImmediate: what has arrived in the kernel is read once more before the deadline counts.
    this.#deadline = this.#clock.after(this.#timeoutMs, () =>
      setImmediate(() => this.#giveUp({ how: 'deadline' })),
    );
  }

  /** Gives up when the signal fires. If it has already fired, the send is settled immediately, before anything is written. */
  watch(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    if (signal.aborted) {
      this.begin('connecting').end = { how: 'interrupted' };
      this.settle();
      return;
    }
    const giveUp = (): void => this.#giveUp({ how: 'interrupted' });
    signal.addEventListener('abort', giveUp, { once: true });
    this.#unwatch = () => signal.removeEventListener('abort', giveUp);
  }

  #giveUp(end: AttemptEnd): void {
    if (this.#done) return;
    this.end(end);
    this.settle();
    this.#gaveUp(end);
  }

  /** Is there a verdict? */
  get done(): boolean {
    return this.#done;
  }

  /** Milliseconds until the deadline; Infinity if it has not begun. */
  get left(): number {
    return this.#until - this.#clock.monotonic();
  }

  /**
   * Did an attempt that is over write it without being refused? Then it is worth repeating. If that attempt got no answer, only an
   * answer that takes the message can resolve it. If it got BYE, nothing is in doubt, but the next server may take the message.
   */
  get doubtful(): boolean {
    return this.attempts.some(
      ({ phase, end }) => phase === 'written' && end !== undefined && end.how !== 'refused',
    );
  }

  /** Begins an attempt. @param connection what it is made on; when the attempt ends, what was seen there is kept with it */
  begin(phase: Attempt['phase'], connection?: { readonly seen: Seen }): Attempt {
    this.#connection = connection;
    const attempt: Attempt = { phase };
    this.attempts.push(attempt);
    return attempt;
  }

  /** Ends the attempt that is under way, if one is. */
  end(end: AttemptEnd): void {
    const attempt = this.attempts.at(-1);
    if (attempt === undefined) this.attempts.push({ phase: 'connecting', end });
    else if (attempt.end === undefined) {
      attempt.end = end;
      attempt.seen = this.#connection?.seen;
    }
  }

  /** Reaches the verdict and reports it. Only the first call counts. */
  settle(answer?: Outcome['answer']): void {
    if (this.#done) return;
    this.#done = true;
    this.#deadline?.cancel();
    this.#unwatch();
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
  // Nearly all answers come in this order. Not a Map: when V8 rehashes one, the old table keeps the new one alive, and so every send that
  // was answered since the last full garbage collection.
  #sends = new Queue<PendingSend>();

  /** How many there are. A sender keeps it at or below READY's `window`. */
  get size(): number {
    return this.#sends.length;
  }

  /** The first one, in the order they were written, for which this holds. */
  find(holds: (pending: PendingSend) => boolean): PendingSend | undefined {
    return [...this.#sends].find(holds);
  }

  /** How many bytes their bodies have together. */
  get bytes(): number {
    return [...this.#sends].reduce((sum, { send }) => sum + send.body.length, 0);
  }

  /** Writes a SEND on the connection. If its body is above READY's `max`, ends the attempt unwritten and returns false. */
  send(client: ClientConnection, pending: PendingSend): boolean {
    const max = client.greeting?.max ?? 0;
    const attempt = pending.attempts.at(-1) ?? pending.begin('ready');
    if (pending.send.body.length > max) {
      attempt.end = {
        how: 'error',
        code: 'too_large',
        reason: `the message has ${pending.send.body.length} bytes; ${client.greeting?.as ?? 'the peer'} takes at most ${max}`,
      };
      return false;
    }
    attempt.phase = 'written';
    this.#sends.push(pending);
    if (pending.ladder === undefined) client.send(pending.send);
    else watched(client, pending.send, pending.ladder);
    return true;
  }

  /**
   * Takes note of a message that answers none of them, for their explanation: each keeps the first one. Without it they would be told that
   * nothing came.
   */
  stray(message: Message): void {
    const stray = { verb: message.verb, id: 'id' in message ? message.id : undefined };
    for (const { attempts } of this.#sends) {
      const attempt = attempts.at(-1);
      if (attempt?.end === undefined && attempt !== undefined) attempt.stray ??= stray;
    }
  }

  /** Finds the send that an answer belongs to, and settles it. If there is none (any more), notes the answer and returns undefined. */
  answer(message: Message<'RECEIVED' | 'STORED' | 'REFUSED'>): PendingSend | undefined {
    let pending = this.#sends.first;
    while (pending !== undefined && pending.send.id !== message.id) pending = pending.after;
    if (pending === undefined) {
      this.stray(message);
      return undefined;
    }
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

  /** The connection is over, and all attempts on it end. Returns the sends without a verdict, in order. */
  end(end: AttemptEnd): PendingSend[] {
    const open = [...this.#sends].filter(({ done }) => !done);
    this.#sends = new Queue();
    for (const pending of open) pending.end(end);
    return open;
  }
}

// The PING right after the SEND is for the ladder's third rung: its PONG shows that the SEND has been read.
function watched(client: ClientConnection, send: Message<'SEND'>, ladder: Ladder): void {
  ladder.begin(client);
  client.send(send, () => ladder.handed(client));
  client.ping(() => ladder.pong());
}
