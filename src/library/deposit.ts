// Sending by the detour: to a relay, which keeps each message until its recipient comes. `detour async send` uses it.

import { Sender as Connection } from '../async/sender.ts';
import type { Ladder } from '../exchange/ladder.ts';
import type { Deadline } from '../exchange/pending.ts';
import { formatAddress } from '../net/address.ts';
import {
  addressOf,
  type Body,
  bodyOf,
  type ConnectOptions,
  callerOf,
  checkId,
  checkName,
  checkTtl,
  deadlineOf,
  type Endpoint,
  idSeries,
  RELAY_PORT,
  type WaitOptions,
} from './arguments.ts';
import { type Addressee, type Sent, sentOf } from './sent.ts';

/** How one message is handed to a relay. */
export interface DepositOptions extends WaitOptions, Pick<Deadline, 'patient'> {
  /** The relay drops the message after this many seconds: 1 to 31,536,000, a year. Default: never. */
  readonly ttlSeconds?: number | undefined;
  /** The mailbox into which the relay puts a receipt when the message was acknowledged, or a bounce when it expired. Default: none. */
  readonly notify?: string | undefined;
  /**
   * The message's id; default: a random one. To repeat a message whose verdict is UNKNOWN, send the same body to the same recipient under
   * its id: for at least 10 minutes the relay recognises it, and there is one message, never two.
   */
  readonly id?: string | undefined;
  /**
   * May this message have been sent before under this id, by another call or another process? Then a failure here proves nothing about
   * the earlier send, and the verdict is UNKNOWN. Default: yes if an `id` is given.
   */
  readonly earlier?: boolean | undefined;
  /** Reports how far the message gets. The command line passes it. May change in any 0.x. */
  readonly ladder?: Ladder | undefined;
}

/** Hands many messages to one relay. Made by `openDepositor`. */
export interface Depositor extends AsyncDisposable {
  /** The relay that it hands them to. */
  readonly relay: Addressee;
  /**
   * Hands one message to the relay and waits for its verdict. Many may be under way at the same time. If the connection is lost, messages
   * that were written and not answered are sent again under the same id, until the deadline. It rejects only with DetourError `usage`,
   * before anything is sent. Everything else that goes wrong is a verdict.
   * @param to whose mailbox: a name, not an address
   */
  deposit(to: string, body: Body, options?: DepositOptions): Promise<Sent>;
  /** Gives up all messages under way. They get their verdicts now, with the code `interrupted`. */
  interrupt(): void;
  /** Waits for the verdicts of the messages under way, says BYE, and closes the connection. */
  close(): Promise<void>;
}

/**
 * Hands one message to a relay, on its own connection, and waits for its verdict: STORED means that it is on the relay's disk, not that
 * the recipient has seen it. An aborted deposit also has a verdict: NOT_DELIVERED or UNKNOWN, with the code `interrupted`.
 * @param relay where the relay listens; port 4100 if none is given
 * @param to whose mailbox: a name, not an address
 * @returns the verdict. Nothing that happens on the network rejects. The connection is closed in the background, within 2 s
 * @throws DetourError `usage` for arguments that are not valid, such as a body above 1 MiB; then nothing was sent
 */
export async function deposit(
  relay: Endpoint,
  to: string,
  body: Body,
  options: DepositOptions & ConnectOptions = {},
): Promise<Sent> {
  const depositor = openDepositor(relay, options);
  try {
    const sent = await depositor.deposit(to, body, options);
    // The deposit has failed and nobody waits for it. So there is no need to send it again, or to wait for the relay.
    if (sent.verdict !== 'STORED') depositor.interrupt();
    return sent;
  } finally {
    void depositor.close();
  }
}

/**
 * Opens a depositor for many messages over one connection. It connects with the first message, and again if the connection is lost.
 * @param relay where the relay listens; port 4100 if none is given
 * @throws DetourError `usage`
 */
export function openDepositor(relay: Endpoint, options: ConnectOptions = {}): Depositor {
  const address = addressOf(relay, RELAY_PORT);
  const connection = new Connection(callerOf(address, options, 'alice'));
  const nextId = idSeries();
  const underWay = new Set<Promise<unknown>>();
  const addressee: Addressee = {
    route: 'async',
    peer: 'the relay',
    address: formatAddress(address.host, address.port),
  };
  const close = async (): Promise<void> => {
    await Promise.all(underWay);
    await connection.close();
  };
  return {
    relay: addressee,
    async deposit(to, body, { id, ttlSeconds, notify, earlier = id !== undefined, ladder, ...wait } = {}) {
      const message = {
        id: checkId(id ?? nextId()),
        to: checkName(to, 'to'),
        ttl: checkTtl(ttlSeconds),
        notify: notify === undefined ? undefined : checkName(notify, 'notify'),
        body: bodyOf(body),
      };
      const outcome = connection.send(message, deadlineOf(wait), earlier, ladder);
      underWay.add(outcome);
      try {
        return sentOf(await outcome, addressee);
      } finally {
        underWay.delete(outcome);
      }
    },
    interrupt: () => connection.interrupt(),
    close,
    [Symbol.asyncDispose]: close,
  };
}
