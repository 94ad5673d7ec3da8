// Reads segments: lists the folder of a log, reads single entries back, and reads the commits one after the other. Reading changes nothing
// and needs no lock. Parts that cannot be read are reported and skipped: the caller decides whether to refuse, to salvage or to show them.

import path from 'node:path';
import { type FileSystem, fileSize, inAdvance, readPart, withFile } from '../../core/files.ts';
import type { ReadAhead } from '../../core/read-ahead.ts';
import { beingDeleted, damagedRecord, notAJournal, otherFormat, systemError } from '../../errors/journal.ts';
import * as format from './format.ts';
import type { LogId, Lsn, Segment } from './log.ts';

/** A segment as a file. */
export class SegmentFile implements Segment {
  readonly first: Lsn;
  /** The LSN where the next segment begins. */
  readonly end: Lsn;
  readonly size: number;
  readonly seed: number;
  readonly path: string;
  /** Below this offset, the part without commits may not be allocated on the disk yet. 0: the whole file is allocated. */
  hole = 0;
  /** Does the owner's state no longer point into it? */
  unused = false;
  /** How many reads are under way. */
  readers = 0;

  constructor(dir: string, { lsn, extent, salt }: format.FileHeader) {
    this.first = lsn;
    this.end = lsn + extent - format.FILE_HEADER;
    this.size = extent;
    this.seed = format.seedOf(salt);
    this.path = format.filePath(dir, lsn, 'wal');
  }

  /** The offset of an LSN in the file. */
  offset = (lsn: Lsn): number => format.FILE_HEADER + lsn - this.first;
}

/** Reads up to `size` bytes of a file from `at`; fewer if the file ends earlier. @throws DetourError with the errno */
export const readBytes = (files: FileSystem, file: string, at: number, size: number): Promise<Buffer> =>
  named(file, readPart(files, file, at, size));

const named = <T>(file: string, read: Promise<T>): Promise<T> =>
  read.catch((error: unknown) => {
    throw systemError(error, `the journal's file ${file} cannot be read`);
  });

/** Reads the entry of an LSN and checks it. @throws DetourError `damaged` with file and offset, or the errno */
export async function readEntry(ahead: ReadAhead, segment: SegmentFile, lsn: Lsn): Promise<Buffer> {
  const at = segment.offset(lsn);
  const read = (size: number): Promise<Buffer> => named(segment.path, ahead.read(segment.path, at, size));
  let bytes = await read(format.RECORD_HEADER);
  const size = recordSize(bytes);
  if (size > bytes.length && size <= segment.size - at) bytes = await read(size);
  return entryIn(bytes, segment, lsn) ?? Promise.reject(damagedRecord(segment.path, at));
}

/** The entry of an LSN, taken from bytes that begin with its record; undefined if the record is incomplete or was changed. */
export function entryIn(bytes: Buffer, { seed }: SegmentFile, lsn: Lsn): Buffer | undefined {
  const record = bytes.subarray(0, recordSize(bytes));
  const whole = record.length > format.RECORD_HEADER && record.length === recordSize(bytes);
  return whole && format.recordIntact(record, lsn, seed) ? record.subarray(format.RECORD_HEADER) : undefined;
}

const recordSize = (bytes: Buffer): number =>
  bytes.length < format.RECORD_HEADER ? 0 : format.RECORD_HEADER + bytes.readUInt32LE(4);

/** What is in the folder of a log. */
export interface Listing {
  /** The segments, oldest first. */
  readonly segments: SegmentFile[];
  /** The LSNs of the checkpoints, newest first. */
  readonly checkpoints: Lsn[];
  /** The free files, with their sizes in bytes. */
  readonly free: { readonly path: string; readonly size: number }[];
  /** Paths of files that were being made. */
  readonly unfinished: string[];
  /** Files with the name of a segment that are not valid segments: the LSN in the name, and what is wrong. */
  readonly broken: { readonly lsn: Lsn; readonly path: string; readonly what: string }[];
  /** The identity of the log, if there is a segment that can be read. */
  id?: LogId;
  /** The name of a file that does not belong to a log, if there is one. */
  stranger?: string;
}

// The names of the files of detour 0.1.
const OLD_NAME = /^([0-9]{8,12}\.segment|[0-9a-f]{16}\.spare)$/;
// Copies of damaged parts, and files of the lock or of the system.
const BESIDE = /^(lock.*|\..*|lost\+found|.*\.(torn|lost))$/;

/** Lists a folder and reads the header of each segment. @throws DetourError `old_journal`, `new_journal`, `not_a_journal`, or the errno */
export async function listLog(files: FileSystem, dir: string): Promise<Listing> {
  const listing: Listing = { segments: [], checkpoints: [], free: [], unfinished: [], broken: [] };
  const entries = await files.list(dir);
  for (const { name, isFile } of [...entries].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const file = path.join(dir, name);
    const [, digits, kind] = format.FILE_NAME.exec(name) ?? format.SPARE_NAME.exec(name) ?? [];
    if (OLD_NAME.test(name)) throw otherFormat(1, format.VERSION);
    if (name === format.DELETING) throw beingDeleted(dir);
    // It could be a pipe, and opening that would wait for somebody at the other end.
    if (kind !== undefined && !isFile)
      throw notAJournal(`${file} has the name of a journal file, but is not a file`);
    if (kind === 'free') listing.free.push({ path: file, size: await fileSize(files, file) });
    else if (kind === 'new') listing.unfinished.push(file);
    else if (kind === 'checkpoint') listing.checkpoints.unshift(Number(digits));
    else if (kind === 'wal') {
      const lsn = Number(digits);
      const header = await headerOf(files, file, lsn, listing.id);
      if (typeof header === 'string') listing.broken.push({ lsn, path: file, what: header });
      else {
        listing.segments.push(new SegmentFile(dir, header));
        listing.id ??= { store: header.store, key: header.key };
      }
    } else if (!BESIDE.test(name)) listing.stranger ??= name;
  }
  return listing;
}

async function headerOf(files: FileSystem, file: string, lsn: Lsn, id?: LogId) {
  const bytes = Buffer.alloc(format.FILE_HEADER);
  const look = withFile(files.open(file, 'read'), (open) => open.read(bytes, 0).then(() => open.size()));
  const size = await named(file, look);
  const header = format.readFileHeader(bytes, 'SEGMENT');
  if (typeof header === 'string') return header;
  if (header.lsn !== lsn) return `it says that it begins at LSN ${header.lsn}`;
  if (id !== undefined && header.store !== id.store) return 'it belongs to another journal';
  return size < header.extent ? `it has fewer than ${header.extent} bytes` : header;
}

/** A stretch of a log: a commit, or a part that was lost. */
export interface Scanned {
  /** `lost`: it cannot be read, but it was durable once, because a later commit is there. */
  readonly kind: 'commit' | 'lost';
  readonly lsn: Lsn;
  /** The LSN at which the log goes on after it. */
  readonly to: Lsn;
  readonly segment: SegmentFile;
  /** Its bytes, as far as they are in this segment. */
  readonly bytes: Buffer;
  /** The number of the commit, or of the first lost one. */
  readonly number: number;
  /** Its records; for a lost part, those that are still intact. */
  readonly records: readonly format.FoundRecord[];
}

/** Where a log goes on, with commit `next`. `torn`: the most bytes that a crash may have left of a commit there; 0: none. */
export type ScanEnd = Pick<Scanned, 'segment' | 'lsn'> & { readonly next: number; readonly torn: number };

/**
 * Reads commit after commit. @returns where the log ends; undefined if there are no segments
 * @param from the LSN and the number of the first commit to read; undefined: the start of the first segment
 */
export async function* scanCommits(
  files: FileSystem,
  segments: readonly SegmentFile[],
  from?: { readonly lsn: Lsn; readonly next: number },
): AsyncGenerator<Scanned, ScanEnd | undefined> {
  let next = from?.next;
  // The first place where no commit followed. It is kept until a later commit is found.
  let stop: (Omit<Scanned, 'to' | 'kind'> & { readonly torn: number }) | undefined;
  const read = async (segment: SegmentFile) => {
    const base = Math.max(segment.first, from?.lsn ?? 0);
    const bytes = await readBytes(files, segment.path, segment.offset(base), segment.end - base);
    return { segment, base, bytes };
  };
  for await (const { segment, base, bytes } of inAdvance(segments.map((each) => () => read(each)))) {
    for (let at = 0; ; ) {
      const lsn = base + at;
      const { head, records, intact } = format.commitAt(bytes, at, lsn, segment.seed);
      next ??= head?.number;
      const number = next ?? 1;
      const follows = head?.number === number;
      if (intact && follows) {
        next = number + 1;
        stop = undefined;
        const to = lsn + head.size;
        yield { kind: 'commit', lsn, to, segment, bytes: bytes.subarray(at, to - base), number, records };
        at += head.size;
        continue;
      }
      // A segment begins with zeros until its first commit is written.
      const begun = at === 0 && base === segment.first && !format.isEnd(bytes, 0);
      if (stop === undefined || follows || (begun && stop.torn === 0)) {
        const readable = follows ? records.filter((record) => record.intact) : [];
        // If the header is torn, too, its commit may have up to a mebibyte.
        const torn = format.isEnd(bytes, at) ? 0 : follows ? head.size : 2 ** 20;
        stop = { lsn, segment, bytes: bytes.subarray(at), number, records: readable, torn };
      }
      const later = format.laterCommit(bytes, follows ? at + 1 : at, base, segment.seed, number - 1);
      if (later === undefined) break;
      const to = base + later;
      yield { kind: 'lost', ...stop, to, bytes: stop.bytes.subarray(0, to - stop.lsn) };
      next = undefined;
      stop = undefined;
      at = later;
    }
  }
  return stop && { segment: stop.segment, lsn: stop.lsn, next: stop.number, torn: stop.torn };
}
