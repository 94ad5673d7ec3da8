// Reads a journal from outside, for people: what is in it, commit by commit, even while a relay is writing it, and whether it is sound.
// It takes no lock, changes nothing and repairs nothing.

import { type Checkpoint, readCheckpoint } from '../async/log/checkpoint.ts';
import { COMMIT_HEADER, FILE_HEADER, filePath, isEnd } from '../async/log/format.ts';
import type { Lsn } from '../async/log/log.ts';
import { missing } from '../async/log/recover.ts';
import {
  type Listing,
  listLog,
  readBytes,
  type ScanEnd,
  type Scanned,
  type SegmentFile,
  scanCommits,
} from '../async/log/segments.ts';
import type { Clock } from '../core/clock.ts';
import { DetourError, errnoOf } from '../core/error.ts';
import { systemFiles as files } from '../core/files.ts';
import { systemError } from '../errors/journal.ts';

/** An entry of the journal: a frame in the grammar of PROTOCOL.md. */
export interface JournalEntry {
  readonly lsn: Lsn;
  readonly bytes: Buffer;
}

/** One thing in a journal. Offsets and sizes are in bytes. */
export type JournalItem = { readonly file: string } & (
  | { readonly kind: 'checkpoint'; readonly lsn: Lsn }
  | { readonly kind: 'segment'; readonly first: Lsn; readonly size: number }
  | {
      readonly kind: 'commit';
      readonly offset: number;
      readonly number: number;
      readonly entries: readonly JournalEntry[];
    }
  /** After the last commit another one begins and is not complete: it is being written just now, or a crash cut it short. */
  | { readonly kind: 'torn'; readonly offset: number }
  /** Something that was durable once and cannot be read any more. `entries`: those in it that can still be read. */
  | {
      readonly kind: 'damaged';
      readonly offset: number;
      readonly what: string;
      readonly entries: readonly JournalEntry[];
    }
);

/** A part of a journal that cannot be read any more. */
export type Damage = Extract<JournalItem, { readonly kind: 'damaged' }>;

/** How often --follow looks at the journal again, in milliseconds. */
const POLL_MS = 100;

/** How many times a journal is read again before something in it counts as missing: a relay may be renaming files meanwhile. */
export const TRIES = 20;

/** Damage with no entry that can still be read. */
export const damaged = (file: string, offset: number, what: string): Damage => ({
  kind: 'damaged',
  file,
  offset,
  what,
  entries: [],
});

/**
 * Reads everything in a journal: its checkpoints, the newest first, then its segments, the oldest first.
 * @param dir its folder
 * @throws DetourError `old_journal`, `new_journal`, `not_a_journal`, or an errno of the file system: ENOENT if there is no folder
 */
export async function* readJournal(dir: string): AsyncGenerator<JournalItem> {
  const last = yield* readOnce(dir);
  if (last !== undefined && last.torn > 0) {
    const { segment, lsn } = last;
    yield { kind: 'torn', file: segment.path, offset: segment.offset(lsn) };
  }
}

/**
 * Reads everything in a journal, as `readJournal` does, and then what is written from now on, until `signal` is aborted.
 * @param dir its folder
 * @throws DetourError `old_journal`, `new_journal`, `not_a_journal`, or an errno of the file system: ENOENT if there is no folder
 */
export async function* followJournal(
  dir: string,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<JournalItem> {
  const begun = new Set<Lsn>();
  const before = readOnce(dir);
  let step = await before.next();
  for (; !step.done; step = await before.next()) {
    if (step.value.kind === 'segment') begun.add(step.value.first);
    yield step.value;
  }
  let last = step.value;
  while (!signal.aborted) {
    await pause(clock, signal);
    if (await quiet(dir, last)) continue;
    const { segments } = await list(dir);
    for (const segment of segments) {
      const { first } = segment;
      if (first < (last?.segment.first ?? 0)) continue;
      if (!begun.has(first)) yield begin(segment);
      begun.add(first);
      last = yield* readSegment(segment, last);
    }
  }
}

// Has nothing been written since? Looks where the next commit would begin, in this segment or the one after it.
async function quiet(dir: string, last: ScanEnd | undefined): Promise<boolean> {
  if (last === undefined) return false;
  const { segment, lsn } = last;
  const places: readonly [string, number][] = [
    [segment.path, segment.offset(lsn)],
    [filePath(dir, segment.end, 'wal'), FILE_HEADER],
  ];
  for (const [file, offset] of places) {
    const bytes = await readBytes(files, file, offset, COMMIT_HEADER).catch(() => Buffer.alloc(0));
    if (!isEnd(bytes, 0)) return false;
  }
  return true;
}

// A relay may rename a file while the folder is being listed: then it is listed again.
async function list(dir: string): Promise<Listing> {
  for (let tries = 0; ; tries++) {
    try {
      return await listLog(files, dir);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || tries === TRIES)
        throw systemError(error, `the journal's folder ${dir} cannot be read`);
    }
  }
}

async function* readOnce(dir: string): AsyncGenerator<JournalItem, ScanEnd | undefined> {
  const listing = await list(dir);
  const kept = yield* checkpoints(dir, listing);
  const { segments, broken } = listing;
  for (const { path: file, what } of broken) yield damaged(file, 0, what);
  const gap = missing(listing, kept);
  if (gap !== undefined && !broken.some(({ lsn }) => lsn === gap))
    yield damaged(filePath(dir, gap, 'wal'), 0, 'it is needed, and is missing');
  let last: ScanEnd | undefined;
  for (const segment of segments) {
    yield begin(segment);
    // Segments that are missing in between have been freed: nothing in them was held any more.
    if (last !== undefined && last.segment.end !== segment.first) {
      if (last.torn > 0)
        yield damaged(last.segment.path, last.segment.offset(last.lsn), 'a commit cannot be read');
      last = undefined;
    }
    last = yield* readSegment(segment, last);
  }
  const floor = listing.checkpoints[0] ?? 0;
  if (last !== undefined && last.lsn < floor)
    yield damaged(
      last.segment.path,
      last.segment.offset(last.lsn),
      `the log ends here, and there is a checkpoint of LSN ${floor}`,
    );
  return last;
}

function begin({ path: file, first, size }: SegmentFile): JournalItem {
  return { kind: 'segment', file, first, size };
}

// Yields the checkpoints, the newest first, and returns the newest two that can be read, the older one first. One that cannot be read is
// read twice, because a relay may just have reused its file.
async function* checkpoints(dir: string, listing: Listing): AsyncGenerator<JournalItem, Checkpoint[]> {
  const kept: Checkpoint[] = [];
  const read = (lsn: Lsn): Promise<Checkpoint> =>
    readCheckpoint({ dir, files }, lsn, listing.id, {
      async restore(_id, chunks) {
        for await (const _chunk of chunks);
      },
    });
  for (const lsn of listing.checkpoints) {
    const file = filePath(dir, lsn, 'checkpoint');
    try {
      const checkpoint = await read(lsn).catch(() => read(lsn));
      yield { kind: 'checkpoint', file, lsn };
      if (kept.length < 2) kept.unshift(checkpoint);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') continue;
      if (!(error instanceof DetourError) || error.code !== 'damaged_journal') throw error;
      yield damaged(file, 0, 'the checkpoint cannot be read');
    }
  }
  return kept;
}

// Reads a segment, from where `last` ended if that is in this segment or the one before it. What cannot be read is read twice, and so is
// the end of the segment before: a relay may just have been writing it.
async function* readSegment(
  segment: SegmentFile,
  last: ScanEnd | undefined,
): AsyncGenerator<JournalItem, ScanEnd | undefined> {
  let from = last && { lsn: Math.max(segment.first, last.lsn), next: last.next };
  for (let sure = false; ; sure = true) {
    const scan = scanCommits(files, [segment], from);
    try {
      let step = await scan.next();
      for (; !step.done; step = await scan.next()) {
        const { kind, lsn, to, number } = step.value;
        if (kind === 'lost' && !sure) break;
        const before =
          kind === 'lost' && lsn === segment.first && last?.segment !== segment ? last : undefined;
        yield before === undefined ? itemOf(step.value) : lostAfter(before, number);
        from = { lsn: to, next: number + 1 };
      }
      if (step.done) {
        // The log does not end in a segment that is only preallocated.
        const end = step.value;
        const ahead = last !== undefined && end?.lsn === segment.first && end.torn === 0;
        return end === undefined || ahead ? last : end;
      }
      if (last !== undefined && last.segment !== segment && step.value.lsn === segment.first) {
        for await (const late of scanCommits(files, [last.segment], last)) {
          yield itemOf(late);
          from = { lsn: segment.first, next: late.number + 1 };
        }
      }
    } catch (error) {
      // The relay has freed the segment meanwhile.
      if (errnoOf(error) !== 'ENOENT') throw error;
      return last;
    }
  }
}

function itemOf({ kind, segment, lsn, number, records: entries }: Scanned): JournalItem {
  const place = { file: segment.path, offset: segment.offset(lsn) };
  if (kind === 'commit') return { kind, ...place, number, entries };
  return { kind: 'damaged', ...place, what: lostText(number), entries };
}

const lostText = (number: number): string => `commit ${number} cannot be read, and a later one can`;

// For a lost commit at the end of a segment, which is noticed only at the first commit of the next one.
function lostAfter({ segment, lsn }: ScanEnd, number: number): Damage {
  return damaged(segment.path, segment.offset(lsn), lostText(number));
}

function pause(clock: Clock, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(POLL_MS, done);
    signal.addEventListener('abort', done);
  });
}
