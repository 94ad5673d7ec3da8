// What a damaged journal has lost, seen from outside: the state is replayed as a relay with --salvage would replay it, and every held
// message is looked for. It takes no lock and changes nothing, and a relay may be writing meanwhile.

import { decodeEntry } from '../async/entry.ts';
import type { Place } from '../async/held.ts';
import { FILE_HEADER, filePath } from '../async/log/format.ts';
import type { Lsn } from '../async/log/log.ts';
import { readLog } from '../async/log/recover.ts';
import { readEntry } from '../async/log/segments.ts';
import { type Listener, Machine } from '../async/machine.ts';
import { type Loss, lossesOf } from '../async/salvage.ts';
import { systemClock } from '../core/clock.ts';
import { DetourError, errnoOf } from '../core/error.ts';
import { systemFiles as files } from '../core/files.ts';
import { ReadAhead } from '../core/read-ahead.ts';
import { missingRecord } from '../errors/journal.ts';
import { type Damage, damaged, type JournalItem, TRIES } from './journal-reader.ts';

/** What a damaged journal has lost and what it has not. */
export interface Losses {
  /** Damage that `readJournal` did not find: it does not replay the state, so it does not know what is needed. */
  readonly damaged: readonly Damage[];
  /** Does a relay without --salvage refuse to start on it? */
  readonly refused: boolean;
  /** What each mailbox has lost, and how many of its messages can be read. */
  readonly losses: readonly (Loss & { readonly intact: number })[];
  /** How much of what is held can be read. */
  readonly intact: { readonly messages: number; readonly mailboxes: number };
}

/** What `readJournal` has shown: intact entries, which need not be read again, and damage, which need not be shown again. */
export class Seen {
  /** Runs of consecutive commits in one file: their entries have the LSNs from `first` to `last`. */
  readonly #intact: { readonly file: string; readonly first: Lsn; last: Lsn; number: number }[] = [];
  /** Entries that can be read although their commit is damaged. */
  readonly #spared = new Set<Lsn>();
  readonly #damaged = new Set<string>();

  /** Takes the next item of the journal. */
  add(item: JournalItem): void {
    if (item.kind === 'damaged') {
      this.#damaged.add(item.file).add(`${item.file}:${item.offset}`);
      for (const { lsn } of item.entries) this.#spared.add(lsn);
    }
    if (item.kind !== 'commit') return;
    const { file, number, entries } = item;
    const [first, last] = [entries[0]?.lsn ?? 0, entries.at(-1)?.lsn ?? 0];
    const before = this.#intact.at(-1);
    if (before?.file === file && number === before.number + 1) Object.assign(before, { last, number });
    else this.#intact.push({ file, first, last, number });
  }

  /** Has the entry with this LSN been read, and was it intact? */
  isIntact(lsn: Lsn): boolean {
    return this.#spared.has(lsn) || this.#intact.some(({ first, last }) => first <= lsn && lsn <= last);
  }

  /** Is damage known at this offset or, without an offset, anywhere in the file? */
  isDamaged(file: string, offset?: number): boolean {
    return this.#damaged.has(offset === undefined ? file : `${file}:${offset}`);
  }
}

/**
 * Finds out what a journal has lost.
 * @param dir its folder
 * @param seen everything that `readJournal` has shown of it
 * @throws DetourError `damaged_journal` if no state can be made of it: then --salvage does not help, either
 */
export async function lossesIn(dir: string, seen: Seen): Promise<Losses> {
  const { machine, log, parts } = await replay(dir);
  const { state, hasher } = machine;
  const found: Damage[] = [];
  const note = (item: Damage): void => {
    found.push(item);
    seen.add(item);
  };
  for (const item of parts) if (!seen.isDamaged(item.file, item.offset)) note(item);

  const firsts = [...log.segments.map(({ first }) => first), ...(log.kept.at(-1)?.segments ?? [])];
  const entryOf = async (lsn: Lsn): Promise<void> => {
    const segment = log.segments.findLast(({ first }) => first <= lsn);
    if (segment === undefined || lsn >= segment.end) throw missingRecord(dir, lsn);
    decodeEntry(await readEntry(new ReadAhead(files), segment, lsn), hasher);
  };
  const read = async ({ lsn }: Place): Promise<void> => {
    if (seen.isIntact(lsn)) return;
    try {
      // Twice, because a relay may just have freed the segment and written something else into its file.
      await entryOf(lsn).catch(() => entryOf(lsn));
    } catch (error) {
      // The relay has freed the segment, so nothing in it is held any more.
      if (errnoOf(error) === 'ENOENT') return;
      const first = Math.max(0, ...firsts.filter((each) => each <= lsn));
      const file = filePath(dir, first, 'wal');
      const there = log.segments.some((segment) => segment.first === first);
      const item = there
        ? damaged(file, FILE_HEADER + lsn - first, 'a record cannot be read')
        : damaged(file, 0, 'it is needed, and is missing');
      if (!seen.isDamaged(file)) note(item);
      throw error;
    }
  };
  const losses = (await lossesOf(state, read)).map((loss) => ({
    ...loss,
    intact: (state.mailboxes.get(loss.to)?.count ?? 0) - loss.gone.length,
  }));
  let { count: messages } = state;
  let mailboxes = state.mailboxes.size - state.empty.length;
  for (const { gone, intact } of losses) {
    messages -= gone.length;
    if (gone.length > 0 && intact === 0) mailboxes -= 1;
  }
  return { damaged: found, refused: parts.length > 0, losses, intact: { messages, mailboxes } };
}

/**
 * How much is held in a journal that no relay is writing, as far as it can be read.
 * @param dir its folder
 * @returns also whether it is damaged; undefined if it is so damaged that nothing can be counted
 */
export async function heldIn(
  dir: string,
): Promise<{ messages: number; mailboxes: number; damaged: boolean } | undefined> {
  try {
    const { machine, parts } = await replay(dir);
    const { count: messages, mailboxes, empty } = machine.state;
    return { messages, mailboxes: mailboxes.size - empty.length, damaged: parts.length > 0 };
  } catch (error) {
    if (error instanceof DetourError && error.code === 'damaged_journal') return undefined;
    throw error;
  }
}

const nothing = (): void => {};
const DEAF: Listener = { durable: nothing, room: nothing, failed: nothing, torn: nothing, notice: nothing };

// Replays the state around everything that cannot be read. What looks damaged may be something that a relay is just writing, so damage
// counts only when it is found twice.
async function replay(dir: string) {
  let before = '';
  for (let tries = 0; ; tries++) {
    const machine = new Machine('relay', systemClock, DEAF);
    const parts: Damage[] = [];
    try {
      const log = await readLog({ dir, files }, machine, (part, how) => {
        parts.push(damaged(part.file, part.offset, how));
        machine.lost({ ...part, copy: undefined });
      });
      const seen = JSON.stringify(parts);
      if (parts.length === 0 || seen === before || tries === TRIES) return { machine, log, parts };
      before = seen;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' && tries < TRIES) continue;
      if (!(error instanceof RangeError || error instanceof SyntaxError)) throw error;
      throw new DetourError(
        'damaged_journal',
        `its checkpoint does not hold the state of a relay: ${error.message}`,
      );
    }
  }
}
