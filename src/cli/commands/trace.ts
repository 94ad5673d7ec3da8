// `detour trace LOG…`: draws the logs of several processes as one sequence diagram.

import { type Command, InvalidArgumentError, Option } from 'commander';
import { asTyped } from '../../core/command-name.ts';
import { DetourError } from '../../core/error.ts';
import { visible } from '../../core/visible.ts';
import { drawDiagram } from '../../trace/diagram.ts';
import { essential } from '../../trace/filter.ts';
import { differencesOf, type Finding, isContradiction } from '../../trace/findings.ts';
import { formatJson } from '../../trace/line.ts';
import { type Merged, merge } from '../../trace/merge.ts';
import type { Placed } from '../../trace/model.ts';
import { plainDiagram } from '../../trace/plain.ts';
import { type Log, readLog } from '../../trace/read.ts';
import { type HandedIn, relayRecord, rosterOf } from '../../trace/roster.ts';
import { type Selection, select } from '../../trace/select.ts';
import { isToken } from '../../wire/verbs.ts';
import type { CommandSpec } from '../command.ts';
import { path } from '../input.ts';
import { columns, isPlainOutput, say, shownIn } from '../render/output.ts';
import { returnMailboxNote } from '../render/return-mailbox.ts';
import { isSuspect, rosterCsv, rosterJson, rosterLines } from '../render/roster.ts';

const DEFAULT_LAST = 20;
// Used if the output does not go to a terminal: nobody knows how wide it will be shown.
const DEFAULT_WIDTH = 100;
const MIN_WIDTH = 38;
const MAX_WIDTH = 1000;
// The most rows that are printed: a log may hold thousands of connections without a message.
const MAX_ROWS = 500;
const MAX_FINDINGS = 5;

interface Options {
  readonly last: number;
  readonly id?: string;
  readonly brief?: boolean;
  readonly width?: number;
  readonly json?: boolean;
  readonly roster?: string;
  readonly csv?: boolean;
}

/** The command `detour trace`. */
export const trace: CommandSpec = {
  summary: 'draw what happened, from the logs of one or several processes',
  build(command: Command) {
    command
      .argument(
        '<log...>',
        'files that --log wrote, or what --json printed; - for stdin',
        (file: string, before: string[] = []) => [...before, path(file)],
      )
      .option('--last <n>', 'only the last n messages', positive, DEFAULT_LAST)
      .option('--id <id>', 'only the message with this id', token)
      .option('--brief', 'leave out greetings, polite endings and heartbeats')
      .option('--width <columns>', 'width of the diagram (default: that of the terminal)', positive)
      .option('--json', 'print the events in causal order, one per line, instead of a diagram')
      .addOption(
        new Option('--roster <relay-log>', "list whose logs agree with the relay's: who was there").conflicts(
          ['id', 'brief', 'width'],
        ),
      )
      .addOption(new Option('--csv', 'with --roster: print the list for a spreadsheet').conflicts('json'))
      .addHelpText('after', `\n${asTyped(HELP)}\n`)
      .action((files: string[], options: Options) => {
        if (options.roster !== undefined) runRoster(options.roster, files, options);
        else if (options.csv !== true) run(files, options);
        else
          throw new DetourError(
            'usage',
            '--csv needs --roster.',
            asTyped('detour trace --roster RELAY-LOG --csv LOG…'),
          );
      });
  },
};

const HELP = `Exit 1 if a file is not a log, or if the logs contradict each other: the two
ends of a frame differ in a field, or one end received what the other, which
logged that connection, did not send. A log that ends early, because its
process was killed, contradicts nothing.

With --roster each session gets a row: what the log says became of its
messages, how many guesses in the demo were right, and whether the relay's
log agrees. Exit 1 if a log differs, is not a log, is there twice, or if the
relay never saw its session. A file that is not a log does not stop the list.
--csv and --json print the same rows.

    detour trace --roster relay.log logs/*.log`;

function run(files: readonly string[], options: Options): void {
  const logs = [...new Set(files)].map((file) => readLog(file));
  const merged = merge(logs.map(({ events }) => events));
  const selection = select(merged, { last: options.last, id: options.id });
  if (options.id !== undefined && selection.chosen === 0) {
    throw new DetourError(
      'usage',
      `the logs contain no message with the id ${options.id}`,
      asTyped('detour trace LOG… shows the messages that they contain'),
    );
  }
  const contradictions = merged.findings.filter(isContradiction);
  if (contradictions.length > 0) process.exitCode = 1;
  const complain = (): void => {
    for (const sentence of sentencesFor(contradictions)) say(` ${sentence}`);
  };
  if (options.json === true) {
    for (const placed of merged.events)
      if (selection.keep(placed)) process.stdout.write(`${formatJson(placed.recorded)}\n`);
    complain();
    return;
  }
  const keep = (placed: Placed): boolean =>
    selection.keep(placed) && (options.brief !== true || essential(placed));
  const width = Math.min(
    Math.max(MIN_WIDTH, options.width ?? process.stdout.columns ?? DEFAULT_WIDTH),
    MAX_WIDTH,
  );
  const diagram = isPlainOutput()
    ? { ...plainDiagram(merged, { keep }), legend: [], omitted: [] }
    : drawDiagram(merged, { width, keep });
  const rows = diagram.rows.slice(-MAX_ROWS);
  const lines = [
    ...diagram.heading,
    ...rows.map((row) => (typeof row === 'string' ? row : row.text)),
    ...diagram.legend.map((sign) => ` ${sign}`),
  ];
  process.stdout.write(shownIn(`${lines.join('\n')}\n`));
  const remarks = [
    ...returnMailboxNote(merged.events.filter(keep).flatMap(namesIn)),
    ...remarksOn(logs, merged, selection, options),
    ...(rows.length < diagram.rows.length
      ? [`only the last ${rows.length} of ${diagram.rows.length} rows`]
      : []),
    ...(diagram.omitted.length > 0
      ? [
          `no room for ${diagram.omitted.length} more: ${diagram.omitted.slice(0, 8).join(', ')} (use a wider terminal, or --id)`,
        ]
      : []),
  ];
  for (const remark of remarks) say(` ${remark}`);
  complain();
}

// The names in a frame, as far as they are mailboxes.
function namesIn({ recorded }: Placed): string[] {
  if (!('fields' in recorded)) return [];
  const { as, to, notify } = recorded.fields;
  return [as, to, notify].flatMap((name) => (typeof name === 'string' ? [name] : []));
}

function runRoster(relayFile: string, files: readonly string[], { csv, json }: Options): void {
  const relay = relayRecord(readLog(relayFile));
  const rows = rosterOf(relay, handedIn(files.filter((file) => file !== relayFile)));
  if (rows.some(isSuspect)) process.exitCode = 1;
  if (csv === true) process.stdout.write(rosterCsv(rows));
  else {
    const text = (): string[] => [
      ...rosterLines(rows, columns(process.stdout)),
      ...returnMailboxNote(rows.map(({ name = '' }) => name)).map((line) => ` ${line}`),
    ];
    const lines = json === true ? rows.map(rosterJson) : text();
    process.stdout.write(shownIn(lines.map((line) => `${line}\n`).join('')));
  }
  if (relay.skipped > 0) say(` ${visible(relayFile)}: the first ${relay.skipped} bytes were left out`);
  if (relay.anonymous > 0)
    say(` the relay saw ${relay.anonymous} connections without a session: whose they were is not known`);
}

// One log at a time, because all of a class may not fit into the memory.
function* handedIn(files: readonly string[]): Generator<HandedIn> {
  for (const file of new Set(files)) {
    try {
      yield readLog(file);
    } catch (error) {
      if (!(error instanceof DetourError)) throw error;
      yield { file, error };
    }
  }
}

function remarksOn(
  logs: readonly Log[],
  merged: Merged,
  { total, chosen }: Selection,
  { id }: Options,
): string[] {
  const remarks: string[] = [];
  if (chosen < total && id === undefined)
    remarks.push(`only the last ${chosen} of ${total} messages (--last ${total} shows all, --id shows one)`);
  for (const { file, skipped, torn } of logs) {
    if (skipped > 0) remarks.push(`${visible(file)}: the first ${skipped} bytes were left out`);
    if (torn) remarks.push(`${visible(file)}: the last line is incomplete and was left out`);
  }
  for (const { actor, pid, index } of merged.processes) {
    const shift = merged.shifts[index] ?? 0;
    if (shift === 0) continue;
    const moved = `${(Math.abs(shift) / 1000).toFixed(3)} s ${shift > 0 ? 'forward' : 'back'}`;
    remarks.push(`the clock of ${actor} (pid ${pid}) contradicts the frames: its times were moved ${moved}`);
  }
  return [...remarks, ...sentencesFor(merged.findings.filter((one) => !isContradiction(one)))];
}

function sentencesFor(findings: readonly Finding[]): string[] {
  const sentences = findings.slice(0, MAX_FINDINGS).map(sentenceFor);
  const more = findings.length - sentences.length;
  return more === 0 ? sentences : [...sentences, `and ${more} more of this kind`];
}

function sentenceFor(finding: Finding): string {
  const { kind, placed } = finding;
  if (kind === 'differs' || kind === 'never_sent') return contradictionBetween(placed, finding.other, kind);
  return `${SENTENCES[kind]}: ${nameOf(placed)}`;
}

function contradictionBetween(placed: Placed, other: Placed, kind: 'differs' | 'never_sent'): string {
  const { recorded } = placed;
  if (!('verb' in recorded)) return nameOf(placed);
  const who = ({ process }: Placed): string => `${process.actor} (pid ${process.pid})`;
  if (kind === 'never_sent')
    return `${CONTRADICT}: ${who(placed)} says that it received ${recorded.verb}, number ${recorded.n} of connection ${recorded.conn}; ${who(other)} logged that connection and did not send it`;
  if (!('verb' in other.recorded)) return nameOf(other);
  const keys = differencesOf(recorded, other.recorded).filter((key) => key !== 'verb');
  const said = ({ verb, fields }: typeof recorded): string =>
    [verb, ...keys.map((key) => `${key}=${fields[key]}`)].join(' ');
  return `${CONTRADICT}: ${who(placed)} says that it sent ${said(recorded)}, number ${recorded.n} of connection ${recorded.conn}; ${who(other)} says that it received ${said(other.recorded)}`;
}

const CONTRADICT = 'the logs contradict each other';

const SENTENCES = {
  not_received: 'sent, but the log of the other end does not say that it was received',
  not_sent: 'received, but the log of the other end does not say that it was sent',
  impossible: `${CONTRADICT}: this comes before its cause`,
} as const;

function nameOf({ recorded, process }: Placed): string {
  const what =
    'verb' in recorded
      ? `${recorded.verb} number ${recorded.n} of connection ${recorded.conn}`
      : recorded.event;
  return `${what}, ${process.actor}, pid ${process.pid}`;
}

function positive(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new InvalidArgumentError('it must be a whole number above 0.');
  return Number(text);
}

function token(text: string): string {
  if (!isToken(text))
    throw new InvalidArgumentError(`"${text}" is not an id: use 1 to 64 of A-Z, a-z, 0-9 and . _ : -`);
  return text;
}
