// What waits at a relay, and how much of its limits it uses. `detour async status` uses it.

import type { Message } from '../wire/verbs.ts';
import type { Endpoint } from './arguments.ts';
import { type QueryOptions, query } from './query.ts';

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
export async function status(relay: Endpoint, options: QueryOptions = {}): Promise<RelayStatus> {
  const mailboxes: Message<'MAILBOX'>[] = [];
  let page = 0;
  let usage: Message<'END'> = { verb: 'END' };
  // Page after page, until an empty one comes.
  await query(relay, 'status', options, { verb: 'STATUS' }, (frame) => {
    if (frame.verb === 'MAILBOX') {
      mailboxes.push(frame);
      page += 1;
    } else if (frame.verb === 'END') {
      usage = frame;
      if (page === 0) return 'done';
      page = 0;
      return { verb: 'STATUS', after: mailboxes.at(-1)?.name };
    }
    return undefined;
  });
  return statusOf(mailboxes, usage);
}

/** A MAILBOX frame as the library shows it. */
export const mailboxOf = ({ name, held, bytes, oldest, connected }: Message<'MAILBOX'>): MailboxStatus => ({
  ...{ name, held, bytes },
  oldestAt: held === 0 ? undefined : oldest,
  connected: connected === 'yes',
});

function statusOf(mailboxes: readonly Message<'MAILBOX'>[], end: Message<'END'>): RelayStatus {
  const usageOf = (limit: (typeof LIMITS)[number]): Usage | undefined => {
    const [used = 0, most = 0] = end[limit]?.split('/').map(Number) ?? [];
    return end[limit] === undefined ? undefined : { used, limit: most };
  };
  return {
    mailboxes: mailboxes.map(mailboxOf),
    usage: {
      messages: usageOf('messages'),
      names: usageOf('names'),
      ids: usageOf('ids'),
      sessions: usageOf('sessions'),
      disk: usageOf('disk'),
    },
  };
}
