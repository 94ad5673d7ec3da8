// Opening a log: the newest checkpoint that can be read, every entry after it, and then what must be mended before anybody is told
// anything. Reading comes first, so that a refusal has changed nothing.

import path from 'node:path';
import { DetourError, errnoOf } from '../../errors/error.ts';
import { damagedJournal, notAJournal } from '../../errors/journal.ts';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import { type FileSystem, type Folder, isFull, writeAll } from './files.ts';
import { fileName, type LogId } from './format.ts';
import type { LostPart, Lsn, Owner } from './log.ts';
import { type Listing, listLog, type ScanEnd, type Scanned, scanCommits } from './scan.ts';
import { readPart, type SegmentFile } from './segments.ts';

/** What was found in a log, and mended. */
export interface Recovered {
  /** Undefined for a log that is new. */
  readonly id: LogId | undefined;
  readonly segments: readonly SegmentFile[];
  readonly free: readonly string[];
  /** Those that can be read, the older one first; at most two. */
  readonly checkpoints: readonly Checkpoint[];
  /** Where the log goes on: in this segment, or in a new one that begins at `lsn`. */
  readonly segment: SegmentFile | undefined;
  readonly lsn: Lsn;
  /** The number of the next commit. */
  readonly next: number;
}

const AT_ONCE = 1024 * 1024;

/** Reads a log and mends its end. @param salvage go around what is damaged, in place of refusing. @throws as `OpenLog` */
export async function recover(folder: Folder, owner: Owner, salvage: boolean): Promise<Recovered> {
  const { dir, files } = folder;
  const listing = await listLog(files, dir);
  const { segments, broken, checkpoints: found, free, unfinished, stranger } = listing;
  if (segments.length + broken.length + found.length + free.length + unfinished.length === 0 && stranger)
    throw notAJournal(
      `${dir} is not empty and holds no journal (there is ${JSON.stringify(stranger)} in it)`,
    );
  let lost = 0;
  // Damage: refused, or gone around.
  const part = async (at: Omit<LostPart, 'copy'>, what: string, bytes?: Uint8Array): Promise<void> => {
    if (!salvage) throw damagedJournal(at.file, at.offset, what);
    lost += 1;
    owner.lost({ ...at, copy: bytes && (await setAside(files, `${at.file}.${at.offset}.lost`, bytes)) });
  };

  for (const { path: file, lsn, what } of broken) {
    const to = segments.find(({ first }) => first > lsn)?.first ?? lsn;
    await part({ from: lsn, to, file, offset: 0 }, what);
    await files.rename(file, `${file}.lost`);
  }
  const { kept, id } = await restore(folder, owner, listing);
  const gap = missing(segments, kept, found.length > 0);
  if (gap !== undefined && !salvage)
    throw damagedJournal(path.join(dir, fileName(gap, 'wal')), 0, 'this file is needed, and it is not there');

  const newest = kept.at(-1);
  const from = { lsn: newest?.lsn ?? 0, number: (newest?.next ?? 1) - 1 };
  const after = segments.filter(({ end }) => end >= from.lsn);
  const scan = scanCommits(files, after, from);
  let last: Scanned | undefined;
  let step = await scan.next();
  for (; !step.done; step = await scan.next()) {
    const { kind, lsn, to, segment, bytes, number, records } = step.value;
    if (kind === 'commit') last = step.value;
    else {
      const place = { from: lsn, to, file: segment.path, offset: segment.offset(lsn) };
      await part(place, `commit ${number} is broken, and a later one is not`, bytes);
    }
    for (const { start, end, lsn: own } of records) owner.entry(bytes.subarray(start, end), own);
  }
  const end = step.value;
  const floor = found[0] ?? 0;
  if (end !== undefined && end.lsn < floor) {
    const place = { from: end.lsn, to: floor, file: end.segment.path, offset: end.segment.offset(end.lsn) };
    await part(place, `the log ends here, and there is a checkpoint of LSN ${floor}`);
  }

  for (const file of unfinished) await files.unlink(file);
  for (const lsn of found)
    if (!kept.some((checkpoint) => checkpoint.lsn === lsn))
      await files.unlink(path.join(dir, fileName(lsn, 'checkpoint')));
  // It may have been read from the page cache alone: after a failed sync that is clean, and the disk has nothing of it.
  if (last !== undefined) await rewrite(files, last.segment, last.lsn, last.bytes);
  if (end !== undefined && end.torn > 0) await cutTail(files, owner, end);
  await files.syncDirectory(dir);
  return {
    id,
    segments,
    free,
    checkpoints: kept,
    segment: lost > 0 ? undefined : end?.segment,
    lsn: lost > 0 ? Math.max(floor, ...segments.map((segment) => segment.end)) : (end?.lsn ?? 0),
    next: (end?.number ?? from.number) + 1,
  };
}

// Gives the owner the state of the newest checkpoint that can be read.
async function restore(
  { dir, files }: Folder,
  owner: Owner,
  { checkpoints, id: own }: Listing,
): Promise<{ readonly kept: Checkpoint[]; readonly id: LogId | undefined }> {
  const kept: Checkpoint[] = [];
  let id = own;
  for (const lsn of checkpoints) {
    try {
      const checkpoint = await readCheckpoint(files, dir, lsn, async (read, chunks) => {
        const file = path.join(dir, fileName(lsn, 'checkpoint'));
        if (id !== undefined && read.store !== id.store)
          throw damagedJournal(file, 0, 'it belongs to another journal');
        id ??= { store: read.store, key: read.key };
        if (kept.length === 0) await owner.restore(chunks);
      });
      if (kept.length < 2) kept.unshift(checkpoint);
    } catch (error) {
      if (!(error instanceof DetourError) || error.code !== 'damaged_journal') throw error;
      owner.notice(`A checkpoint cannot be read, and the one before it is used: ${error.message}`);
    }
  }
  if (checkpoints.length > 0 && kept.length === 0) await owner.restore((async function* () {})());
  return { kept, id };
}

/**
 * The first LSN of a segment that must be there and is not: above the older checkpoint nothing has gone yet, and below it nothing that
 * the newer one points into.
 * @param kept those that can be read, the older one first. @param made was there any checkpoint?
 */
export function missing(
  segments: readonly SegmentFile[],
  kept: readonly Checkpoint[],
  made: boolean,
): Lsn | undefined {
  for (const lsn of kept.at(-1)?.segments ?? []) if (!segments.some(({ first }) => first === lsn)) return lsn;
  let reach = kept[0]?.lsn ?? 0;
  const needed = segments.filter(({ end }) => end >= reach);
  if (needed.length === 0) return segments.length > 0 || made ? reach : undefined;
  for (const { first, end } of needed) {
    if (first > reach) return reach;
    reach = end;
  }
  return undefined;
}

async function rewrite(files: FileSystem, at: SegmentFile, lsn: Lsn, bytes: Uint8Array): Promise<void> {
  const file = await files.open(at.path, 'write');
  await writeAll(file, bytes, at.offset(lsn)).finally(() => file.close());
}

// Copies bytes to a file of their own, if there is room for it. @returns its path
async function setAside(files: FileSystem, copy: string, bytes: Uint8Array): Promise<string | undefined> {
  try {
    const file = await files.open(copy, 'create');
    await writeAll(file, bytes, 0).finally(() => file.close());
  } catch (error) {
    if (isFull(error)) return undefined;
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
  return copy;
}

// What a crash left of a commit is copied aside and zeroed, so that it is not met, and told, a second time.
async function cutTail(files: FileSystem, owner: Owner, { segment, lsn, torn }: ScanEnd): Promise<void> {
  const at = segment.offset(lsn);
  let bytes = await readPart(files, segment.path, at, Math.min(segment.size - at, torn));
  while (bytes.at(-1) === 0) bytes = bytes.subarray(0, -1);
  await setAside(files, `${segment.path}.${at}.torn`, bytes);
  for (let from = lsn; from < segment.end; from += AT_ONCE)
    await rewrite(files, segment, from, Buffer.alloc(Math.min(AT_ONCE, segment.end - from)));
  owner.torn(segment.path, at, bytes.length);
}
