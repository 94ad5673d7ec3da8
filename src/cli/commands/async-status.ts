// `detour async status`: who has how much mail waiting at the relay, and since when.

import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { hanging } from '../../core/wrap.ts';
import { ClientConnection } from '../../exchange/client.ts';
import type { Attempt, AttemptEnd } from '../../exchange/verdict.ts';
import { formatAddress } from '../../net/address.ts';
import type { Message } from '../../wire/verbs.ts';
import { type Actor, type ActorFlags, actorOptions, startActor } from '../actor.ts';
import type { CommandSpec } from '../command.ts';
import type { Address } from '../input.ts';
import { addressOption, timeoutOption } from '../options.ts';
import { put, say, withNote } from '../render/output.ts';
import { connectionLines } from '../render/report.ts';
import { clockTime } from '../render/showing.ts';

interface Flags extends ActorFlags {
  readonly relay: Address;
  readonly timeout: number;
}

export const asyncStatus: CommandSpec = {
  summary: 'who has how much mail waiting, and since when',
  build(command: Command): void {
    command
      .addOption(addressOption('--relay <place>', 'where the relay listens', 4100))
      .addOption(timeoutOption('give up after this time'));
    actorOptions(command).action(async (flags: Flags) => {
      process.exitCode = await run(flags);
    });
  },
};

async function run(flags: Flags): Promise<number> {
  const actor = await startActor('status', flags, () => {}, false);
  const answer = await requestStatus(actor, flags);
  const where = formatAddress(flags.relay.host, flags.relay.port);
  if ('end' in answer) {
    if (!actor.json) {
      say(withNote('No status: no relay answered.', 'exit 1', 80));
      const to = { route: 'async', peer: 'the relay', place: where } as const;
      for (const line of connectionLines(answer, to)) say(line);
    }
  } else if (!actor.json) await put(table(answer.mailboxes, where) + usageText(answer.usage));
  actor.close();
  return 'end' in answer ? 1 : 0;
}

/** A connection that ended before the answer was complete. */
interface Failure extends Attempt {
  readonly end: AttemptEnd;
}

interface Status {
  readonly mailboxes: readonly Message<'MAILBOX'>[];
  readonly usage: Message<'END'>;
}

// Asks page after page, until one comes back empty.
function requestStatus(actor: Actor, { relay, timeout }: Flags): Promise<Status | Failure> {
  return new Promise((resolve) => {
    const mailboxes: Message<'MAILBOX'>[] = [];
    let page = 0;
    let usage: Message<'END'> | undefined;
    const timer = actor.context.clock.after(timeout, () => client.drop({ how: 'deadline' }));
    const client = new ClientConnection(
      {
        ...relay,
        as: 'status',
        session: randomUUID(),
        tryNumber: 1,
        expect: 'relay',
        connectMs: timeout,
        context: actor.context,
      },
      {
        ready: () => client.send({ verb: 'STATUS' }),
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
          const { phase, seen } = client;
          resolve(usage === undefined ? { phase, end, seen } : { mailboxes, usage });
        },
      },
    );
  });
}

function table(mailboxes: readonly Message<'MAILBOX'>[], where: string): string {
  if (mailboxes.length === 0) return `Nobody has mail at the relay on ${where}.\n`;
  const rows = mailboxes.map(({ name, held, bytes, oldest, connected }) => [
    name,
    String(held),
    String(bytes),
    clockTime(oldest),
    connected,
  ]);
  const head = ['NAME', 'WAITING', 'BYTES', 'SINCE', 'CONNECTED'];
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
    .concat('\n');
}

// What is used of the relay's limits. An older relay does not say.
function usageText({ messages, names, ids, sessions, disk }: Message<'END'>): string {
  const said = Object.entries({ messages, names, ids, sessions, disk }).flatMap(([what, usage]) =>
    usage === undefined ? [] : [`${what} ${usage.split('/').map(Number).map(short).join(' of ')}`],
  );
  return said.length === 0 ? '' : [...hanging('used: ', said.join(', '), 80), ''].join('\n');
}

const UNITS = ['', 'k', 'M', 'G', 'T', 'P'];

// 20,000,000 as 20M: five figures fit into a line.
function short(count: number): string {
  const unit = Math.max(
    0,
    UNITS.findLastIndex((_, index) => count >= 1000 ** index),
  );
  const figure = count / 1000 ** unit;
  return `${figure < 10 && unit > 0 ? figure.toFixed(1).replace('.0', '') : Math.floor(figure)}${UNITS[unit]}`;
}
