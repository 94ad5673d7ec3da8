// `detour async status`: who has how much mail waiting at the relay, and since when.

import type { Command } from 'commander';
import { DetourError } from '../../core/error.ts';
import { hanging } from '../../core/wrap.ts';
import { type RelayStatus, status } from '../../library/status.ts';
import { type Address, formatAddress } from '../../net/address.ts';
import { type ActorFlags, actorOptions, startActor } from '../actor.ts';
import type { CommandSpec } from '../command.ts';
import { addressOption, timeoutOption } from '../options.ts';
import { put, say, withNote } from '../render/output.ts';
import { connectionLines } from '../render/report.ts';
import { clockTime } from '../render/showing.ts';

interface Flags extends ActorFlags {
  readonly relay: Address;
  readonly timeout: number;
}

/** The command `detour async status`. */
export const asyncStatus: CommandSpec = {
  summary: 'who has how much mail waiting, and since when',
  build(command: Command): void {
    command
      .addOption(addressOption('--relay <address>', 'where the relay listens', 4100))
      .addOption(timeoutOption('give up after this time'));
    actorOptions(command).action(async (flags: Flags) => {
      process.exitCode = await run(flags);
    });
  },
};

async function run(flags: Flags): Promise<number> {
  const actor = await startActor('status', flags, () => {}, false);
  const where = formatAddress(flags.relay.host, flags.relay.port);
  const { timeout: timeoutMs } = flags;
  const answer = await status(flags.relay, { timeoutMs, context: actor.context }).catch((error: unknown) => {
    if (error instanceof DetourError) return error;
    throw error;
  });
  const failed = answer instanceof DetourError;
  if (!actor.json) {
    if (failed) {
      say(withNote('No status: no relay answered.', 'exit 1', 80));
      for (const line of connectionLines(answer)) say(line);
    } else await put(table(answer.mailboxes, where) + usageText(answer.usage));
  }
  actor.close();
  return failed ? 1 : 0;
}

function table(mailboxes: RelayStatus['mailboxes'], where: string): string {
  if (mailboxes.length === 0) return `Nobody has mail at the relay on ${where}.\n`;
  const rows = mailboxes.map(({ name, held, bytes, oldestAt, connected }) => [
    name,
    String(held),
    String(bytes),
    oldestAt === undefined ? "-" : clockTime(oldestAt),
    connected ? 'yes' : 'no',
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

// How much of the relay's limits is used; empty for an older relay, which does not say.
function usageText(usage: RelayStatus['usage']): string {
  const said = Object.entries(usage).flatMap(([what, amount]) =>
    amount === undefined ? [] : [`${what} ${short(amount.used)} of ${short(amount.limit)}`],
  );
  return said.length === 0 ? '' : [...hanging('used: ', said.join(', '), 80), ''].join('\n');
}

const UNITS = ['', 'k', 'M', 'G', 'T', 'P'];

// 20,000,000 becomes 20M, so that all five pairs fit on one line.
function short(count: number): string {
  const unit = Math.max(
    0,
    UNITS.findLastIndex((_, index) => count >= 1000 ** index),
  );
  const figure = count / 1000 ** unit;
  return `${figure < 10 && unit > 0 ? figure.toFixed(1).replace('.0', '') : Math.floor(figure)}${UNITS[unit]}`;
}
