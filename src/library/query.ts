// A question to a relay that needs no HELLO, and its answer, page by page. status.ts and list.ts use it.

import { ClientConnection } from '../exchange/client.ts';
import type { AttemptEnd } from '../exchange/verdict.ts';
import { formatAddress } from '../net/address.ts';
import type { Message } from '../wire/verbs.ts';
import {
  addressOf,
  type ConnectOptions,
  callerOf,
  checkMs,
  type Endpoint,
  interrupted,
  RELAY_PORT,
  TIMEOUT_MS,
  type WaitOptions,
} from './arguments.ts';
import { connectionError } from './sent.ts';

/** Options of every question to a relay. */
export type QueryOptions = WaitOptions & Pick<ConnectOptions, 'heartbeatSeconds' | 'context'>;

/**
 * Asks a relay questions, one after the other on one connection.
 * @param as the name to connect under
 * @param question the first question
 * @param next called for each frame of an answer. It returns the next question, `done` when nothing more is to be asked, or undefined if
 * the answer goes on
 * @throws DetourError `usage`; `interrupted`; an errno, `deadline`, `no_greeting` or another code of the catalogue if no relay answered
 */
export async function query(
  relay: Endpoint,
  as: string,
  options: QueryOptions,
  question: Message<'STATUS' | 'LIST'>,
  next: (frame: Message) => Message<'STATUS' | 'LIST'> | 'done' | undefined,
): Promise<void> {
  const { timeoutMs = TIMEOUT_MS, signal } = options;
  const address = addressOf(relay, RELAY_PORT);
  const caller = callerOf(address, options, as);
  const ms = checkMs(timeoutMs, 'timeoutMs');
  if (signal?.aborted) throw interrupted();
  return new Promise((resolve, reject) => {
    let done = false;
    const timer = caller.context.clock.after(ms, () => client.drop({ how: 'deadline' }));
    const stop = (): void => client.drop({ how: 'interrupted' });
    signal?.addEventListener('abort', stop, { once: true });
    const failed = (end: AttemptEnd) =>
      connectionError(
        { phase: client.phase, end, seen: client.seen },
        {
          route: 'async',
          peer: 'the relay',
          address: formatAddress(address.host, address.port),
        },
      );
    // The first question goes out at once, in place of HELLO: so the relay need not remember another session, and a server of another kind has
    // something to answer.
    const client = new ClientConnection(
      { ...caller, tryNumber: 1, expect: 'relay', connectMs: ms, helloLater: true },
      {
        progressed: (phase) => phase === 'greeting' && client.send(question),
        ready: () => {},
        message: (message) => {
          const then = next(message);
          if (then === 'done') {
            done = true;
            void client.leave();
          } else if (then !== undefined) client.send(then);
        },
        ended: (end) => {
          timer.cancel();
          signal?.removeEventListener('abort', stop);
          if (done) resolve();
          else reject(end.how === 'interrupted' ? interrupted() : failed(end));
        },
      },
    );
  });
}
