// `detour async list NAME`: what a mailbox at the relay holds, message by message, without the bodies. It collects nothing.

import { type Command, InvalidArgumentError } from 'commander';
import { asTyped } from '../../core/command-name.ts';
import { DetourError } from '../../core/error.ts';
import { many } from '../../core/units.ts';
import { type HeldMessage, list, type MailboxContent } from '../../library/list.ts';
import { type Address, formatAddress } from '../../net/address.ts';
import { type Actor, type ActorFlags, actorOptions, startActor } from '../actor.ts';
import type { CommandSpec } from '../command.ts';
import { count, name, writeDuration } from '../input.ts';
import { addressOption, timeoutOption } from '../options.ts';
import { put, say, withNote } from '../render/output.ts';
import { connectionLines } from '../render/report.ts';
import { returnMailboxNote } from '../render/return-mailbox.ts';
import { clockTime } from '../render/showing.ts';
import { tableLines } from '../render/table.ts';

interface Flags extends ActorFlags {
  readonly relay: Address;
  readonly timeout: number;
  readonly after: number;
  readonly limit: number;
}

/** The command `detour async list`. */
export const asyncList: CommandSpec = {
  summary: 'what a mailbox holds: from whom, since when, how often sent; no texts',
  build(command: Command): void {
    command
      .argument('[name]', 'whose mailbox (default: DETOUR_AS, or bob)', name)
      .addOption(addressOption('--relay <address>', 'where the relay listens', 4100))
      .addOption(timeoutOption('give up after this time'))
      .option('--after <number>', 'only messages after this number', number, 0)
      .option('--limit <count>', 'list at most this many', count, 100);
    actorOptions(command).action(async (given: string | undefined, flags: Flags) => {
      process.exitCode = await run(given ?? name(process.env.DETOUR_AS || 'bob'), flags);
    });
  },
};

function number(text: string): number {
  if (/^[0-9]{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`"${text}" is not a message's number: use 0 or more.`);
}

async function run(mailbox: string, flags: Flags): Promise<number> {
  const actor = await startActor('list', flags, () => {}, false);
  const code = await show(actor, mailbox, flags);
  actor.close();
  return code;
}

// The events of the question itself are not reported: they would bury what was asked for.
async function show(actor: Actor, mailbox: string, flags: Flags): Promise<number> {
  const { relay, timeout: timeoutMs, after, limit } = flags;
  try {
    const content = await list(relay, mailbox, { timeoutMs, after, limit });
    tell(actor, content);
    if (!actor.json) await put(`${linesOf(content, flags).join('\n')}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof DetourError)) throw error;
    actor.context.emit({ event: 'notice', text: `no relay answered: ${error.message}` });
    if (!actor.json) {
      say(withNote('No list: no relay answered.', 'exit 1', 80));
      for (const line of connectionLines(error)) say(line);
    }
    return 1;
  }
}

function tell(
  { context }: Actor,
  { name: of, held, bytes, oldestAt, connected, messages }: MailboxContent,
): void {
  const oldest = oldestAt === undefined ? {} : { oldest: oldestAt };
  context.emit({ event: 'status', name: of, held, bytes, ...oldest, connected: connected ? 'yes' : 'no' });
  for (const { number: seq, id, from, storedAt, heldMs, bytes: size, attempts, kind } of messages) {
    const known = id === undefined || from === undefined ? {} : { id, from };
    const notice = kind === undefined ? {} : { kind };
    const rest = { at: storedAt, ms: heldMs, size, attempts, ...notice };
    context.emit({ event: 'listed', name: of, seq, ...known, ...rest });
  }
}

function linesOf({ name: of, held, bytes, connected, messages }: MailboxContent, flags: Flags): string[] {
  const collects = connected ? 'a receiver collects' : 'nobody collects';
  const where = `at the relay on ${formatAddress(flags.relay.host, flags.relay.port)}`;
  if (held === 0) return [`${of} has no mail ${where}, and ${collects}.`];
  if (messages.length === 0)
    return [`${of} has ${many(held, 'message')} ${where}, none after ${flags.after}.`];
  const rows = messages.map((message) => [
    String(message.number),
    message.from === undefined
      ? '?'
      : message.from + (message.kind === undefined ? '' : ` (${message.kind})`),
    String(message.bytes),
    clockTime(message.storedAt),
    writeDuration(message.heldMs),
    String(message.attempts),
    message.id ?? asTyped('? (it cannot be read: detour journal --check)'),
  ]);
  const last = messages.at(-1)?.number ?? 0;
  const more = messages.length === flags.limit && (flags.after > 0 || messages.length < held);
  const all = `${of}: ${many(held, 'message')}, ${many(bytes, 'byte')}; ${collects}.`;
  return [
    ...tableLines(['NUMBER', 'FROM', 'BYTES', 'SINCE', 'AGE', 'ATTEMPTS', 'ID'], rows),
    more ? `${all} To go on: --after ${last}` : all,
    ...returnMailboxNote([of, ...messages.map(({ from = '' }: HeldMessage) => from)]),
  ];
}
