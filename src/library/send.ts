// Sending by the direct route: straight to a receiver that must be listening now. `detour sync send` uses it.

import type { Ladder } from '../exchange/ladder.ts';
import type { Deadline } from '../exchange/pending.ts';
import { formatAddress } from '../net/address.ts';
import { Sender as Connection } from '../sync/sender.ts';
import {
  addressOf,
  type Body,
  bodyOf,
  type ConnectOptions,
  callerOf,
  checkId,
  deadlineOf,
  type Endpoint,
  idSeries,
  RECEIVER_PORT,
  type WaitOptions,
} from './arguments.ts';
import { type Addressee, type Sent, sentOf } from './sent.ts';

/** How one message is sent to a receiver. */
export interface SendOptions extends WaitOptions, Pick<Deadline, 'patient'> {
  /** The message's id; default: a random one. The receiver sees it, but it does not make a repeat safe: a receiver remembers nothing. */
  readonly id?: string | undefined;
  /** Reports how far the message gets. The command line passes it. May change in any 0.x. */
  readonly ladder?: Ladder | undefined;
}

/** Sends many messages to one receiver. Made by `openSender`. */
export interface Sender extends AsyncDisposable {
  /** The receiver that it sends to. `peer` is the receiver's name once that is known. */
  readonly to: Addressee;
  /**
   * Sends one message and waits for its verdict. Further messages wait for their turn, in order.
   * It rejects only with DetourError `usage`, before anything is sent. Everything else that goes wrong is a verdict.
   */
  send(body: Body, options?: SendOptions): Promise<Sent>;
  /** Gives up the message under way and those that wait for their turn. They get their verdicts now, with the code `interrupted`. */
  interrupt(): void;
  /** Says BYE once the messages under way have their verdicts, and closes the connection. */
  close(): Promise<void>;
}

/**
 * Sends one message by the direct route, on its own connection, and waits for its verdict. It never repeats the message, because the
 * receiver would not recognise the repeat. An aborted send also has a verdict: NOT_DELIVERED or UNKNOWN, with the code `interrupted`.
 * @param to where the receiver listens; port 4101 if none is given
 * @returns the verdict. Nothing that happens on the network rejects. The connection is closed in the background, within 2 s
 * @throws DetourError `usage` for arguments that are not valid, such as a body above 1 MiB; then nothing was sent
 */
export async function send(
  to: Endpoint,
  body: Body,
  options: SendOptions & ConnectOptions = {},
): Promise<Sent> {
  const sender = openSender(to, options);
  try {
    return await sender.send(body, options);
  } finally {
    void sender.close();
  }
}

/**
 * Opens a sender for many messages over one connection. It connects with the first message, and again if the connection is lost.
 * @param to where the receiver listens; port 4101 if none is given
 * @throws DetourError `usage`
 */
export function openSender(to: Endpoint, options: ConnectOptions = {}): Sender {
  const address = addressOf(to, RECEIVER_PORT);
  const connection = new Connection(callerOf(address, options, 'alice'));
  const nextId = idSeries();
  let interrupts = 0;
  let last: Promise<unknown> = Promise.resolve();
  const addressee = (): Addressee => ({
    route: 'sync',
    peer: connection.peer ?? 'the receiver',
    address: formatAddress(address.host, address.port),
  });
  const close = async (): Promise<void> => {
    await last;
    await connection.close();
  };
  return {
    get to() {
      return addressee();
    },
    async send(body, { id = nextId(), ladder, ...wait } = {}) {
      const bytes = bodyOf(body);
      const deadline = deadlineOf(wait);
      checkId(id);
      const before = interrupts;
      const outcome = last.then(() => {
        const signal = interrupts === before ? deadline.signal : AbortSignal.abort();
        return connection.send(id, bytes, { ...deadline, signal }, ladder);
      });
      last = outcome;
      return sentOf(await outcome, addressee());
    },
    interrupt() {
      interrupts += 1;
      connection.interrupt();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
