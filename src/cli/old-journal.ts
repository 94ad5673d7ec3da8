// Prints a journal of the store that the relay still uses, as `detour journal` does it with a log. It goes when the relay stands on the log.

import { type JournalItem, readJournal } from '../async/store/dump.ts';
import type { PlacedRecord } from '../async/store/record.ts';
import { DetourError } from '../errors/error.ts';
import { systemClock } from '../trace/clock.ts';
import { visible } from '../trace/visible.ts';
import { paint, put, say } from './output.ts';
import { clockTime } from './showing.ts';
import { atHome } from './state-dir.ts';

/** Characters of a body that are shown. */
const BODY_SHOWN = 60;

/** Prints it. @throws DetourError `damaged`, `not_a_journal`, the errno of the file system */
export async function printOldJournal(
  dir: string,
  flags: { readonly follow?: true; readonly json?: true },
): Promise<void> {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  let commits = 0;
  let records = 0;
  let segments = 0;
  const options = { follow: flags.follow === true, signal: stop.signal, clock: systemClock };
  try {
    for await (const item of readJournal(dir, options)) {
      if (item.kind === 'segment') segments += 1;
      if (item.kind === 'commit') {
        commits += 1;
        records += item.records.length;
      }
      await put(flags.json ? `${JSON.stringify(plain(item))}\n` : text(item));
    }
  } catch (error) {
    const missing = error instanceof DetourError && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
    if (!missing || segments > 0) throw error;
  }
  if (segments === 0 && !stop.signal.aborted)
    throw new DetourError(
      'not_a_journal',
      `There is no journal in ${atHome(dir)}.`,
      'A relay makes its journal when it starts, and prints the path: detour async relay',
    );
  if (!flags.json)
    say(
      `${commits} commits, ${records} records. What stands here is on the disk, or is just being written at its end.`,
    );
}

function text(item: JournalItem): string {
  if (item.kind === 'segment')
    return `\n${paint('bold', `SEGMENT ${item.header.k}`, process.stdout)}  ${atHome(item.file)}\n`;
  if (item.kind === 'unfinished') return `  at ${item.offset}: a commit that is being written, or was torn\n`;
  const empty = item.records.length === 0 ? '  (empty: it closes the one before)' : '';
  const head = paint(
    'dim',
    `COMMIT ${item.n}  ${clockTime(item.at)}  at ${item.offset}${empty}`,
    process.stdout,
  );
  return [head, ...item.records.map(recordText)].join('\n').concat('\n');
}

// The record's own header line, as it stands in the file; for a message the beginning of its body behind it.
function recordText({ bytes }: PlacedRecord): string {
  const end = bytes.indexOf(0x0a);
  const line = `  ${visible(bytes.subarray(0, end))}`;
  const body = bytes.subarray(end + 1, -1);
  return body.length === 0 ? line : `${line}\n    ${visible(body, { max: BODY_SHOWN })}`;
}

function plain(item: JournalItem): unknown {
  if (item.kind !== 'commit') return item;
  const { records, ...commit } = item;
  return { ...commit, records: records.map(({ record, offset, length }) => ({ ...record, offset, length })) };
}
