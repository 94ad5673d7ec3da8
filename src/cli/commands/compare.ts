// `detour compare`: quick or patient? Sends the same messages to a receiver who comes and goes, by three strategies, and compares what
// happened with what theory predicts. lab/compare/ measures; this file is about what is typed and shown.

import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { asTyped } from '../../core/command-name.ts';
import { DetourError, errnoOf } from '../../core/error.ts';
import { PLAIN } from '../../core/plain.ts';
import { INTERRUPTED } from '../../core/verdicts.ts';
import { visible } from '../../core/visible.ts';
import { derivationLines } from '../../lab/compare/derivation.ts';
import { plotLines } from '../../lab/compare/plot.ts';
import { durations, type Report, runCompare } from '../../lab/compare/run.ts';
import { drawSvg } from '../../lab/compare/svg.ts';
import { noteLines, resultLines, theoryLines } from '../../lab/compare/table.ts';
import type { CommandSpec } from '../command.ts';
import { count, duration, path } from '../input.ts';
import { columns, Progress, paint, put, say } from '../render/output.ts';

interface Flags {
  readonly messages: number;
  readonly cycle: number;
  readonly retry?: number;
  readonly seed?: number;
  readonly killSender?: true;
  readonly svg?: string;
  readonly why?: true;
  readonly json?: true;
}

/** The most messages per row of the table: all events of a run are kept in memory. */
const MOST_MESSAGES = 1000;
/** The fewest messages per row of the table. */
const FEWEST_MESSAGES = 5;
/** Messages per row by default: with 100 a count is also a percentage. */
const DEFAULT_MESSAGES = 100;
/** Limits of --cycle. A process must start much faster than bob's absence lasts, and bob should come and go many times. */
const CYCLE_MS = { shortest: 500, longest: 60_000 };
/** The longest run: nobody waits hours for a lesson. */
const MOST_MINUTES = 30;
const LARGEST_SEED = 999_999_999;
/** Without --retry, "sync again" tries this many times in a mean absence. */
const ROUNDS = 4;
const SHORTEST_RETRY_MS = 20;

/** The command `detour compare`. */
export const compare: CommandSpec = {
  summary: 'quick or patient: measure both routes to a receiver who comes and goes',
  build(command: Command): void {
    command
      .addOption(
        new Option('--messages <n>', 'messages per row of the table; more take longer')
          .argParser(messageCount)
          .default(DEFAULT_MESSAGES),
      )
      .addOption(
        new Option(
          '--cycle <time>',
          'how long bob takes to come and go once; at 50 % he is away for half of it on average',
        )
          .argParser(cycle)
          .default(2000, '2s'),
      )
      .option(
        '--retry <time>',
        'how long "sync again" waits between two attempts (default: an eighth of --cycle)',
        retry,
      )
      .addOption(new Option('--seed <n>', 'the random seed, to repeat a run').argParser(count))
      .option('--kill-sender', 'also kill the senders halfway: what is lost?')
      .option('--svg <file>', 'also draw the result into a file', path)
      .addOption(
        new Option('--why', 'only say what theory predicts, and how that is derived').conflicts([
          'messages',
          'seed',
          'svg',
          'json',
          'killSender',
        ]),
      )
      .option('--json', 'print one JSON line per row of the table, and one at the end')
      .action(async (flags: Flags) => {
        process.exitCode = await run(flags);
      });
  },
};

function messageCount(text: string): number {
  const value = count(text);
  if (value >= FEWEST_MESSAGES && value <= MOST_MESSAGES) return value;
  throw new InvalidArgumentError(`give ${FEWEST_MESSAGES} to ${MOST_MESSAGES} messages.`);
}

function cycle(text: string): number {
  const ms = duration(text);
  if (ms >= CYCLE_MS.shortest && ms <= CYCLE_MS.longest) return ms;
  throw new InvalidArgumentError('give 500ms to 1m: bob is a real process, and needs time to start.');
}

function retry(text: string): number {
  const ms = duration(text);
  if (ms >= SHORTEST_RETRY_MS && ms <= CYCLE_MS.longest) return ms;
  throw new InvalidArgumentError('give 20ms to 1m.');
}

async function run(flags: Flags): Promise<number> {
  const absence = flags.cycle / 2;
  const setting = { absence, retry: flags.retry ?? absence / ROUNDS };
  if (flags.why) {
    await put(`${derivationLines(setting).join('\n')}\n`);
    return 0;
  }
  const { calm, rest } = durations({ ...setting, messages: flags.messages });
  const minutes = Math.ceil((calm + rest) / 60_000);
  if (minutes > MOST_MINUTES)
    throw new DetourError(
      'usage',
      `That would take ${minutes} minutes; the limit is ${MOST_MINUTES}.`,
      'Give fewer --messages, or a shorter --cycle.',
    );
  // If the picture cannot be written, say so before the run, which takes a minute, and not after it.
  if (flags.svg !== undefined) trySvg(flags.svg);
  const seed = flags.seed ?? 1 + Math.floor(Math.random() * LARGEST_SEED);
  const command = commandOf(flags, seed);
  if (!flags.json) say(`  ${asTyped(command)}`);
  let progress: Progress | undefined;
  const report = await runCompare({
    ...setting,
    seed,
    messages: flags.messages,
    killSender: flags.killSender === true,
    progress: (done, total) => {
      if (flags.json) return;
      progress ??= new Progress(Math.round(total));
      progress.show(Math.floor(done), 's  bob comes and goes; Ctrl-C shows the results so far');
    },
  }).finally(() => progress?.end());
  // The table first: it must not be lost if the picture cannot be written after all.
  await put(flags.json ? jsonOf(report) : talkOf(report, flags));
  if (flags.svg !== undefined && report.rows.length > 0) {
    writeSvg(flags.svg, drawSvg(report, command));
    if (!flags.json) await put(` Written to ${flags.svg}\n`);
  }
  if (report.interrupted) return INTERRUPTED;
  return report.faults.length === 0 && report.leftOver.length === 0 ? 0 : 1;
}

/** The command that repeats this run, with the same comings and goings of bob. */
function commandOf({ messages, cycle: time, retry: every, killSender }: Flags, seed: number): string {
  return [
    'detour compare',
    `--seed ${seed}`,
    ...(messages === DEFAULT_MESSAGES ? [] : [`--messages ${messages}`]),
    ...(time === 2000 ? [] : [`--cycle ${typed(time)}`]),
    ...(every === undefined ? [] : [`--retry ${typed(every)}`]),
    ...(killSender ? ['--kill-sender'] : []),
  ].join(' ');
}

const typed = (ms: number): string => (ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`);

// Opens the file to see whether it can be written, without changing what it holds.
function trySvg(file: string): void {
  const isThere = existsSync(file);
  writeSvg(file, '');
  if (!isThere) rmSync(file);
}

function writeSvg(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: text === '' ? 'a' : 'w' });
  } catch (error) {
    const code = errnoOf(error) || 'failed';
    throw new DetourError(code, `The picture ${file} cannot be written (${code}).`, 'give another --svg', {
      cause: error,
    });
  }
}

function talkOf(report: Report, { svg }: Flags): string {
  const { rows, faults, interrupted, leftOver } = report;
  if (rows.length === 0)
    return `Stopped before anything was measured.${svg === undefined ? '' : ` ${svg} was not written.`}\n`;
  const red = (text: string): string => paint('red', text, process.stdout);
  const width = columns(process.stdout);
  const lines = [
    ...(interrupted ? [' Stopped before its end. The results so far:', ''] : []),
    ...resultLines(report, width),
    ...noteLines(report, width),
    '',
    ...theoryLines(report, width),
    '',
    ...plotLines(report, width).concat(width === PLAIN ? [] : ['']),
    ...(faults.length === 0
      ? [` ${verdictsHold(report)}`]
      : [
          red(' FALSE VERDICTS OR BROKEN SENDERS. This must never happen:'),
          ...faults.map((text) => red(`   ${visible(text)}`)),
        ]),
    ...(leftOver.length === 0 ? [] : [red(` Processes left over: pid ${leftOver.join(', ')}`)]),
  ];
  return `${lines.join('\n')}\n`;
}

function verdictsHold({ rows }: Report): string {
  const verdicts = rows.reduce((sum, row) => sum + row.verdicts, 0);
  return `${verdicts} verdicts compared with the logs of bob and the relay: all hold.`;
}

// JSON has no Infinity: it becomes null.
function jsonOf({ rows, checks, ...rest }: Report): string {
  const cells = rows.map(({ each: _, ...row }) => {
    const check = checks.filter(
      ({ availability, strategy }) => availability === row.availability && strategy === row.strategy,
    );
    return {
      event: 'cell',
      ...row,
      checks: check.map(({ what, measured, low, high, theory, off }) => ({
        what,
        measured,
        low,
        high,
        theory,
        off,
      })),
    };
  });
  return [...cells, { event: 'compare', ok: rest.faults.length === 0 && rest.leftOver.length === 0, ...rest }]
    .map((one) => `${JSON.stringify(one)}\n`)
    .join('');
}
