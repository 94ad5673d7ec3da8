// What waits at a relay, and how much of its limits it uses. `detour async status` uses it.

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

/** A mailbox with mail in it, or an empty one that is collected. */
export interface MailboxStatus {
  readonly name: string;
  /** How many messages wait, and the total size of their bodies in bytes. */
  readonly held: number;
  readonly bytes: number;
  /** When the oldest of them was stored, by the relay's clock: milliseconds since 1970 UTC. Undefined if none waits. */
  readonly oldestAt: number | undefined;
  /** Is a receiver collecting from it now? */
  readonly connected: boolean;
}

/** How much of a limit is used. */
export interface Usage {
  readonly used: number;
  readonly limit: number;
}

/** What a relay says about itself. */
export interface RelayStatus {
  /** Every mailbox that has mail or is collected, by name. */
  readonly mailboxes: readonly MailboxStatus[];
  /** The messages and names that it holds, the ids and sessions that it remembers, and its disk in bytes; undefined if it does not say. */
  readonly usage: Readonly<Record<(typeof LIMITS)[number], Usage | undefined>>;
}

const LIMITS = ['messages', 'names', 'ids', 'sessions', 'disk'] as const;

/**
 * Asks a relay which mailboxes have mail or are collected, and how much of its limits it uses. PROTOCOL.md, "STATUS".
 * @param relay where the relay listens; port 4100 if none is given
 * @throws DetourError `usage`; `interrupted`; an errno, `deadline`, `no_greeting` or another code of the catalogue if no relay answered
 */
export async function status(
  relay: Endpoint,
  options: WaitOptions & Pick<ConnectOptions, 'heartbeatSeconds' | 'context'> = {},
): Promise<RelayStatus> {
  const { timeoutMs = TIMEOUT_MS, signal } = options;
  const address = addressOf(relay, RELAY_PORT);
  const caller = callerOf(address, options, 'status');
  const ms = checkMs(timeoutMs, 'timeoutMs');
  if (signal?.aborted) throw interrupted();
  return new Promise((resolve, reject) => {
    const mailboxes: Message<'MAILBOX'>[] = [];
    let page = 0;
    let usage: Message<'END'> | undefined;
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
    // Asks for page after page until an empty one comes. The first question goes out at once, in place of HELLO: so the relay need not remember
    // another session, and a server of another kind has something to answer.
    const client = new ClientConnection(
      { ...caller, tryNumber: 1, expect: 'relay', connectMs: ms, helloLater: true },
      {
        progressed: (phase) => phase === 'greeting' && client.send({ verb: 'STATUS' }),
        ready: () => {},
        message: (message) => {
          if (message.verb === 'MAILBOX') {
            mailboxes.push(message);
            page += 1;
          } else if (message.verb === 'END' && page > 0) {
            page = 0;
            client.send({ verb: 'STATUS', after: mailboxes.at(-1)?.name });
          } else if (message.verb === 'END') {
            usage = message;
            void client.leave();
          }
        },
        ended: (end) => {
          timer.cancel();
          signal?.removeEventListener('abort', stop);
          if (usage !== undefined) resolve(statusOf(mailboxes, usage));
          else reject(end.how === 'interrupted' ? interrupted() : failed(end));
        },
      },
    );
  });
}

function statusOf(mailboxes: readonly Message<'MAILBOX'>[], end: Message<'END'>): RelayStatus {
  const usageOf = (limit: (typeof LIMITS)[number]): Usage | undefined => {
    const [used = 0, most = 0] = end[limit]?.split('/').map(Number) ?? [];
    return end[limit] === undefined ? undefined : { used, limit: most };
  };
  return {
    mailboxes: mailboxes.map(({ name, held, bytes, oldest, connected }) => ({
      name,
      held,
      bytes,
      oldestAt: held === 0 ? undefined : oldest,
      connected: connected === 'yes',
    })),
    usage: {
      messages: usageOf('messages'),
      names: usageOf('names'),
      ids: usageOf('ids'),
      sessions: usageOf('sessions'),
      disk: usageOf('disk'),
    },
  };
}
