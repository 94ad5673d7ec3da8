// Opening a journal: what is in the directory, which bytes count, and what they come to. It only reads; what must be
// repaired is said in the result, and done (journal.ts) once the next segment has been claimed.
//
// The rule by which a torn tail is told from damage: a crash can tear only the last commit. So something bad with an intact later
// commit behind it is damage. A later segment says with `first` which commit it expected to be the next, which is at the same
// time the proof that a torn one before it had been judged already.

import type { Dirent } from 'node:fs';
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { DetourError } from '../../errors/error.ts';
import { type Commit, commitsFrom, laterCommit } from './commit.ts';
import { diskError, errnoOf, syncDirectory } from './disk.ts';
import type { Segment } from './files.ts';
import { Fold } from './fold.ts';
import { type PlacedRecord, readRecords } from './record.ts';
import { CUT_NAME, NEW_NAME, readSegmentHeader, SEGMENT_NAME, SPARE_NAME } from './segment.ts';

/** The name of the socket or file by which a lock is held; the journal leaves it alone. */
const LOCK_NAME = 'lock';

/** What lies in the directory of a journal. */
export interface Listing {
  /** Numbers of the segments, ascending, with their file names. */
  readonly segments: readonly { readonly k: number; readonly name: string }[];
  readonly spares: readonly string[];
  /** What was being written when the life before ended. */
  readonly unfinished: readonly string[];
  /** What has no name of the journal's. */
  readonly foreign: readonly string[];
}

/** The last segment of the life before, and where its last intact commit ends. */
export interface Tail {
  readonly segment: Segment;
  readonly offset: number;
  /** Bytes behind it that are no end: a commit that was torn. Empty if all is well. */
  readonly torn: Buffer;
}

/** What reading a journal found. */
export interface Found {
  readonly fold: Fold;
  /** Those that count, oldest first. */
  readonly segments: readonly Segment[];
  /** Files that do not count (any more): of segments that were let go, and what was never finished. */
  readonly leftovers: readonly string[];
  /** What earlier compactions carried forward beside messages: bytes by segment. */
  readonly carried: ReadonlyMap<number, number>;
  readonly tail: Tail | undefined;
  /** The number of the last intact commit; 0 if there is none. */
  readonly lastCommit: number;
  /** The records of the last intact commit, to be written again: it may have been read from memory only, not from the disk. */
  readonly lastRecords: readonly PlacedRecord[];
}

/**
 * Makes sure that the directory is there and is one.
 * @throws DetourError `not_a_directory`, or the errno of the file system
 */
export async function makeDirectory(dir: string): Promise<void> {
  try {
    await makeWithParents(path.resolve(dir));
  } catch (error) {
    if (errnoOf(error) === 'EEXIST' || errnoOf(error) === 'ENOTDIR') {
      throw new DetourError('not_a_directory', `${dir} is not a directory, and the journal needs one`, '', {
        cause: error,
      });
    }
    throw diskError(error, `the journal's directory ${dir} cannot be made`);
  }
}

// Not mkdir's own `recursive`: where a file system takes no directories and says ENOENT, as /proc does, it tries for ever (Node 20).
async function makeWithParents(dir: string): Promise<void> {
  try {
    await mkdir(dir, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') {
      // Some systems say EROFS or EACCES before they look whether it is there.
      if (await isDirectory(dir)) return;
      throw error;
    }
    const parent = path.dirname(dir);
    if (parent === dir || (await isDirectory(parent))) throw error;
    await makeWithParents(parent);
    await mkdir(dir, { mode: 0o700 });
  }
  // A new directory is durable once the one above it is. Who may not read that one cannot sync it either.
  await syncDirectory(path.dirname(dir)).catch((error: unknown) => {
    if (errnoOf(error) !== 'EACCES') throw error;
  });
}

const isDirectory = (dir: string): Promise<boolean> =>
  stat(dir).then(
    (found) => found.isDirectory(),
    () => false,
  );

/** Looks into the directory. @throws DetourError `not_a_journal`, the errno of the file system */
export async function listDirectory(dir: string): Promise<Listing> {
  let entries: Dirent[];
  try {
    entries = await readdir(dir, { withFileTypes: true });
  } catch (error) {
    throw diskError(error, `the journal's directory ${dir} cannot be read`);
  }
  const segments: { k: number; name: string }[] = [];
  const spares: string[] = [];
  const unfinished: string[] = [];
  const foreign: string[] = [];
  for (const entry of entries) {
    const { name } = entry;
    // A pipe, say: whoever opens it waits for somebody at its other end.
    const own = [SEGMENT_NAME, SPARE_NAME, NEW_NAME].some((form) => form.test(name));
    if (own && !entry.isFile() && !entry.isSymbolicLink()) {
      throw new DetourError(
        'not_a_journal',
        `${path.join(dir, name)} has the name of a journal's file and is none`,
        'Move it away, or give another directory with --journal.',
      );
    }
    const match = SEGMENT_NAME.exec(name);
    if (match !== null) segments.push({ k: Number(match[1]), name });
    else if (SPARE_NAME.test(name)) spares.push(name);
    else if (NEW_NAME.test(name)) unfinished.push(name);
    else if (!CUT_NAME.test(name) && !name.startsWith(LOCK_NAME)) foreign.push(name);
  }
  segments.sort((a, b) => a.k - b.k);
  return { segments, spares, unfinished, foreign };
}

/**
 * A directory in which no journal is and something else is: somebody's home, say, given by mistake.
 * Hidden files and the `lost+found` of a fresh volume do not count.
 * @throws DetourError `not_a_journal`
 */
export function refuseForeign(dir: string, { segments, spares, foreign }: Listing): void {
  const stranger = foreign.find((name) => !name.startsWith('.') && name !== 'lost+found');
  if (segments.length > 0 || spares.length > 0 || stranger === undefined) return;
  throw new DetourError(
    'not_a_journal',
    `${dir} is not empty and holds no journal (there is ${JSON.stringify(stranger)} in it)`,
    'Give the relay a directory of its own with --journal.',
  );
}

/** Says that a file of the journal is damaged, and where. */
export function damaged(file: string, offset: number, what: string): DetourError {
  return new DetourError(
    'damaged',
    `the journal is damaged: ${file}, at byte ${offset}: ${what}`,
    'Nothing was changed. Restore the directory from a copy, or move it away and start with an empty one.',
  );
}

interface Loaded {
  readonly segment: Segment;
  readonly bytes: Buffer;
}

async function load(
  dir: string,
  { k, name }: { readonly k: number; readonly name: string },
): Promise<Loaded> {
  const file = path.join(dir, name);
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw diskError(error, `the journal's file ${file} cannot be read`);
  }
  const read = readSegmentHeader(bytes);
  if (typeof read === 'string') throw damaged(file, 0, `the header of the segment: ${read}`);
  if (read.header.k !== k) throw damaged(file, 0, `the header says that it is segment ${read.header.k}`);
  return { segment: { header: read.header, path: file, start: read.length, size: bytes.length }, bytes };
}

/** The records of a commit that was found intact. @throws DetourError `damaged` if they cannot be read nevertheless */
export function* recordsOf(file: string, commit: Commit): Generator<PlacedRecord> {
  try {
    yield* readRecords(commit.body, commit.bodyOffset);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw damaged(file, commit.offset, `commit ${commit.n} is intact, but ${error.message}`);
  }
}

/**
 * Reads a journal.
 * @throws DetourError `damaged` with file and offset, or the errno of the file system
 */
export async function readAll(dir: string, listing: Listing): Promise<Found> {
  const unfinished = listing.unfinished.map((name) => path.join(dir, name));
  const newest = listing.segments.at(-1);
  if (newest === undefined) {
    return {
      fold: new Fold(),
      segments: [],
      leftovers: [],
      carried: new Map(),
      tail: undefined,
      lastCommit: 0,
      lastRecords: [],
    };
  }
  const last = await load(dir, newest);
  const oldest = oldestOf(last);
  const counting = listing.segments.filter(({ k }) => k >= oldest);
  const gone = listing.segments.filter(({ k }) => k < oldest);
  const leftovers = [...unfinished, ...gone.map(({ name }) => path.join(dir, name))];
  counting.forEach(({ k }, i) => {
    if (k !== oldest + i)
      throw damaged(path.join(dir, newest.name), 0, `segment ${oldest + i}, which it needs, is missing`);
  });

  const fold = new Fold();
  const segments: Segment[] = [];
  const carried = new Map<number, number>();
  let end = 0;
  let lastCommit: number | undefined;
  let lastRecords: PlacedRecord[] = [];
  let before: Loaded | undefined;
  for (const name of counting) {
    const loaded = name.k === newest.k ? last : await load(dir, name);
    const { segment, bytes } = loaded;
    const { header } = segment;
    lastCommit ??= header.first - 1;
    if (header.token !== last.segment.header.token)
      throw damaged(segment.path, 0, 'it belongs to another journal');
    if (header.first !== lastCommit + 1) {
      const at =
        before === undefined ? { file: segment.path, offset: 0 } : { file: before.segment.path, offset: end };
      throw damaged(
        at.file,
        at.offset,
        `commit ${lastCommit + 1} should stand here, and ${segment.path} begins with ${header.first}`,
      );
    }
    const commits = commitsFrom(bytes, 0, segment.start, header.salt);
    for (;;) {
      const next = commits.next();
      if (next.done) {
        end = next.value.offset;
        break;
      }
      const commit = next.value;
      if (commit.n !== lastCommit + 1)
        throw damaged(
          segment.path,
          commit.offset,
          `commit ${commit.n} stands where ${lastCommit + 1} should`,
        );
      lastCommit = commit.n;
      lastRecords = [];
      for (const placed of recordsOf(segment.path, commit)) {
        fold.take(
          placed.record,
          { segment: header.k, offset: placed.offset, length: placed.length },
          commit.n,
        );
        const { kind } = placed.record;
        if (kind === 'remember' || kind === 'mailbox')
          carried.set(header.k, (carried.get(header.k) ?? 0) + placed.length);
        if (kind !== 'life') lastRecords.push(placed);
      }
    }
    segments.push(segment);
    before = loaded;
  }

  const later = laterCommit(last.bytes, end, last.segment.header.salt, lastCommit ?? 0);
  if (later !== undefined) {
    throw damaged(
      last.segment.path,
      end,
      `commit ${(lastCommit ?? 0) + 1} is broken, and commit ${later.n} behind it is not`,
    );
  }
  const tail = { segment: last.segment, offset: end, torn: tornBytes(last, end) };
  return { fold, segments, leftovers, carried, tail, lastCommit: lastCommit ?? 0, lastRecords };
}

// Which segment is the oldest that counts: as the newest segment says, unless a later one was let go in it.
function oldestOf({ segment, bytes }: Loaded): number {
  let oldest = segment.header.oldest;
  for (const commit of commitsFrom(bytes, 0, segment.start, segment.header.salt)) {
    for (const { record } of recordsOf(segment.path, commit)) {
      if (record.kind === 'drop') oldest = Math.max(oldest, record.segment + 1);
    }
  }
  return oldest;
}

// Behind the last intact commit: nothing if there is an end; else as far as the torn commit says it goes, or as there is anything.
function tornBytes({ segment, bytes }: Loaded, end: number): Buffer {
  const scan = commitsFrom(bytes, 0, end, segment.header.salt).next();
  if (!scan.done || scan.value.found.kind === 'end') return bytes.subarray(0, 0);
  let stop = Math.min(scan.value.found.end ?? bytes.length, bytes.length);
  while (stop > end && bytes[stop - 1] === 0) stop--;
  return bytes.subarray(end, stop);
}
