// `detour check`: does a program of your own keep the protocol, also when it is killed? lab/check/ tries it; this file is about what is typed
// and shown.

import { Argument, type Command, Option } from 'commander';
import { DetourError } from '../../core/error.ts';
import { INTERRUPTED } from '../../core/verdicts.ts';
import { detailLines, listLines, stageLine, sumLine, titleLine } from '../../lab/check/report.ts';
import { exitCodeOf, ROLES, type Role, runCheck, type StageResult } from '../../lab/check/run.ts';
import type { CommandSpec } from '../command.ts';
import { count, deadline } from '../input.ts';
import { columns, paint, put, statusLine } from '../render/output.ts';

interface Flags {
  readonly stage?: string;
  readonly all?: true;
  readonly list?: true;
  readonly seed?: number;
  readonly trace?: true;
  readonly deadline: number;
}

const LARGEST_SEED = 999_999;

const MORE = `
The command gets its address, folder and name in the environment (DETOUR_HOST, DETOUR_PORT, DETOUR_AS, DETOUR_TO, DETOUR_RELAY,
DETOUR_JOURNAL, DETOUR_TIMEOUT) and in place of {host} {port} {as} {to} {relay} {journal} {timeout}.
A receiver and a collector print each message on stdout. A sender reads one message a line, prints a verdict for each (DELIVERED,
NOT DELIVERED or UNKNOWN), and exits with the worst: 0, 10 or 20.

Exit code: 0 all passed, 1 a stage failed, 2 wrong usage, 3 could not tell.

  detour check receiver -- python3 bob.py
  detour check receiver --all --seed 7 -- node bob.js --port {port}
  detour check receiver --stage JOINED --trace -- python3 bob.py
`;

/** The command `detour check`. */
export const check: CommandSpec = {
  summary: 'does your own program keep the protocol, also when it is killed?',
  build(command: Command): void {
    command
      .addArgument(new Argument('<role>', 'what your program is').choices(Object.keys(ROLES)))
      .argument('[command...]', 'your program and its arguments, after --')
      .option('--stage <name>', 'only this stage, by its name or number')
      .option('--all', 'go on after a stage that failed')
      .option('--list', 'only list the stages')
      .addOption(new Option('--seed <n>', 'the random seed, to repeat a run').argParser(count))
      .option('--trace', 'with a stage that failed, show what was said, with times')
      .addOption(
        new Option('--deadline <time>', 'how long your program may take for one answer')
          .argParser(deadline)
          .default(2000, '2s'),
      )
      .addHelpText('after', MORE)
      .action(async (role: Role, words: string[], flags: Flags) => {
        process.exitCode = await run(role, words, flags);
      });
  },
};

async function run(role: Role, command: readonly string[], flags: Flags): Promise<number> {
  const width = columns(process.stdout);
  if (flags.list) {
    await put(`${listLines(role, width).join('\n')}\n`);
    return 0;
  }
  if (command.length === 0)
    throw new DetourError('usage', 'Which program?', `detour check ${role} -- python3 my_${role}.py`);
  const only = flags.stage === undefined ? undefined : numberOf(role, flags.stage);
  const seed = flags.seed ?? 1 + Math.floor(Math.random() * LARGEST_SEED);
  const restore = exitOnSignals();
  await put(`${titleLine({ role, only })}\n`);
  let written = Promise.resolve();
  const result = await runCheck({
    role,
    command,
    only,
    seed,
    all: flags.all === true,
    deadlineMs: flags.deadline,
    began: (stage, n) => statusLine(`${String(n).padStart(3)} ${stage.name} …`),
    ended: (stage) => {
      statusLine('');
      written = put(
        `${stageText(stage, again(role, stage, seed, command, flags), width, flags.trace === true)}\n`,
      );
    },
  }).finally(restore);
  await written;
  const exit = exitCodeOf(result.stages);
  await put(`${sumLine(result, exit)}\n`);
  return exit;
}

function stageText(result: StageResult, repeat: string, width: number, trace: boolean): string {
  const line = stageLine(result, width);
  const colour = {
    ok: 'green',
    failed: 'red',
    undecided: 'magenta',
    unchecked: 'gray',
    skipped: 'gray',
  } as const;
  return [
    paint(colour[result.status], line, process.stdout),
    ...detailLines(result, repeat, width, trace),
  ].join('\n');
}

/** The command that repeats one stage. */
function again(
  role: Role,
  { stage }: StageResult,
  seed: number,
  command: readonly string[],
  flags: Flags,
): string {
  const quoted = command.map((word) =>
    /^[\w./:=@{},+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`,
  );
  const slow = flags.deadline === 2000 ? '' : ` --deadline ${flags.deadline}ms`;
  return `detour check ${role} --stage ${stage.name} --seed ${seed}${slow} -- ${quoted.join(' ')}`;
}

function numberOf(role: Role, text: string): number {
  const { stages } = ROLES[role];
  const index = stages.findIndex(({ name }, at) => name === text.toUpperCase() || String(at + 1) === text);
  if (index >= 0) return index + 1;
  throw new DetourError('usage', `A ${role} has no stage "${text}".`, `detour check ${role} --list`);
}

// A signal must run the `exit` handlers, which end the processes of the check.
function exitOnSignals(): () => void {
  const codes = { SIGINT: INTERRUPTED, SIGTERM: 143, SIGHUP: 129 } as const;
  const handlers = (Object.keys(codes) as (keyof typeof codes)[]).map((signal) => {
    const handler = (): void => process.exit(codes[signal]);
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  return () => {
    for (const off of handlers) off();
  };
}
