// `detour async status`: who has how much mail waiting at the relay, since when, and who collects; with --watch, as it changes.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { DetourError } from '../../core/error.ts';
import type { Emit } from '../../core/event.ts';
import { hanging } from '../../core/wrap.ts';
import { type MailboxStatus, type RelayStatus, status } from '../../library/status.ts';
import { type Address, formatAddress } from '../../net/address.ts';
import { type Actor, type ActorFlags, actorOptions, startActor } from '../actor.ts';
import type { CommandSpec } from '../command.ts';
import { addressOption, timeoutOption } from '../options.ts';
import { columns, obeysEscapes, put, say, withNote } from '../render/output.ts';
import { connectionLines } from '../render/report.ts';
import { returnMailboxNote } from '../render/return-mailbox.ts';
import { clockTime } from '../render/showing.ts';
import { tableLines } from '../render/table.ts';

interface Flags extends ActorFlags {
  readonly relay: Address;
  readonly timeout: number;
  readonly watch?: true;
}

/** The pause between two questions of --watch, in milliseconds. */
const EVERY_MS = 1000;

/** The command `detour async status`. */
export const asyncStatus: CommandSpec = {
  summary: 'who has how much mail waiting, since when, and who collects',
  build(command: Command): void {
    command
      .addOption(addressOption('--relay <address>', 'where the relay listens', 4100))
      .addOption(timeoutOption('give up after this time'))
      .option('--watch', 'ask every second and show what changes, until Ctrl-C');
    actorOptions(command).action(async (flags: Flags) => {
      process.exitCode = await run(flags);
    });
  },
};

async function run(flags: Flags): Promise<number> {
  const actor = await startActor('status', flags, () => {}, false);
  const code = flags.watch ? await watch(actor, flags) : await askOnce(actor, flags);
  actor.close();
  return code;
}

const whereOf = ({ relay }: Flags): string => formatAddress(relay.host, relay.port);

async function askOnce({ context, json }: Actor, flags: Flags): Promise<number> {
  const answer = await answerTo(flags, { context });
  const failed = answer instanceof DetourError;
  if (!json) {
    if (failed) {
      say(withNote('No status: no relay answered.', 'exit 1', 80));
      for (const line of connectionLines(answer)) say(line);
    } else await put(statusText(answer, whereOf(flags)));
  }
  return failed ? 1 : 0;
}

// The events of the question itself are not reported with --watch: they would bury the changes.
async function watch(actor: Actor, flags: Flags): Promise<number> {
  const leave = new AbortController();
  const { signal } = leave;
  actor.onInterrupt(() => leave.abort());
  const changes = new StatusChanges(actor.context.emit);
  const view = new StatusView(whereOf(flags));
  for (;;) {
    const answer = await answerTo(flags, { signal });
    if (signal.aborted) return 0;
    changes.saw(answer);
    if (!actor.json) await view.show(answer);
    await sleep(EVERY_MS, undefined, { signal }).catch(() => {});
    if (signal.aborted) return 0;
  }
}

async function answerTo(
  { relay, timeout: timeoutMs }: Flags,
  options: Parameters<typeof status>[1],
): Promise<RelayStatus | DetourError> {
  return status(relay, { ...options, timeoutMs }).catch((error: unknown) => {
    if (error instanceof DetourError) return error;
    throw error;
  });
}

/** Reports each mailbox that has changed since the last look, and once each time that the relay does not answer. */
export class StatusChanges {
  readonly #emit: Emit;
  #before = new Map<string, MailboxStatus>();
  #trouble: string | undefined;

  /** @param emit takes the events `status` and, if there is no answer, `notice` */
  constructor(emit: Emit) {
    this.#emit = emit;
  }

  /** Takes the next answer, or why none came. */
  saw(answer: RelayStatus | DetourError): void {
    const trouble = answer instanceof DetourError ? answer.message : undefined;
    if (trouble !== undefined && trouble !== this.#trouble)
      this.#emit({ event: 'notice', text: `no relay answered: ${trouble}` });
    this.#trouble = trouble;
    if (answer instanceof DetourError) return;
    const now = new Map(answer.mailboxes.map((mailbox) => [mailbox.name, mailbox]));
    for (const mailbox of now.values()) {
      const before = this.#before.get(mailbox.name);
      if (JSON.stringify(before) !== JSON.stringify(mailbox)) this.#tell(mailbox);
    }
    for (const name of this.#before.keys())
      if (!now.has(name)) this.#tell({ name, held: 0, bytes: 0, oldestAt: undefined, connected: false });
    this.#before = now;
  }

  #tell({ name, held, bytes, oldestAt, connected }: MailboxStatus): void {
    const oldest = oldestAt === undefined ? {} : { oldest: oldestAt };
    this.#emit({ event: 'status', name, held, bytes, ...oldest, connected: connected ? 'yes' : 'no' });
  }
}

// Shows the newest answer: on a terminal in place of the one before, elsewhere as a new block if it says something new.
class StatusView {
  readonly #where: string;
  #drawn = 0;
  #before = '';

  constructor(where: string) {
    this.#where = where;
  }

  async show(answer: RelayStatus | DetourError): Promise<void> {
    const text =
      answer instanceof DetourError
        ? [...hanging('', `No relay answered: ${answer.message}.`, columns(process.stdout, 80), 2), ''].join(
            '\n',
          )
        : statusText(answer, this.#where);
    const inPlace = obeysEscapes(process.stdout);
    if (!inPlace && text === this.#before) return;
    this.#before = text;
    const head = `The relay on ${this.#where} at ${clockTime(Date.now())}${inPlace ? '; Ctrl-C ends' : ''}`;
    if (!inPlace) {
      await put(`${head}\n${text}\n`);
      return;
    }
    const lines = fitting(`${head}\n${text}`.trimEnd().split('\n'));
    const back = this.#drawn === 0 ? '' : `\x1b[${this.#drawn}A`;
    this.#drawn = lines.length;
    await put(`\r${back}\x1b[J${lines.join('\n')}\n`);
  }
}

// What was drawn can be replaced only if every line of it is on the screen, on a row of its own.
function fitting(lines: readonly string[]): string[] {
  const most = Math.max(3, process.stdout.rows - 1);
  const cut = lines.map((line) => line.slice(0, columns(process.stdout) - 1));
  return cut.length <= most ? cut : [...cut.slice(0, most - 1), `… and ${cut.length - most + 1} more lines`];
}

const statusText = ({ mailboxes, usage }: RelayStatus, where: string): string =>
  table(mailboxes, where) + usageText(usage);

function table(mailboxes: RelayStatus['mailboxes'], where: string): string {
  if (mailboxes.length === 0) return `Nobody has mail at the relay on ${where}, and nobody collects.\n`;
  const rows = mailboxes.map(({ name, held, bytes, oldestAt, connected }) => [
    name,
    String(held),
    String(bytes),
    oldestAt === undefined ? '-' : clockTime(oldestAt),
    connected ? 'yes' : 'no',
  ]);
  const head = ['NAME', 'WAITING', 'BYTES', 'SINCE', 'CONNECTED'];
  const lines = tableLines(head, rows);
  const note = returnMailboxNote(mailboxes.map(({ name }) => name));
  return [...lines, ...note.flatMap((line) => hanging('', line, 80, 2)), ''].join('\n');
}

// How much of the relay's limits is used; empty for an older relay, which does not say.
function usageText(usage: RelayStatus['usage']): string {
  const said = Object.entries(usage).flatMap(([what, amount]) =>
    amount === undefined ? [] : [`${what} ${short(amount.used)} of ${short(amount.limit)}`],
  );
  return said.length === 0
    ? ''
    : [...hanging('used: ', said.join(', '), columns(process.stdout, 80)), ''].join('\n');
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
