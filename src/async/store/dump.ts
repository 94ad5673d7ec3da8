// Reading a journal from outside, for people: what is in it, commit by commit, also while a relay writes it and clears old
// segments away. It takes no lock, changes nothing and repairs nothing.

import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../trace/clock.ts';
import { commitAt, type Found, laterCommit } from './commit.ts';
import { diskError, errnoOf } from './disk.ts';
import type { PlacedRecord } from './record.ts';
import { damaged, listDirectory, recordsOf } from './recover.ts';
import { readSegmentHeader, type SegmentHeader, segmentName } from './segment.ts';

/** One thing that stands in a journal. Offsets are bytes in `file`. */
export type JournalItem =
  | { readonly kind: 'segment'; readonly file: string; readonly header: SegmentHeader }
  | {
      readonly kind: 'commit';
      readonly file: string;
      readonly offset: number;
      readonly n: number;
      /** When it was written, epoch milliseconds. */
      readonly at: number;
      readonly records: readonly PlacedRecord[];
    }
  /** Behind the last intact commit of all stands something else: a commit that is just being written, or one that was torn. */
  | { readonly kind: 'unfinished'; readonly file: string; readonly offset: number };

/** How a journal is read. */
export interface ReadOptions {
  /** Go on when the end is reached, until `signal` says to stop. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
  readonly clock: Clock;
}

/** How often a journal that is followed is looked at again. */
const POLL_MS = 100;

const WINDOW = 64 * 1024;

/**
 * Everything in a journal, oldest first.
 * @param dir its directory
 * @throws DetourError `damaged` with file and offset; the errno of the file system, `ENOENT` if there is no journal
 */
export async function* readJournal(dir: string, options: ReadOptions): AsyncGenerator<JournalItem> {
  let k = 0;
  let last: Last | undefined;
  while (!options.signal?.aborted) {
    const next = await segmentBehind(dir, k);
    if (next === undefined) {
      if (!options.follow) return;
      await pause(options);
      continue;
    }
    const segment = await openSegment(dir, next);
    // Cleared away between being listed and being opened: the one behind it is looked for.
    if (segment === undefined) continue;
    try {
      const { header, file } = segment;
      if (next === k + 1 && last !== undefined && header.first !== last.n + 1)
        throw damaged(
          last.file,
          last.end,
          `commit ${last.n + 1} should stand here, and ${file} begins with ${header.first}`,
        );
      k = next;
      yield { kind: 'segment', file, header };
      last = yield* readSegment(dir, segment, options);
    } finally {
      await segment.handle.close();
    }
  }
}

interface Open {
  readonly file: string;
  readonly handle: FileHandle;
  readonly header: SegmentHeader;
  readonly start: number;
}

/** The last commit of a segment to which none is added any more: its number, and where it ends. */
interface Last {
  readonly n: number;
  readonly file: string;
  readonly end: number;
}

async function segmentBehind(dir: string, k: number): Promise<number | undefined> {
  const { segments } = await listDirectory(dir);
  return segments.find((segment) => segment.k > k)?.k;
}

async function openSegment(dir: string, k: number): Promise<Open | undefined> {
  const file = path.join(dir, segmentName(k));
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw diskError(error, `the journal's file ${file} cannot be read`);
  }
  const read = readSegmentHeader(await bytesAt(handle, 0, WINDOW));
  if (typeof read === 'string' || read.header.k !== k) {
    await handle.close();
    // A file that has just become a spare or another segment under the reader's hands is no damage.
    if ((await segmentBehind(dir, k - 1)) !== k) return undefined;
    throw damaged(
      file,
      0,
      `the header of the segment: ${typeof read === 'string' ? read : 'it is another one'}`,
    );
  }
  return { file, handle, header: read.header, start: read.length };
}

// Returns the last commit, once a later segment shows that there is no more to come; undefined if that is not certain.
async function* readSegment(
  dir: string,
  segment: Open,
  options: ReadOptions,
): AsyncGenerator<JournalItem, Last | undefined> {
  const { file, header } = segment;
  let offset = segment.start;
  let n = header.first - 1;
  let sealed = false;
  let searched = false;
  while (!options.signal?.aborted) {
    const found = await commitIn(segment, offset);
    if (found.kind === 'commit' && found.commit.n === n + 1) {
      const { commit } = found;
      n = commit.n;
      yield { kind: 'commit', file, offset, n, at: commit.at, records: [...recordsOf(file, commit)] };
      offset = commit.end;
      continue;
    }
    if (await recycled(segment)) return undefined;
    if (found.kind === 'commit')
      throw damaged(file, offset, `commit ${found.commit.n} stands where ${n + 1} should`);
    // Looked at once more after a later segment has been seen: this one may have been written on until then.
    if (sealed) return { n, file, end: offset };
    if ((await segmentBehind(dir, header.k)) !== undefined) {
      sealed = true;
      continue;
    }
    // Behind an end that is followed it is looked only once: at each poll that would read the file again and again.
    if (found.kind === 'bad' || !searched) await refuseLater(segment, offset, n);
    searched = true;
    if (!options.follow) {
      if (found.kind === 'bad') yield { kind: 'unfinished', file, offset };
      return undefined;
    }
    await pause(options);
  }
  return undefined;
}

async function commitIn({ handle, header }: Open, offset: number): Promise<Found> {
  const found = commitAt(await bytesAt(handle, offset, WINDOW), offset, offset, header.salt);
  if (found.kind !== 'bad' || found.end === undefined || found.end <= offset + WINDOW) return found;
  // Larger than the window: its header, which is intact, says how large.
  return commitAt(await bytesAt(handle, offset, found.end - offset), offset, offset, header.salt);
}

// What has no intact commit at its place, but one behind it, is damaged: a crash can tear only the last. A commit is durable before
// the next is written, so one that was in flight a moment ago is whole by the time that a later one is found.
async function refuseLater(segment: Open, offset: number, n: number): Promise<void> {
  const { file, handle, header } = segment;
  const later = laterCommit(await bytesAt(handle, 0, (await handle.stat()).size), offset, header.salt, n);
  if (later === undefined || (await commitIn(segment, offset)).kind === 'commit') return;
  if (await recycled(segment)) return;
  throw damaged(file, offset, `commit ${n + 1} is broken, and commit ${later.n} behind it is not`);
}

// The file under the handle is not this segment any more.
async function recycled({ handle, header }: Open): Promise<boolean> {
  const read = readSegmentHeader(await bytesAt(handle, 0, WINDOW));
  return typeof read === 'string' || read.header.salt !== header.salt;
}

async function bytesAt(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

function pause({ clock, signal }: ReadOptions): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(POLL_MS, done);
    signal?.addEventListener('abort', done);
  });
}
