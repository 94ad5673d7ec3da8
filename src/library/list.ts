// What a mailbox at a relay holds, message by message. `detour async list` uses it.

import type { Message } from '../wire/verbs.ts';
import { checkName, type Endpoint, usage } from './arguments.ts';
import { type QueryOptions, query } from './query.ts';
import { type MailboxStatus, mailboxOf } from './status.ts';

/** How many messages are listed unless more are asked for. */
const LIMIT = 100;

/** A message that a relay holds. */
export interface HeldMessage {
  /** Its number in the mailbox. */
  readonly number: number;
  /** The id that its sender chose, and the sender's name; undefined if the relay cannot read the message, because its journal is damaged. */
  readonly id: string | undefined;
  readonly from: string | undefined;
  /** When it was stored, by the relay's clock: milliseconds since 1970 UTC. */
  readonly storedAt: number;
  /** How long the relay has held it, in milliseconds. */
  readonly heldMs: number;
  /** The size of its body, in bytes. */
  readonly bytes: number;
  /** On how many connections it was sent, as far as the relay can tell them apart. 0: it was certainly never written to a receiver. */
  readonly attempts: number;
  /** A notice of the relay: `receipt` or `bounce`. */
  readonly kind: 'receipt' | 'bounce' | undefined;
}

/** A mailbox and what it holds. */
export interface MailboxContent extends MailboxStatus {
  /** The messages that were asked for, by number. They are not more than `limit`; `held` counts all. */
  readonly messages: readonly HeldMessage[];
}

/** Which messages `list` asks for. */
export interface ListOptions extends QueryOptions {
  /** Only messages with a number above this one. Default: 0. */
  readonly after?: number | undefined;
  /** The most messages. Default: 100. */
  readonly limit?: number | undefined;
}

/**
 * Asks a relay what a mailbox holds. No message is collected, and no body is sent. PROTOCOL.md, "LIST".
 * @param relay where the relay listens; port 4100 if none is given
 * @param name whose mailbox; it may be empty, and need not exist
 * @throws DetourError `usage`; `interrupted`; an errno, `deadline`, `no_greeting` or another code of the catalogue if no relay answered
 */
export async function list(
  relay: Endpoint,
  name: string,
  options: ListOptions = {},
): Promise<MailboxContent> {
  const { after = 0, limit = LIMIT } = options;
  checkName(name, 'name');
  if (!Number.isSafeInteger(after) || after < 0) throw usage(`after is ${after}: it must be a whole number.`);
  if (!Number.isSafeInteger(limit) || limit < 1) throw usage(`limit is ${limit}: it must be at least 1.`);
  let mailbox: Message<'MAILBOX'> | undefined;
  const items: Message<'ITEM'>[] = [];
  let page = 0;
  const more = (from: number): Message<'LIST'> => ({ verb: 'LIST', name, after: from });
  await query(relay, 'list', options, more(after), (frame) => {
    if (frame.verb === 'MAILBOX') mailbox ??= frame;
    else if (frame.verb === 'ITEM') {
      items.push(frame);
      page += 1;
    } else if (frame.verb === 'END') {
      if (page === 0 || items.length >= limit) return 'done';
      page = 0;
      return more(items.at(-1)?.seq ?? after);
    }
    return undefined;
  });
  const nothing = { verb: 'MAILBOX', name, held: 0, bytes: 0, oldest: 0, connected: 'no' } as const;
  return { ...mailboxOf(mailbox ?? nothing), messages: items.slice(0, limit).map(messageOf) };
}

const messageOf = ({
  seq: number,
  id,
  from,
  at,
  held,
  bytes,
  attempts,
  kind,
}: Message<'ITEM'>): HeldMessage => ({
  ...{ number, id, from, storedAt: at, heldMs: held },
  ...{ bytes, attempts, kind },
});
