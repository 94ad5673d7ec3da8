// `detour journal`: prints a relay's journal, whose entries are text in the grammar of the wire. With --follow it shows each message
// become durable; with --check it says whether the journal is sound and, if not, what is lost. It only reads the files, without a lock,
// even while a relay is writing them.

import { isUtf8 } from 'node:buffer';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { lossText } from '../../async/salvage.ts';
import { THROWAWAY } from '../../async/state.ts';
import { systemClock } from '../../core/clock.ts';
import { asTyped } from '../../core/command-name.ts';
import { DetourError } from '../../core/error.ts';
import { many } from '../../core/units.ts';
import { asciiJson, visible } from '../../core/visible.ts';
import { type Frame, framesIn } from '../../wire/frame.ts';
import type { CommandSpec } from '../command.ts';
import { path, port } from '../input.ts';
import { type Losses, lossesIn, Seen } from '../journal-losses.ts';
import { followJournal, type JournalEntry, type JournalItem, readJournal } from '../journal-reader.ts';
import { own, paint, put, say, sayWrapped, wrappedFor } from '../render/output.ts';
import { RETURN_MAILBOX } from '../render/return-mailbox.ts';
import { bodyColumns, bodyLines, clockTime } from '../render/showing.ts';
import { atHome, defaultJournal } from '../state-dir.ts';

interface Flags {
  readonly port: number;
  readonly follow?: true;
  readonly check?: true;
  readonly json?: true;
}

const LF = 0x0a;

/** Matches text that names a return mailbox. */
const RETURNS = new RegExp(` (?:to|from|notify)=${THROWAWAY}`);

/** How many characters of a message are shown. */
const BODY_SHOWN = 60;
/** How many lines of a damaged commit --check shows. */
const CHECK_LINES = 7;

/** The command `detour journal`. */
export const journal: CommandSpec = {
  summary: "print a relay's journal, commit by commit",
  build(command: Command): void {
    command
      .argument('[dir]', 'the journal (default: DETOUR_JOURNAL, or that of the relay on --port)', path)
      .option('--port <port>', 'the port of the relay, for its default journal', port, 4100)
      .option('--follow', 'stay and print what is written from now on')
      .option('--check', 'only say whether it is sound; if it is damaged, what is lost (exit code 1)')
      .option('--json', 'print one JSON object per line')
      .action(async (dir: string | undefined, flags: Flags) => {
        await run(dir, flags);
      });
  },
};

async function run(given: string | undefined, flags: Flags): Promise<void> {
  if (flags.check && flags.follow)
    throw new DetourError('usage', '--check looks once, but --follow goes on.', 'Give one of the two.');
  const dir = given ?? (process.env.DETOUR_JOURNAL || defaultJournal(flags.port));
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  if (!flags.json) say(`journal: ${atHome(dir)}`);
  const count = { segment: 0, commit: 0, entries: 0, checkpoint: 0, torn: 0, damaged: 0 };
  const seen = new Seen();
  let explained = false;
  const show = async (item: JournalItem): Promise<void> => {
    count[item.kind] += 1;
    if (item.kind === 'commit') count.entries += item.entries.length;
    seen.add(item);
    const shown = !flags.check || item.kind === 'torn' || item.kind === 'damaged';
    if (!shown) return;
    const shows = flags.json ? jsonOf(plain(item)) : text(item, flags.check ? CHECK_LINES : undefined);
    await put(shows);
    if (flags.json || explained || !RETURNS.test(shows)) return;
    explained = true;
    say(`  ${RETURN_MAILBOX}`);
  };
  try {
    for await (const item of flags.follow ? followJournal(dir, systemClock, stop.signal) : readJournal(dir))
      await show(item);
  } catch (error) {
    if (!(error instanceof DetourError)) throw error;
    if (error.code === 'ENOTDIR' && existsSync(dir))
      throw new DetourError(
        'not_a_journal',
        `${atHome(dir)} is a file, and a journal is a folder.`,
        asTyped`give the folder: detour journal ${atHome(dirname(dir))}`,
      );
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') throw noJournal(dir);
    throw error;
  }
  if (count.segment + count.damaged === 0 && !stop.signal.aborted) throw noJournal(dir);
  let found: Losses | string = '';
  if (flags.check) found = await lossesIn(dir, seen).catch(whyNot);
  if (typeof found === 'string' && found !== '') count.damaged += 1;
  else if (typeof found !== 'string') for (const item of found.damaged) await show(item);
  process.exitCode = count.damaged > 0 ? 1 : 0;
  const { segment, commit, entries, checkpoint } = count;
  const sum = `${many(segment, 'segment')}, ${many(commit, 'commit')}, ${many(entries, 'entry')}, ${many(checkpoint, 'checkpoint')}`;
  if (!flags.json && flags.check) await put(`${verdict(count)}: ${sum}\n`);
  else if (!flags.json)
    sayWrapped('', `${sum}. What is shown is on the disk, or is being written to it just now.`);
  if (found === '' || count.damaged === 0) return;
  await put(flags.json ? lossLines(found) : lossTexts(found));
  if (!flags.json && typeof found !== 'string') advise(found, relayOf(given, flags.port));
}

function verdict({ damaged, torn }: { readonly damaged: number; readonly torn: number }): string {
  if (damaged > 0) return paint('red', 'damaged', process.stdout);
  return torn > 0 ? 'torn tail, and sound before it' : 'sound';
}

const jsonOf = (thing: unknown): string => `${asciiJson(JSON.stringify(thing))}\n`;

// The state cannot be replayed, and a relay cannot do it, either.
function whyNot(error: unknown): string {
  if (error instanceof DetourError && error.code === 'damaged_journal') return error.message;
  throw error;
}

function lossLines(found: Losses | string): string {
  if (typeof found === 'string') return jsonOf({ kind: 'no_state', why: found });
  const { losses, intact } = found;
  return [...losses.map((loss) => ({ kind: 'loss', ...loss })), { kind: 'intact', ...intact }]
    .map(jsonOf)
    .join('');
}

function lossTexts(found: Losses | string): string {
  if (typeof found === 'string')
    return `\nWhat is lost cannot be determined, and no relay can start on this journal: ${found}\n`;
  const { losses, intact } = found;
  const readable = `${many(intact.messages, 'message')} for ${many(intact.mailboxes, 'mailbox')} can be read.`;
  const lines = losses.map((loss) => {
    const others = loss.intact === 0 ? 'Nothing else is held.' : `${loss.intact} more can be read.`;
    return wrappedFor(process.stdout, '  ', `${loss.to}: ${lossText(loss)} ${others}`, 4);
  });
  if (losses.length === 0) return `\nNo held message is lost: ${readable}\n`;
  const head = 'What each mailbox has lost, by message number:';
  return `\n${head}\n${lines.join('')}Everything else is intact: ${readable}\n`;
}

// Says what to do, and what that leads to.
function advise({ losses, refused }: Losses, relay: string): void {
  const told = losses.length > 0 ? 'tells each mailbox what it has lost, and ' : '';
  say();
  if (!refused && losses.length === 0) {
    say('A relay starts on this journal all the same.');
    return;
  }
  const now = refused
    ? 'A relay does not start on this journal.'
    : 'A relay starts on this journal, but each of these mailboxes stops at its first lost message.';
  sayWrapped('', `${now} To go on with the rest:`, 0);
  say(`  ${relay} --salvage`);
  const then = refused
    ? `It ${told}keeps copies of the damaged parts in the folder. Messages that were acknowledged in them may come again.`
    : 'It tells each mailbox what it has lost. It keeps no copies of the damaged parts: copy the folder first.';
  sayWrapped('', then, 0);
}

// The command that starts the relay, as it is typed.
function relayOf(dir: string | undefined, ofPort: number): string {
  if (dir !== undefined) {
    const shown = atHome(dir);
    return asTyped`detour async relay --journal ${/^[\w./~-]+$/.test(shown) ? shown : JSON.stringify(dir)}`;
  }
  return ofPort === 4100 ? asTyped('detour async relay') : asTyped`detour async relay --port ${ofPort}`;
}

function noJournal(dir: string): DetourError {
  return new DetourError(
    'not_a_journal',
    `There is no journal in ${atHome(dir)}.`,
    asTyped('A relay creates its journal when it starts, and prints the path: detour async relay'),
  );
}

// An item as text. What can still be read of a damaged commit may be long. @param most the most lines of it that are shown
function text(item: JournalItem, most = Number.POSITIVE_INFINITY): string {
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
      const head = `: ${file}, at byte ${item.offset}: ${item.what}`;
      const line = wrappedFor(process.stdout, '', `damaged${head}`, 2);
      const rest = item.entries.length === 0 ? [] : ['  What can still be read of it:'];
      const all = [...rest, ...item.entries.flatMap(entryLines)];
      const more = all.length > most ? [own(`  … ${all.length - most} more lines without --check`)] : [];
      const lines = [...all.slice(0, most), ...more].map((each) => `${each}\n`);
      return line.replace(/^damaged/, paint('red', 'damaged', process.stdout)) + lines.join('');
    }
  }
}

// The header line of an entry and, below it, the frames in it: each with the number of its message and the beginning of its body.
function entryLines({ bytes }: JournalEntry): string[] {
  const [entry, ...others] = framesIn(bytes) ?? [];
  if (entry === undefined || others.length > 0) return [`  ${visible(bytes, { max: BODY_SHOWN })}`];
  const frames = entry.body && framesIn(entry.body);
  if (frames === undefined) return [`  ${lineOf(entry)}`, ...beginningOf(entry.body)];
  const numbers = numbersOf(entry, frames);
  const inner = frames.flatMap((frame, index) => {
    const number = numbers[index];
    const label = number === undefined ? '' : `${paint('dim', number, process.stdout)}  `;
    return [`    ${label}${lineOf(frame)}`, ...beginningOf(frame.body)];
  });
  return [`  ${lineOf(entry)}`, ...inner];
}

// The time of day of the first entry that has one.
function timeOf(entries: readonly JournalEntry[]): string {
  for (const { bytes } of entries) {
    const [, at] = / at=([0-9]+)/.exec(bytes.toString('latin1', 0, bytes.indexOf(LF))) ?? [];
    if (at !== undefined) return `${clockTime(Number(at))}  `;
  }
  return '';
}

const lineOf = ({ raw }: Frame): string => masked(visible(raw.subarray(0, raw.indexOf(LF))), own('…'));

// Hides the hash of a repeat, which is a secret of the relay. It is in the first line.
const masked = (text: string, sign = '…'): string => text.replace(/^(REPEAT .* proof=)\S+/, `$1${sign}`);

// The number that each message of a SEND got. The entry has only the first number for each mailbox.
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

function beginningOf(body: Buffer | undefined): string[] {
  if (body === undefined || body.length === 0) return [];
  return bodyLines(visible(body, { max: BODY_SHOWN }), bodyColumns());
}

function plain(item: JournalItem): unknown {
  if (!('entries' in item)) return item;
  const entries = item.entries.map(({ lsn, bytes }) =>
    isUtf8(bytes) ? { lsn, text: masked(bytes.toString()) } : { lsn, base64: bytes.toString('base64') },
  );
  return { ...item, entries };
}
