// Opening a log: reads the newest checkpoint that can be read and every entry after it, and then mends the end of the log before anything
// is answered from it. Reading comes first, so that a log that is refused is not changed.

import { DetourError, isFull } from '../../core/error.ts';
import { type FileSystem, writeInto } from '../../core/files.ts';
import { damagedJournal, notAJournal } from '../../errors/journal.ts';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import { finishDeletion } from './clear.ts';
import type { Folder } from './files.ts';
import { FILE_HEADER, filePath, randomToken, reachesEnd } from './format.ts';
import type { LostPart, Lsn, Owner } from './log.ts';
import { type Listing, listLog, readBytes, type ScanEnd, type Scanned, scanCommits } from './segments.ts';

type Files = Pick<Folder, 'dir' | 'files'>;
type Reader = Pick<Owner, 'restore' | 'entry' | 'notice'>;
/** Called for a part that cannot be read, before what comes after it. It throws to end the reading. `how`: what is wrong. `bytes`: the part. */
type Around = (part: Omit<LostPart, 'copy'>, how: string, bytes?: Buffer) => unknown;

/**
 * Reads a log and changes nothing, so no lock is needed. @param around called for damage. @throws as `OpenLog`, except `locked`
 * @returns what is there, where it ends, and the number of the next commit; `last` is the last commit that was read
 */
export async function readLog({ dir, files }: Files, owner: Reader, around: Around) {
  const listing = await listLog(files, dir);
  const { segments, broken, checkpoints: found, free, unfinished, stranger } = listing;
  const own = segments.length + broken.length + found.length + free.length + unfinished.length;
  const what = `${dir} is not empty and holds no journal (there is ${JSON.stringify(stranger)} in it)`;
  if (own === 0 && stranger !== undefined) throw notAJournal(what);
  const next = (lsn: Lsn): Lsn => segments.find(({ first }) => first > lsn)?.first ?? lsn;
  const part = (file: string, offset: number, how: string, from: Lsn, to = next(from), bytes?: Buffer) =>
    around({ from, to, file, offset }, how, bytes);
  for (const { path: file, lsn, what: how } of broken) await part(file, 0, how, lsn);
  const { kept, id } = await restore({ dir, files }, owner, listing);
  const gap = missing(listing, kept);
  if (gap !== undefined) await part(filePath(dir, gap, 'wal'), 0, 'it is needed, and is missing', gap);
  const used = kept.at(-1);
  if (used !== undefined && !(await reached(files, listing, used)))
    await part(used.path, 0, 'the log does not reach this checkpoint', used.lsn);
  const from = used ?? { lsn: 0, next: 1 };
  const rest = segments.filter(({ end }) => end >= from.lsn);
  const scan = scanCommits(files, rest, from);
  let last: Scanned | undefined;
  let step = await scan.next();
  for (; !step.done; step = await scan.next()) {
    const { kind, lsn, to, segment, bytes, number, records } = step.value;
    const how = `commit ${number} is broken, and a later one is not`;
    if (kind === 'commit') last = step.value;
    else await part(segment.path, segment.offset(lsn), how, lsn, to, bytes);
    for (const record of records) owner.entry(record.bytes, record.lsn);
  }
  const end = step.value;
  const floor = found[0] ?? 0;
  const how = `the log ends here, and there is a checkpoint of LSN ${floor}`;
  if (end !== undefined && (last?.to ?? from.lsn) < floor)
    await part(end.segment.path, end.segment.offset(end.lsn), how, end.lsn, floor);
  return { ...listing, kept, id, last, end, floor, next: end?.next ?? from.next };
}

/**
 * Reads a log and mends its end. @param salvage skip damaged parts instead of refusing. @throws as `OpenLog`, except `locked`
 * @returns what is there, and where the log goes on: at `lsn` with commit `next`, in `segment`; if that is undefined, in a new segment
 */
export async function recover(folder: Folder, owner: Owner, salvage: boolean) {
  const { dir, files } = folder;
  if (await finishDeletion(files, dir))
    owner.notice('The deletion of the old journal had been interrupted. It is finished now.');
  let lost = 0;
  const log = await readLog(folder, owner, async (part, how, bytes) => {
    const { file, offset } = part;
    if (!salvage) throw damagedJournal(file, offset, how);
    const copy = bytes && (await setAside(files, `${file}.${offset}.lost`, bytes));
    owner.lost({ ...part, copy });
    lost += 1;
  });
  const { segments, broken, checkpoints: found, free, unfinished, kept, id, last, end, floor, next } = log;
  for (const { path: file } of broken) await files.rename(file, `${file}.lost`);
  const old = found.filter((lsn) => !kept.some((checkpoint) => checkpoint.lsn === lsn));
  for (const file of [...unfinished, ...old.map((lsn) => filePath(dir, lsn, 'checkpoint'))])
    await files.unlink(file);
  // Write the last commit again: it may have been read from the page cache, and after a failed sync the cache is clean but the disk lacks it.
  if (last !== undefined)
    await writeInto(files.open(last.segment.path, 'write'), last.bytes, last.segment.offset(last.lsn));
  if (end !== undefined && end.torn > 0) await cutTail(files, owner, end);
  await files.syncDirectory(dir);
  const segment = lost > 0 ? undefined : end?.segment;
  const known = Math.max(floor, ...broken.map((each) => each.lsn), ...segments.map((each) => each.end));
  // After a loss the log goes on far above all known LSNs, further than the lost part can have reached, so that no LSN is given twice.
  const lsn = lost > 0 ? known + 2 ** 32 : (end?.lsn ?? 0);
  return { id, segments, free, checkpoints: kept, segment, lsn, next };
}

// Gives the owner the state of the newest checkpoint that can be read. @returns at most two that can be read, the older one first
async function restore(folder: Files, owner: Reader, { checkpoints, id: own }: Listing) {
  const kept: Checkpoint[] = [];
  let id = own;
  for (const lsn of checkpoints) {
    try {
      const checkpoint = await readCheckpoint(folder, lsn, id, kept.length === 0 ? owner : undefined);
      id ??= checkpoint;
      if (kept.length < 2) kept.unshift(checkpoint);
    } catch (error) {
      if (!(error instanceof DetourError) || error.code !== 'damaged_journal') throw error;
      owner.notice(`A checkpoint cannot be read, so it is skipped: ${error.message}`);
    }
  }
  id ??= { store: randomToken(), key: randomToken(16) };
  if (kept.length === 0) await owner.restore(id, (async function* () {})());
  return { kept, id };
}

/**
 * The first LSN that must be there and is not: above the older checkpoint, or in a segment that the newer one points into.
 * @param kept the checkpoints that can be read, the older one first
 */
export function missing({ segments, checkpoints }: Listing, kept: readonly Checkpoint[]): Lsn | undefined {
  for (const lsn of kept.at(-1)?.segments ?? []) if (!segments.some(({ first }) => first === lsn)) return lsn;
  let reach = kept[0]?.lsn ?? 0;
  const needed = segments.filter(({ end }) => end >= reach);
  if (needed.length === 0) return segments.length + checkpoints.length > 0 ? reach : undefined;
  for (const { first, end } of needed) {
    if (first > reach) return reach;
    reach = end;
  }
  return undefined;
}

async function reached(files: FileSystem, { segments }: Listing, { lsn, next }: Checkpoint) {
  const home = segments.find(({ first, end }) => first < lsn && lsn <= end);
  if (home === undefined) return lsn === 0;
  const bytes = await readBytes(files, home.path, FILE_HEADER, lsn - home.first);
  return reachesEnd(bytes, home.first, home.seed, next - 1);
}

// Copies bytes to a file of their own, if there is room for it. @returns its path
async function setAside(files: FileSystem, copy: string, bytes: Uint8Array): Promise<string | undefined> {
  try {
    // If a crash has interrupted this before, a copy with the same name is already there.
    await files.unlink(copy).catch(() => undefined);
    await writeInto(files.open(copy, 'create'), bytes, 0);
    return copy;
  } catch (error) {
    if (isFull(error)) return undefined;
    throw error;
  }
}

// Copies what a crash left of a commit to another file and zeroes it, so that it is not found and reported again.
async function cutTail(files: FileSystem, owner: Owner, { segment, lsn, torn }: ScanEnd): Promise<void> {
  const at = segment.offset(lsn);
  let bytes = await readBytes(files, segment.path, at, Math.min(segment.size - at, torn));
  while (bytes.at(-1) === 0) bytes = bytes.subarray(0, -1);
  await setAside(files, `${segment.path}.${at}.torn`, bytes);
  await writeInto(files.open(segment.path, 'write'), Buffer.alloc(segment.end - lsn), at);
  owner.torn(segment.path, at, bytes.length);
}
