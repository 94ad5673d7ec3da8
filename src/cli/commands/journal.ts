// `detour journal`: prints a relay's journal, whose entries are text in the grammar of the wire; with --follow shows each message become
// durable; with --check says whether it is sound. It reads the files only, without a lock, also while a relay writes them.

import { isUtf8 } from 'node:buffer';
import type { Command } from 'commander';
import { followJournal, type JournalEntry, type JournalItem, readJournal } from '../../async/journal.ts';
import { DetourError } from '../../errors/error.ts';
import { systemClock } from '../../trace/clock.ts';
import { visible } from '../../trace/visible.ts';
import { parseHeader } from '../../wire/frame.ts';
import type { CommandSpec } from '../command.ts';
import { path, port } from '../input.ts';
import { printOldJournal } from '../old-journal.ts';
import { paint, put, say } from '../output.ts';
import { atHome, defaultJournal } from '../state-dir.ts';

interface Flags {
  readonly port: number;
  readonly follow?: true;
  readonly check?: true;
  readonly json?: true;
}

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
    if (error.code === 'old_journal' && flags.check)
      throw new DetourError('old_journal', 'a journal of detour 0.1 can be printed, and not checked');
    if (error.code === 'old_journal') return await printOldJournal(dir, flags);
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
      const head = paint('dim', `COMMIT ${item.number}  at ${item.offset}`, process.stdout);
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

interface Frame {
  readonly line: Buffer;
  readonly body: Buffer | undefined;
}

// The frames that these bytes are, from the first to the last of them; undefined if they are something else.
function framesOf(bytes: Buffer): Frame[] | undefined {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0x0a, at);
    if (end === -1) return undefined;
    const stop = bytes[end - 1] === 0x0d ? end - 1 : end;
    const line = bytes.subarray(at, stop);
    const header = parseHeader(line.toString('latin1'));
    if (typeof header === 'string') return undefined;
    const size = header.fields.get('size');
    at = end + 1;
    if (size === undefined) {
      frames.push({ line, body: undefined });
      continue;
    }
    const body = bytes.subarray(at, at + Number(size));
    at += body.length;
    if (bytes[at] === 0x0d) at += 1;
    if (body.length < Number(size) || bytes[at] !== 0x0a) return undefined;
    at += 1;
    frames.push({ line, body });
  }
  return frames;
}

// An entry's own header line, and below it the frames that came over the wire, each with the beginning of its body.
function entryLines({ bytes }: JournalEntry): string[] {
  const [entry, ...others] = framesOf(bytes) ?? [];
  if (entry === undefined || others.length > 0) return [`  ${visible(bytes, { max: BODY_SHOWN })}`];
  const frames = entry.body && framesOf(entry.body);
  const inner =
    frames?.flatMap(({ line, body }) => [`    ${visible(line)}`, ...bodyLines(body, 6)]) ??
    bodyLines(entry.body, 4);
  return [`  ${visible(entry.line)}`, ...inner];
}

function bodyLines(body: Buffer | undefined, indent: number): string[] {
  return body === undefined || body.length === 0
    ? []
    : [' '.repeat(indent) + visible(body, { max: BODY_SHOWN })];
}

function plain(item: JournalItem): unknown {
  if (!('entries' in item)) return item;
  const entries = item.entries.map(({ lsn, bytes }) =>
    isUtf8(bytes) ? { lsn, text: bytes.toString() } : { lsn, base64: bytes.toString('base64') },
  );
  return { ...item, entries };
}
