// Reading a journal from outside, for people: what stands in it, commit by commit, also while a relay writes it; and is it sound? It takes
// no lock, changes nothing and repairs nothing.

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

/** An entry: a frame in the grammar of PROTOCOL.md. */
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
  /** After the last commit stands the beginning of another: it is just being written, or a crash cut it short. */
  | { readonly kind: 'torn'; readonly offset: number }
  /** What was durable once and cannot be read. `entries` are those in it that can. */
  | {
      readonly kind: 'damaged';
      readonly offset: number;
      readonly what: string;
      readonly entries: readonly JournalEntry[];
    }
);

/** What cannot be read. */
export type Damage = Extract<JournalItem, { readonly kind: 'damaged' }>;

/** How often a journal that is followed is looked at again, in milliseconds. */
const POLL_MS = 100;

/** How often a folder is listed before it is believed that a file, or all of it, is missing. */
export const TRIES = 20;

/** Something that cannot be read, and of which nothing can. */
export const damaged = (file: string, offset: number, what: string): Damage => ({
  kind: 'damaged',
  file,
  offset,
  what,
  entries: [],
});

/**
 * Everything in a journal: its checkpoints, then segment after segment, oldest first.
 * @param dir its folder
 * @throws DetourError `old_journal`, `new_journal`, `not_a_journal`, or the errno of the file system: ENOENT, there is none
 */
export async function* readJournal(dir: string): AsyncGenerator<JournalItem> {
  const last = yield* readOnce(dir);
  if (last !== undefined && last.torn > 0) {
    const { segment, lsn } = last;
    yield { kind: 'torn', file: segment.path, offset: segment.offset(lsn) };
  }
}

/** The same, and then what is written from now on, until `signal` says to stop. */
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

// Has nothing been written since? A look at where the next commit would begin, in this segment or the one after it.
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

// While it is being looked at, a relay may give one of the files another name: then once more.
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
    // What was in the segments that are not there any more has been collected.
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

// Those that can be read, the older one first. One that cannot is looked at twice: a relay may just have let go of it.
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

// Reads a segment, from where `last` ended if that is this segment or the one before it. What cannot be read is looked at twice, the
// end of the segment before included: a relay may just have been writing it.
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
        // In a segment that was only made ahead the log does not end.
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
      // The relay has let go of it meanwhile.
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

// The last commit of a segment is lost: that shows only at the next one.
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
