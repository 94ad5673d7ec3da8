// `detour journal`: prints a relay's journal, whose entries are text in the grammar of the wire; with --follow shows each message become
// durable; with --check says whether it is sound. It reads the files only, without a lock, also while a relay writes them.

import { isUtf8 } from 'node:buffer';
import type { Command } from 'commander';
import { DetourError } from '../../errors/error.ts';
import { systemClock } from '../../trace/clock.ts';
import { visible } from '../../trace/visible.ts';
import { type Frame, framesIn } from '../../wire/frame.ts';
import type { CommandSpec } from '../command.ts';
import { path, port } from '../input.ts';
import { followJournal, type JournalEntry, type JournalItem, readJournal } from '../journal-reader.ts';
import { paint, put, say } from '../output.ts';
import { clockTime } from '../showing.ts';
import { atHome, defaultJournal } from '../state-dir.ts';

interface Flags {
  readonly port: number;
  readonly follow?: true;
  readonly check?: true;
  readonly json?: true;
}

const LF = 0x0a;

/** Characters of a message that are shown. */
const BODY_SHOWN = 60;

export const journal: CommandSpec = {
  path: 'journal',
  summary: "print a relay's journal, commit by commit",
  build(command: Command): void {
    command
      .argument('[dir]', 'the journal (default: that of the relay on --port)', path)
      .option('--port <port>', 'whose default journal', port, 4100)
      .option('--follow', 'go on printing what is written')
      .option('--check', 'only say whether it is sound: exit code 1 if it is damaged')
      .option('--json', 'print one thing per line')
      .action(async (dir: string | undefined, flags: Flags) => {
        await run(dir ?? defaultJournal(flags.port), flags);
      });
  },
};

async function run(dir: string, flags: Flags): Promise<void> {
  if (flags.check && flags.follow)
    throw new DetourError('usage', '--check looks once, and --follow goes on', 'Give one of the two.');
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  if (!flags.json) say(`journal: ${atHome(dir)}`);
  const count = { segment: 0, commit: 0, entries: 0, checkpoint: 0, torn: 0, damaged: 0 };
  try {
    for await (const item of flags.follow ? followJournal(dir, systemClock, stop.signal) : readJournal(dir)) {
      count[item.kind] += 1;
      if (item.kind === 'commit') count.entries += item.entries.length;
      const shown = !flags.check || item.kind === 'torn' || item.kind === 'damaged';
      if (shown) await put(flags.json ? `${JSON.stringify(plain(item))}\n` : text(item));
    }
  } catch (error) {
    if (!(error instanceof DetourError)) throw error;
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') throw noJournal(dir);
    throw error;
  }
  if (count.segment + count.damaged === 0 && !stop.signal.aborted) throw noJournal(dir);
  process.exitCode = count.damaged > 0 ? 1 : 0;
  if (flags.json) return;
  const { segment, commit, entries, checkpoint } = count;
  const sum = `${many(segment, 'segment')}, ${many(commit, 'commit')}, ${many(entries, 'entry')}, ${many(checkpoint, 'checkpoint')}`;
  if (flags.check) await put(`${verdict(count)}: ${sum}\n`);
  else say(`${sum}. What stands here is on the disk, or is just being written at its end.`);
}

function verdict({ damaged, torn }: { readonly damaged: number; readonly torn: number }): string {
  if (damaged > 0) return paint('red', 'damaged', process.stdout);
  return torn > 0 ? 'torn tail, and sound before it' : 'sound';
}

const many = (n: number, what: string): string =>
  `${n} ${n === 1 ? what : what.replace(/y$/, 'ie').concat('s')}`;

function noJournal(dir: string): DetourError {
  return new DetourError(
    'not_a_journal',
    `There is no journal in ${atHome(dir)}.`,
    'A relay makes its journal when it starts, and prints the path: detour async relay',
  );
}

function text(item: JournalItem): string {
  const file = atHome(item.file);
  switch (item.kind) {
    case 'checkpoint':
      return `CHECKPOINT ${item.lsn}  ${file}\n`;
    case 'segment':
      return `\n${paint('bold', `SEGMENT ${item.first}`, process.stdout)}  ${file}\n`;
    case 'commit': {
      const time = timeOf(item.entries);
      const head = paint('dim', `COMMIT ${item.number}  ${time}at ${item.offset}`, process.stdout);
      return `${[head, ...item.entries.flatMap(entryLines)].join('\n')}\n`;
    }
    case 'torn':
      return `torn tail: ${file}, at byte ${item.offset}: a commit that is being written, or that a crash cut short\n`;
    case 'damaged': {
      const head = `${paint('red', 'damaged', process.stdout)}: ${file}, at byte ${item.offset}: ${item.what}`;
      const rest = item.entries.length === 0 ? [] : ['  What can still be read of it:'];
      return `${[head, ...rest, ...item.entries.flatMap(entryLines)].join('\n')}\n`;
    }
  }
}

// An entry's own header line, and below it the frames in it: each with the number that the message got, and the beginning of its body.
function entryLines({ bytes }: JournalEntry): string[] {
  const [entry, ...others] = framesIn(bytes) ?? [];
  if (entry === undefined || others.length > 0) return [`  ${visible(bytes, { max: BODY_SHOWN })}`];
  const frames = entry.body && framesIn(entry.body);
  if (frames === undefined) return [`  ${lineOf(entry)}`, ...bodyLines(entry.body, 4)];
  const numbers = numbersOf(entry, frames);
  const inner = frames.flatMap((frame, index) => {
    const number = numbers[index];
    const label = number === undefined ? '' : `${paint('dim', number, process.stdout)}  `;
    return [`    ${label}${lineOf(frame)}`, ...bodyLines(frame.body, 6)];
  });
  return [`  ${lineOf(entry)}`, ...inner];
}

// When the first of these entries that says so was decided.
function timeOf(entries: readonly JournalEntry[]): string {
  for (const { bytes } of entries) {
    const [, at] = / at=([0-9]+)/.exec(bytes.toString('latin1', 0, bytes.indexOf(LF))) ?? [];
    if (at !== undefined) return `${clockTime(Number(at))}  `;
  }
  return '';
}

const lineOf = ({ raw }: Frame): string => masked(visible(raw.subarray(0, raw.indexOf(LF))));

// The hash of a repeat is a secret of the relay. It stands in the first line.
const masked = (text: string): string => text.replace(/^(REPEAT .* proof=)\S+/, '$1…');

// Which number each message of a SEND got: the entry says only the first one for each mailbox.
function numbersOf({ verb, fields }: Frame, frames: readonly Frame[]): (string | undefined)[] {
  const next = new Map(
    (fields.get('first') ?? '')
      .split(',')
      .map((pair) => [pair.split(':')[0] ?? '', Number(pair.split(':')[1])]),
  );
  return frames.map((frame) => {
    const to = frame.fields.get('to') ?? '';
    const number = next.get(to);
    if (verb !== 'SEND' || number === undefined) return undefined;
    next.set(to, number + 1);
    return `${to} ${number}`;
  });
}

function bodyLines(body: Buffer | undefined, indent: number): string[] {
  return body === undefined || body.length === 0
    ? []
    : [' '.repeat(indent) + visible(body, { max: BODY_SHOWN })];
}

function plain(item: JournalItem): unknown {
  if (!('entries' in item)) return item;
  const entries = item.entries.map(({ lsn, bytes }) =>
    isUtf8(bytes) ? { lsn, text: masked(bytes.toString()) } : { lsn, base64: bytes.toString('base64') },
  );
  return { ...item, entries };
}
