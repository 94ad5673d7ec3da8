// Receiving by the detour: the mail that a relay keeps for a name. `detour async receive` uses it.

import { type Collected, Receiver, type ReceiverOptions } from '../async/receiver.ts';
import { ms } from '../core/units.ts';
import type { Attempt } from '../exchange/verdict.ts';
import { type Address, formatAddress } from '../net/address.ts';
import type { Message } from '../wire/verbs.ts';
import {
  addressOf,
  type ConnectOptions,
  callerOf,
  checkMs,
  type Endpoint,
  RELAY_PORT,
  TIMEOUT_MS,
  usage,
  type WaitOptions,
} from './arguments.ts';
import { Handover, LoopLeft } from './handover.ts';
import { type Addressee, connectionError } from './sent.ts';

/** How mail is collected. `as` is the name whose mail is collected; `timeoutMs` limits connecting to the relay and waiting for READY. */
export interface CollectOptions extends ConnectOptions, WaitOptions {
  /**
   * Stay and wait for more, and connect again, with growing pauses, when the connection is lost or the relay cannot be reached? Default:
   * collect what is there and end.
   */
  readonly follow?: boolean | undefined;
  /** End after this many messages. */
  readonly limit?: number | undefined;
  /** Ends the loop politely when it fires: the loop finishes its current message, which is acknowledged, and then ends. */
  readonly signal?: AbortSignal | undefined;
}

/** A message from a mailbox. */
export interface CollectedMessage {
  /** Its number in the mailbox. A message that is delivered again has the same number. */
  readonly number: number;
  readonly id: string;
  /** The name that the sender gave; for a receipt or a bounce, the relay's. Nothing proves it: anybody may use any name. */
  readonly from: string;
  readonly body: Buffer;
  /** Above 1, an earlier receiver may have seen it and never acknowledged it: delivery is at least once. */
  readonly attempt: number;
  /** When the relay stored it, by the relay's clock: milliseconds since 1970 UTC. */
  readonly storedAt: number;
  /** How long the relay has held it, in milliseconds. */
  readonly heldMs: number;
  /** A `receipt` or `bounce` says what became of the message with this id. The relay puts it into the mailbox that `notify` named. */
  readonly kind: 'message' | 'receipt' | 'bounce';
  /** For a bounce: may the expired message have been written to a receiver before? */
  readonly tried: boolean;
  /** Says that the message is handled: acknowledges it now, before the loop asks for the next message. Only the first call counts. */
  done(): void;
}

/** The mail of one name, for one `for await` loop. Made by `collect`. */
export interface Collection extends AsyncIterable<CollectedMessage>, AsyncDisposable {
  /**
   * Disconnects from the relay, and the loop ends. It does not wait for the loop: a message that is not `done` is not acknowledged and
   * comes again. To let the loop finish its message, abort the `signal` instead.
   */
  close(): Promise<void>;
}

/**
 * Collects the mail of a name from a relay: `for await (const message of collect(relay))`. It connects when the loop begins. A message is
 * acknowledged after the loop's body, when the loop asks for the next one; then the relay deletes it. The loop gets one message at a time;
 * up to 64 more may already have come from the relay. Leaving the loop by `break`, `return` or `throw` disconnects from the relay. The
 * current message is then not acknowledged and comes again, with a higher `attempt`. If it is handled, call `done()` before you leave.
 * PROTOCOL.md, "MESSAGE" and "ACK".
 *
 * The loop ends by itself when nothing more waits (without `follow`), after `limit` messages, or when the signal fires. It throws
 * DetourError if the connection fails: `replaced` if another receiver has taken over the mailbox. With `follow`, it otherwise throws only
 * errors that connecting again would not cure, such as `damaged` or `not_detour`. Without `follow`, it also throws an errno, `fin`,
 * `deadline`, `no_greeting`, and every other code of the catalogue.
 * @param relay where the relay listens; port 4100 if none is given
 * @throws DetourError `usage`
 */
export function collect(relay: Endpoint, options: CollectOptions = {}): Collection {
  const address = addressOf(relay, RELAY_PORT);
  const stop = new AbortController();
  const parts = partsOf(relay, options);
  let running: Promise<void> | undefined;
  const messages = new Handover<CollectedMessage>(
    () => {
      running ??= run();
    },
    () => close(),
  );
  // Messages that came from the relay but did not reach the loop stay at the relay.
  const interrupted = (): void => {
    messages.drop('not handed');
    stop.abort();
  };
  const run = async (): Promise<void> => {
    if (options.signal?.aborted) stop.abort();
    else options.signal?.addEventListener('abort', interrupted, { once: true });
    try {
      const { why, end, phase, seen } = await runReceiver(
        { ...parts, handle: ([first]) => (first === undefined ? Promise.resolve() : put(first)) },
        stop.signal,
      );
      messages.end(
        why === 'ended' && end !== undefined
          ? connectionError({ phase, end, seen }, relayAt(address))
          : undefined,
      );
    } catch (error) {
      messages.end(error instanceof LoopLeft ? undefined : error);
    }
    options.signal?.removeEventListener('abort', interrupted);
  };
  const put = (message: Message<'MESSAGE'>): Promise<void> =>
    messages.put((done) => ({ ...collectedOf(message), done }));
  const close = async (): Promise<void> => {
    messages.drop('any');
    stop.abort();
    await running;
    messages.end();
  };
  return {
    close,
    [Symbol.asyncDispose]: close,
    [Symbol.asyncIterator]: () => messages[Symbol.asyncIterator](),
  };
}

/** How `collectBatches` handles what it collects. */
export interface BatchOptions extends CollectOptions, Pick<ReceiverOptions, 'handle' | 'together'> {}

/**
 * Collects the mail of a name and hands it to `handle`, up to `together` messages at a time. They are acknowledged when `handle` resolves.
 * Use it to store many messages with few writes.
 * @returns how it ended; if the connection fails it is `ended`, and the promise does not reject
 * @throws DetourError `usage`, or what `handle` rejected with
 */
export function collectBatches(relay: Endpoint, options: BatchOptions): Promise<Collected> {
  const { handle, together, signal } = options;
  return runReceiver({ ...partsOf(relay, options), handle, together }, signal);
}

function partsOf(relay: Endpoint, options: CollectOptions) {
  const { follow = false, limit, timeoutMs = TIMEOUT_MS } = options;
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1))
    throw usage(`limit is ${limit}: it must be a whole number of at least 1.`);
  const address = addressOf(relay, RELAY_PORT);
  return {
    ...callerOf(address, options, 'bob'),
    follow,
    limit,
    patienceMs: checkMs(timeoutMs, 'timeoutMs'),
    explain: (attempt: Attempt): string => endText(attempt, address, timeoutMs),
  };
}

const relayAt = ({ host, port }: Address): Addressee => ({
  route: 'async',
  peer: 'the relay',
  address: formatAddress(host, port),
});

function endText(attempt: Attempt, address: Address, timeoutMs: number): string {
  const to = relayAt(address);
  const { code, message } = connectionError(attempt, to);
  return code === 'no_greeting'
    ? `no READY from ${to.address} within ${ms(timeoutMs)}: it is frozen, or no relay`
    : message;
}

async function runReceiver(options: ReceiverOptions, signal: AbortSignal | undefined): Promise<Collected> {
  if (signal?.aborted) return { handled: 0, why: 'stopped', phase: 'connecting', confirmed: false };
  const receiver = new Receiver(options);
  const stop = (): void => receiver.stop();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await receiver.run();
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

function collectedOf(message: Message<'MESSAGE'>): Omit<CollectedMessage, 'done'> {
  const { seq, id, from, body, attempt, at, held, kind = 'message', tried } = message;
  return { number: seq, id, from, body, attempt, storedAt: at, heldMs: held, kind, tried: tried === 'yes' };
}
