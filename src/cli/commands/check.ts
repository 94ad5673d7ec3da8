// `detour check`: does a program of your own keep the protocol, also when it is killed? lab/check/ tries it; this file is about what is typed
// and shown.

import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { asTyped } from '../../core/command-name.ts';
import { DetourError, errnoOf } from '../../core/error.ts';
import type { Recorded } from '../../core/event.ts';
import { INTERRUPTED } from '../../core/verdicts.ts';
import { visible } from '../../core/visible.ts';
import { detailLines, listLines, stageLine, sumLine, titleLine } from '../../lab/check/report.ts';
import { csvHead, csvRow, gradescope, junit, stageJson, sumJson } from '../../lab/check/results.ts';
import {
  type CheckOptions,
  exitCodeOf,
  ROLES,
  type Role,
  runCheck,
  type StageResult,
  untried,
} from '../../lab/check/run.ts';
import { startText } from '../../lab/check/start.ts';
import type { User } from '../../lab/stage/process.ts';
import { drawDiagram } from '../../trace/diagram.ts';
import { merge } from '../../trace/merge.ts';
import { plainDiagram } from '../../trace/plain.ts';
import type { CommandSpec } from '../command.ts';
import { count, deadline, path } from '../input.ts';
import {
  columns,
  isPlainOutput,
  own,
  Progress,
  paint,
  put,
  statusLine,
  wrappedFor,
} from '../render/output.ts';

interface Flags {
  readonly json?: true;
  readonly junit?: string;
  readonly gradescope?: string;
  readonly csv?: string;
  readonly each?: readonly string[];
  readonly start?: string;
  readonly stage?: string;
  readonly all?: true;
  readonly list?: true;
  readonly seed?: number;
  readonly trace?: true;
  readonly deadline: number;
  readonly user?: string;
}

const LARGEST_SEED = 999_999;
/** Rows of a diagram that are shown with `--trace`, from its start and from its end, and its greatest width. */
const FIRST_ROWS = 20;
const LAST_ROWS = 40;
const MOST_COLUMNS = 110;

const MORE = `
The command gets its address, folder and name in the environment (DETOUR_HOST,
DETOUR_PORT, DETOUR_AS, DETOUR_TO, DETOUR_RELAY, DETOUR_JOURNAL, DETOUR_TIMEOUT)
and in place of {host} {port} {as} {to} {relay} {journal} {timeout}.
A receiver and a collector print each message on stdout. A sender reads one
message a line, prints a verdict for each (DELIVERED, NOT DELIVERED or UNKNOWN),
and exits with the worst: 0, 10 or 20. A depositor does the same with a relay:
its DETOUR_TO is a name, and its good verdict is STORED.

Exit code: 0 all passed, 1 a stage failed, 2 wrong usage, 3 could not tell.

  detour check receiver -- python3 bob.py
  detour check receiver --all --seed 7 -- node bob.js --port {port}
  detour check receiver --stage JOINED --trace -- python3 bob.py
  detour check relay --all --csv points.csv --each submissions/*/run.sh
`;

/** The command `detour check`. */
export const check: CommandSpec = {
  summary: 'does your own program keep the protocol, also when it is killed?',
  build(command: Command): void {
    command
      .usage('[options] <role> -- <command...>')
      .argument(
        '<role...>',
        `what your program is (${Object.keys(ROLES).join(', ')}), then -- and the command that starts it`,
      )
      .option('--stage <name>', 'only this stage, by its name or number')
      .option('--all', 'go on after a stage that failed')
      .option('--list', 'only list the stages')
      .addOption(new Option('--seed <n>', 'the random seed, to repeat a run').argParser(count))
      .option('--trace', 'with a stage that failed, draw what was said, as detour trace does')
      .addOption(
        new Option('--deadline <time>', 'how long your program may take for one answer')
          .argParser(deadline)
          .default(2000, '2s'),
      )
      .option('--start <file>', 'write a program in Python to begin with, and check nothing', path)
      .addOption(
        new Option('--each <files...>', 'check each of these programs, in its own folder').conflicts([
          'json',
          'junit',
          'gradescope',
          'trace',
        ]),
      )
      .option('--user <name>', 'start your program as this user; for root, in an autograder')
      .option('--json', 'print one JSON line per stage, and one at the end')
      .option('--junit <file>', 'also write the result as JUnit XML', path)
      .option('--gradescope <file>', "also write the result as Gradescope's results.json", path)
      .option('--csv <file>', 'also write a table, one line per program', path)
      .addHelpText('after', asTyped(MORE))
      .action(async ([role = '', ...words]: string[], flags: Flags) => {
        if (!isRole(role))
          throw new DetourError('usage', `"${role}" is not a role: give ${Object.keys(ROLES).join(', ')}.`);
        process.exitCode = await run(role, words, flags);
      });
  },
};

const isRole = (word: string): word is Role => Object.hasOwn(ROLES, word);

async function run(role: Role, command: readonly string[], flags: Flags): Promise<number> {
  const width = columns(process.stdout);
  if (flags.list) {
    await put(`${listLines(role, width).join('\n')}\n`);
    return 0;
  }
  if (flags.start !== undefined) return start(role, flags.start);
  if (command.length === 0 && flags.each === undefined)
    throw new DetourError('usage', 'Which program?', asTyped`detour check ${role} -- python3 my_${role}.py`);
  if (command.length > 0 && flags.each !== undefined)
    throw new DetourError('usage', 'Give one command after --, or many files after --each, and not both.');
  // If a file cannot be written, say so before the check, and not after it.
  for (const file of [flags.junit, flags.gradescope, flags.csv]) if (file !== undefined) write(file, '');
  const only = flags.stage === undefined ? undefined : numberOf(role, flags.stage);
  const seed = flags.seed ?? 1 + Math.floor(Math.random() * LARGEST_SEED);
  const user = flags.user === undefined ? undefined : userOf(flags.user);
  const options = { role, only, seed, user, all: flags.all === true, deadlineMs: flags.deadline };
  const restore = exitOnSignals();
  try {
    return flags.each === undefined
      ? await checkOne({ ...options, command }, flags, width)
      : await checkEach(options, flags.each, flags);
  } finally {
    restore();
  }
}

/** The numbers of a user. @throws DetourError `usage` */
function userOf(name: string): User {
  if (process.getuid?.() !== 0)
    throw new DetourError('usage', '--user is for root: nobody else may start a program as another user.');
  const { stdout } = spawnSync('id', ['--', name], { encoding: 'utf8' });
  const [, uid, gid] = /^uid=([0-9]+).*? gid=([0-9]+)/.exec(stdout ?? '') ?? [];
  if (uid === undefined || gid === undefined)
    throw new DetourError('usage', `there is no user "${visible(name, { max: 40 })}" on this computer.`);
  return { uid: Number(uid), gid: Number(gid) };
}

async function checkOne(options: CheckOptions, flags: Flags, width: number): Promise<number> {
  const { role, only, seed, command } = options;
  if (!flags.json) await put(wrappedFor(process.stdout, ' ', titleLine({ role, only }).trim(), 1));
  let written = Promise.resolve();
  // Complete after each stage, because a grader that runs out of time or memory leaves what it has written.
  const soFar = untried(role).filter(({ n }) => only === undefined || n === only);
  const grade = (): void => {
    if (flags.gradescope !== undefined) write(flags.gradescope, gradescope({ stages: soFar }));
  };
  grade();
  const result = await runCheck({
    ...options,
    began: (stage, n) => statusLine(`${String(n).padStart(3)} ${stage.name} …`),
    ended: (stage) => {
      statusLine('');
      soFar.splice(
        soFar.findIndex(({ n }) => n === stage.n),
        1,
        stage,
      );
      grade();
      const text = flags.json
        ? stageJson(stage)
        : `${stageText(role, stage, again(role, stage, seed, command, flags), width, flags.trace === true)}\n`;
      written = put(text);
    },
  });
  await written;
  const exit = exitCodeOf(result.stages);
  await put(flags.json ? sumJson(result) : `${sumLine(result, exit)}\n`);
  if (flags.junit !== undefined) write(flags.junit, junit(result));
  if (flags.csv !== undefined) write(flags.csv, csvHead(role) + csvRow(command.join(' '), result));
  return exit;
}

// Each file is a program of its own, which is started in its folder.
async function checkEach(
  options: Omit<CheckOptions, 'command'>,
  files: readonly string[],
  flags: Flags,
): Promise<number> {
  const exits: number[] = [];
  const progress = new Progress(files.length);
  let csv = csvHead(options.role);
  for (const [index, file] of files.entries()) {
    progress.show(index, file);
    const whole = resolve(file);
    const result = await runCheck({ ...options, command: [whole], cwd: dirname(whole) });
    const exit = exitCodeOf(result.stages);
    exits.push(exit);
    csv += csvRow(file, result);
    // Written after each, so that what was found is not lost with the rest.
    if (flags.csv !== undefined) write(flags.csv, csv);
    progress.end();
    await put(`${visible(file)}: ${sumLine(result, exit).trim()}\n`);
  }
  return exits.includes(1) ? 1 : Math.max(0, ...exits);
}

async function start(role: Role, file: string): Promise<number> {
  if (existsSync(file)) throw new DetourError('usage', `${file} is there already.`, 'give another name');
  write(file, startText(role));
  await put(
    asTyped` Written to ${visible(file)}. Check it: detour check ${role} -- python3 ${visible(file)}\n`,
  );
  return 0;
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    const code = errnoOf(error) || 'failed';
    throw new DetourError(code, `The file ${file} cannot be written (${code}).`, 'give another name', {
      cause: error,
    });
  }
}

function stageText(role: Role, result: StageResult, repeat: string, width: number, trace: boolean): string {
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
    ...detailLines(result, repeat, width),
    ...(trace ? diagramLines(result.events, role, width) : []),
  ].join('\n');
}

/** What was said in a stage, as `detour trace` draws it. */
function diagramLines(events: readonly Recorded[], role: Role, width: number): string[] {
  if (events.length === 0) return [];
  const merged = merge([events]);
  const { heading, rows, legend, omitted } = isPlainOutput()
    ? { ...plainDiagram(merged), legend: [], omitted: [] }
    : drawDiagram(merged, { width: Math.min(width, MOST_COLUMNS) });
  const left = Math.max(0, rows.length - FIRST_ROWS - LAST_ROWS);
  const texts = rows.map((row) => (typeof row === 'string' ? row : row.text));
  if (left > 0) texts.splice(FIRST_ROWS, left, own(`     …  ${left} rows`));
  const { as } = ROLES[role];
  const others = [...new Set(events.map(({ actor }) => actor))].filter(
    (name) => name !== as && name !== 'check',
  );
  const remarks = [
    `${as} is your program${others.length === 0 ? '' : `; the check is ${others.slice(0, 6).join(', ')}`}`,
    ...(omitted.length > 0 ? [`no room for ${omitted.slice(0, 8).join(', ')}`] : []),
    ...legend.map((sign) => sign.replace(/^──….*/, '──… it is not known whether your program has read it')),
  ];
  return ['', ...heading, ...texts, ...remarks.map((remark) => ` ${remark}`), ''];
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
  const user = flags.user === undefined ? '' : ` --user ${flags.user}`;
  return asTyped`detour check ${role} --stage ${stage.name} --seed ${seed}${slow}${user} -- ${quoted.join(' ')}`;
}

function numberOf(role: Role, text: string): number {
  const { stages } = ROLES[role];
  const index = stages.findIndex(({ name }, at) => name === text.toUpperCase() || String(at + 1) === text);
  if (index >= 0) return index + 1;
  throw new DetourError('usage', `A ${role} has no stage "${text}".`, asTyped`detour check ${role} --list`);
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
