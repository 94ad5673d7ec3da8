// `detour doctor`: the night before a class. It looks at this computer, and at the way to another, and says what it saw and what to do. It
// sends no message.

import { resolve } from 'node:path';
import type { Command } from 'commander';
import { asTyped } from '../../core/command-name.ts';
import { INTERRUPTED } from '../../core/verdicts.ts';
import { visible } from '../../core/visible.ts';
import { RECEIVER_PORT, RELAY_PORT } from '../../library/arguments.ts';
import { type Address, formatAddress } from '../../net/address.ts';
import type { NetContext } from '../../net/context.ts';
import { type ActorFlags, actorOptions, startActor } from '../actor.ts';
import type { CommandSpec } from '../command.ts';
import type { Check, Report } from '../doctor/check.ts';
import {
  checkAddresses,
  checkFirewall,
  checkNode,
  checkPort,
  checkTerminal,
  watchClock,
} from '../doctor/computer.ts';
import { checkDisk } from '../doctor/disk.ts';
import { checkWay } from '../doctor/way.ts';
import { address, path, writeDuration } from '../input.ts';
import { timeoutOption } from '../options.ts';
import { columns, isPlainOutput, paint, put, withNote, wrappedFor } from '../render/output.ts';
import { defaultJournal } from '../state-dir.ts';
import { oldestNode } from '../version.ts';

interface Flags extends ActorFlags {
  readonly relay?: Address;
  readonly to?: Address;
  readonly journal?: string;
  readonly timeout: number;
}

/** The port of `detour link`. */
const LINK_PORT = 4102;

const HELP = `
One line for each thing that it looked at: ok, !! (this will fail), or --
(a warning, or it cannot be seen).
Exit code 1 if there is a !!, otherwise 0.

Examples:
  $ detour doctor                            is this computer ready?
  $ detour doctor --relay 192.168.1.20       and can it reach the relay there?
  $ detour doctor --to 192.168.1.20:4101     and the receiver there?

How a port looks from another computer:
  open     it connects at once: a program listens, and no firewall is in the way
  reject   an error, mostly at once (ECONNREFUSED, EHOSTUNREACH): nobody listens
           there, or a firewall says so
  drop     silence until --timeout: a firewall swallows the packets, or nobody
           has that address
`;

/** The command `detour doctor`. */
export const doctor: CommandSpec = {
  summary: 'check this computer, and the way to another',
  build(command: Command): void {
    command
      .option('--relay <address>', 'look at the way to this relay, too', address(RELAY_PORT))
      .option('--to <address>', 'look at the way to this receiver, too', address(RECEIVER_PORT))
      .option('--journal <dir>', "the folder for a relay's messages (default: that of the relay)", path)
      .addOption(timeoutOption('give each way up after this time'))
      .addHelpText('after', asTyped(HELP));
    actorOptions(command).action(async (flags: Flags) => {
      process.exitCode = await run(flags);
    });
  },
};

async function run(flags: Flags): Promise<number> {
  const actor = await startActor('doctor', flags, () => {}, false);
  const { context, json } = actor;
  actor.onInterrupt(() => process.exit(INTERRUPTED));
  const failed: string[] = [];
  const report: Report = async (check) => {
    if (check.state === 'fails') failed.push(check.what);
    context.emit({ event: 'checked', ...check });
    if (!json) await put(text(check));
  };
  const title = (line: string): Promise<void> =>
    json ? Promise.resolve() : put(wrappedFor(process.stdout, '', line, 2));
  await title('this computer');
  await checkComputer(flags, context, report);
  for (const [role, to] of [
    ['relay', flags.relay],
    ['receiver', flags.to],
  ] as const) {
    if (to === undefined) continue;
    await title(
      `the way to the ${role} at ${formatAddress(to.host, to.port)}, for at most ${writeDuration(flags.timeout)}`,
    );
    await checkWay({ role, to, timeoutMs: flags.timeout }, context, report);
  }
  const exit = failed.length === 0 ? 0 : 1;
  const end = exit === 0 ? 'Nothing that was looked at will fail.' : `This will fail: ${failed.join(', ')}.`;
  if (!json) await put(`${withNote(end, `exit ${exit}`, columns(process.stdout, 80))}\n`);
  actor.close();
  return exit;
}

async function checkComputer(flags: Flags, context: NetContext, report: Report): Promise<void> {
  const clock = watchClock(context.clock);
  await report(checkNode(process.versions.node, oldestNode()));
  const dir = flags.journal === undefined ? defaultJournal(RELAY_PORT) : resolve(flags.journal);
  for (const check of await checkDisk(dir)) await report(check);
  await report(await checkPort(RELAY_PORT, 'a relay', context));
  await report(await checkPort(RECEIVER_PORT, 'a receiver', context));
  await report(await checkPort(LINK_PORT, 'a link', context));
  for (const check of checkTerminal(process.stdout, process.env, process.platform, isPlainOutput()))
    await report(check);
  await report(checkAddresses());
  await report(checkFirewall(process.platform));
  await report(clock());
}

const MARKS = { ok: ['green', 'ok'], warning: ['magenta', '--'], fails: ['red', '!!'] } as const;

/** The width of the column of what was looked at. */
const WHAT = 11;

function text({ what, state, found, advice = '' }: Check): string {
  const [style, mark] = MARKS[state];
  const line = wrappedFor(
    process.stdout,
    `  ${mark}  ${what.padEnd(WHAT)}`,
    visible(`${found}${advice === '' ? '' : `${/[.?!]$/.test(found) ? '' : '.'} ${advice}`}`),
    WHAT + 6,
  );
  return line.replace(mark, paint(style, mark, process.stdout));
}
