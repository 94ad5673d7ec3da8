// The asynchronous receiver: a client of the relay that collects its mail. It handles messages in order and acknowledges each when
// it is handled, never before. The same message may come again: it is recognised by its seq.

import type { Timer } from '../core/clock.ts';
import { BACKOFF_CAP_MS, backoff } from '../exchange/backoff.ts';
import { type Caller, ClientConnection } from '../exchange/client.ts';
import { TRY_STEP } from '../exchange/limits.ts';
import type { Attempt, AttemptEnd, Seen } from '../exchange/verdict.ts';
import type { Message } from '../wire/verbs.ts';
import { THROWAWAY } from './state.ts';

/** How many unacknowledged messages a receiver asks for: enough to hide a round trip, few enough to keep in memory. */
export const RECEIVE_WINDOW = 64;

/** Errors that would only come again after a reconnect. */
const FINAL = new Set([
  'wrong_door',
  'not_detour',
  'version',
  'wrong_name',
  'damaged',
  'wrong_verb',
  'bad_value',
  'malformed',
  'unknown_verb',
  'bad_ack',
]);

const isFinal = (end: AttemptEnd): boolean =>
  end.how === 'bye' ? end.code === 'replaced' : end.how === 'error' && FINAL.has(end.code);

/** How an asynchronous receiver is set up. */
export interface ReceiverOptions extends Caller {
  /** True: stay, wait for more mail, and reconnect when the connection is lost. False: collect what is there and leave. */
  readonly follow: boolean;
  /** Leave after this many messages. */
  readonly limit?: number | undefined;
  /** Each connection must be established and greeted within this time, in milliseconds. */
  readonly patienceMs: number;
  /** The most messages that one call of `handle` gets, out of those that have arrived. Default: 1. */
  readonly together?: number | undefined;
  /** Handles messages. When it resolves, all of them count as handled and are acknowledged. If it rejects, the receiver ends. */
  handle(messages: readonly Message<'MESSAGE'>[]): Promise<void>;
  /** Says in a sentence why a connection ended, for the event `reconnecting`. */
  explain?(attempt: Attempt): string;
  /** A random number from 0 to below 1, for the backoff. */
  random(): number;
}

/** How collecting ended. */
export interface Collected {
  /** How many messages were handled. */
  readonly handled: number;
  /** `empty`: no more mail. `limit`: `limit` was reached. `stopped`: `stop` was called. `ended`: the connection ended, as `end` says. */
  readonly why: 'empty' | 'limit' | 'stopped' | 'ended';
  readonly end?: AttemptEnd | undefined;
  /** How far the last connection had got. */
  readonly phase: ClientConnection['phase'];
  /** What the last connection saw, for an explanation. */
  readonly seen?: Seen | undefined;
  /** Has the relay confirmed, by its BYE, that every acknowledgement is durable there? */
  readonly confirmed: boolean;
}

/** Collects the mail of one name. */
export class Receiver {
  #client: ClientConnection | undefined;
  #tries = 0;
  #failures = 0;
  /** When the relay greeted on this connection, if it did: milliseconds of the monotonic clock. */
  #greeted: number | undefined;
  #handled = 0;
  /** Where `#last` is valid: the relay's store. For a throwaway mailbox, which may start at 1 again: the connection. */
  #numbering: unknown;
  /** The number of the last message that this process handled. */
  #last = 0;
  /** How many more messages the relay may send before another RECEIVE. */
  #granted = 0;
  #arrived: { readonly message: Message<'MESSAGE'>; readonly client: ClientConnection }[] = [];
  #working = false;
  /** Leaving: what has arrived is still handled; what arrives later is not. */
  #leaving = false;
  #why: Collected['why'] = 'ended';
  /** What `handle` rejected with. */
  #failure: { readonly error: unknown } | undefined;
  #waiting: Timer | undefined;
  #resolve: (collected: Collected) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(private readonly options: ReceiverOptions) {}

  /** Collects until it is done. Rejects only if `handle` rejects. */
  run(): Promise<Collected> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#dial();
    });
  }

  /** Ends politely: the messages being handled are finished and acknowledged first; the rest stays at the relay. */
  stop(): void {
    this.#arrived = [];
    this.#leave('stopped');
  }

  #dial(): void {
    this.#waiting = undefined;
    this.#tries += 1;
    const client = new ClientConnection(
      { ...this.options, tryNumber: this.#tries, expect: 'relay', connectMs: this.options.patienceMs },
      {
        ready: (ready) => this.#ready(ready),
        message: (message) => this.#message(client, message),
        ended: (end) => {
          patience.cancel();
          this.#ended(end);
        },
      },
    );
    // A greeting that already waits in the kernel is read before this is called a failure.
    const patience = this.options.context.clock.after(this.options.patienceMs, () =>
      setImmediate(() => client.greeting === undefined && !client.over && client.drop({ how: 'deadline' })),
    );
    this.#client = client;
  }

  #ready(ready: Message<'READY'>): void {
    this.#greeted = this.options.context.clock.monotonic();
    const numbering = this.#numberingOf(this.#client, ready);
    if (this.#numbering !== numbering) this.#last = 0;
    this.#numbering = numbering;
    this.#receive();
  }

  #numberingOf(client: ClientConnection | undefined, ready: Message<'READY'> | undefined): unknown {
    return this.options.as.startsWith(THROWAWAY) ? client : ready?.store;
  }

  #receive(): void {
    const { limit, follow } = this.options;
    const rest = limit === undefined ? undefined : limit - this.#handled;
    this.#granted = rest ?? Number.POSITIVE_INFINITY;
    this.#client?.send({
      verb: 'RECEIVE',
      window: Math.min(RECEIVE_WINDOW, limit ?? RECEIVE_WINDOW),
      limit: rest,
      drain: follow ? undefined : 'yes',
    });
  }

  #message(client: ClientConnection, message: Message): void {
    if (message.verb === 'EMPTY' && !this.options.follow) this.#leave('empty');
    if (message.verb !== 'MESSAGE' || this.#leaving) return;
    this.#failures = 0;
    this.#arrived.push({ message, client });
    this.#granted -= 1;
    if (!this.#working) void this.#work();
  }

  // Handles what has arrived, in order. An ACK goes only to the connection that brought the message, because the relay may not have sent
  // it on another one yet. There it comes again and is recognised by its seq.
  async #work(): Promise<void> {
    this.#working = true;
    try {
      for (let next = this.#arrived[0]; next !== undefined; next = this.#arrived[0]) {
        const { client } = next;
        const messages = this.#take(client);
        const numbering = this.#numberingOf(client, client.greeting);
        const fresh = messages.filter(({ seq }) => seq > this.#last || numbering !== this.#numbering);
        for (const message of messages) if (!fresh.includes(message)) this.#repeated(message);
        const last = fresh.at(-1);
        if (last !== undefined) {
          await this.options.handle(fresh);
          // Meanwhile it may have reconnected to a relay that numbers from 1 again.
          if (numbering === this.#numbering) this.#last = last.seq;
          this.#handled += fresh.length;
        }
        for (const { seq } of messages) if (!client.over) client.send({ verb: 'ACK', seq });
        if (this.#handled === this.options.limit) {
          this.#arrived = [];
          this.#leave('limit');
        } else if (this.#granted === 0 && this.#arrived.length === 0 && !client.over) this.#receive();
      }
    } catch (error) {
      // End politely, because the acknowledgements that were sent before must arrive.
      this.#failure = { error };
      this.#arrived = [];
      this.#leave('stopped');
    }
    this.#working = false;
    if (this.#leaving) this.#go();
  }

  #repeated({ id, from, seq, attempt }: Message<'MESSAGE'>): void {
    this.options.context.emit?.({ event: 'repeated', id, from, seq, attempt });
  }

  // The next messages of one connection, no more than are wanted.
  #take(client: ClientConnection): Message<'MESSAGE'>[] {
    const { together = 1, limit = Number.POSITIVE_INFINITY } = this.options;
    const others = this.#arrived.findIndex((each) => each.client !== client);
    const count = Math.min(together, limit - this.#handled, others === -1 ? this.#arrived.length : others);
    return this.#arrived.splice(0, count).map(({ message }) => message);
  }

  #leave(why: Collected['why']): void {
    if (this.#leaving) return;
    this.#why = why;
    this.#leaving = true;
    this.#waiting?.cancel();
    if (!this.#working) this.#go();
  }

  #go(): void {
    if (this.#client === undefined || this.#client.over) this.#done();
    else void this.#client.leave();
  }

  #ended(end: AttemptEnd): void {
    this.#arrived = [];
    const { follow, context, random, explain } = this.options;
    if (!follow || this.#why !== 'ended' || isFinal(end)) {
      this.#done(end);
      return;
    }
    // Another connection of this session had a higher `try`. Whatever opened it, this one must go above it to be heard.
    if (end.how === 'error' && end.code === 'stale') this.#tries += TRY_STEP - 1;
    // A relay that greets and hangs up immediately is no better than no relay.
    const { clock } = context;
    if (this.#greeted !== undefined && clock.monotonic() - this.#greeted >= BACKOFF_CAP_MS)
      this.#failures = 0;
    this.#greeted = undefined;
    this.#failures += 1;
    const ms = backoff(this.#failures, random());
    const { phase = 'connecting', seen } = this.#client ?? {};
    context.emit?.({
      event: 'reconnecting',
      ms: Math.round(ms),
      why: 'code' in end ? (end.code ?? end.how) : end.how,
      ...(explain !== undefined && { text: explain({ phase, end, seen }) }),
    });
    this.#waiting = context.clock.after(ms, () => this.#dial());
  }

  #done(end?: AttemptEnd): void {
    const confirmed = end?.how === 'bye' && end.code === undefined;
    const phase = this.#client?.phase ?? 'connecting';
    const seen = this.#client?.seen;
    const collected = { handled: this.#handled, why: this.#why, end, phase, seen, confirmed };
    // Resolves only when the connection is closed, so that its last event comes first.
    void (this.#client?.leave() ?? Promise.resolve()).then(() => {
      if (this.#failure === undefined) this.#resolve(collected);
      else this.#reject(this.#failure.error);
    });
  }
}
