// Reading a log from its files: what is in the folder, and commit after commit what stands in it. It changes nothing and needs no lock. It
// goes around what cannot be read and says so: whoever reads decides whether that is damage to refuse, to salvage or to show.

import path from 'node:path';
import { notAJournal, otherFormat } from '../../errors/journal.ts';
import type { FileSystem } from './files.ts';
import * as format from './format.ts';
import type { LogId, Lsn } from './log.ts';
import type { FreeFile } from './pool.ts';
import { readPart, SegmentFile } from './segments.ts';

/** What lies in the folder of a log. */
export interface Listing {
  /** Oldest first. */
  readonly segments: readonly SegmentFile[];
  /** Newest first. */
  readonly checkpoints: readonly Lsn[];
  readonly free: readonly FreeFile[];
  /** Paths of files that were being made. */
  readonly unfinished: readonly string[];
  /** Which log it is; undefined if there is no segment that can be read. */
  readonly id: LogId | undefined;
  /** Files with the name of a segment that are none: their first LSN, and what is wrong. */
  readonly broken: readonly { readonly lsn: Lsn; readonly path: string; readonly what: string }[];
  /** A file that has no name of the log's. */
  readonly stranger: string | undefined;
}

// The files of detour 0.1.
const OLD_NAME = /^([0-9]{8,12}\.segment|[0-9a-f]{16}\.spare)$/;
// What a log leaves beside its files, and what belongs to its lock or to the system.
const BESIDE = /^(lock.*|\..*|lost\+found|.*\.(torn|lost))$/;

/** Looks into a folder, and at the header of each segment. @throws DetourError `old_journal`, `new_journal`, `not_a_journal`, or the errno */
export async function listLog(files: FileSystem, dir: string): Promise<Listing> {
  const segments: SegmentFile[] = [];
  const checkpoints: Lsn[] = [];
  const broken: { lsn: Lsn; path: string; what: string }[] = [];
  const free: FreeFile[] = [];
  const unfinished: string[] = [];
  let stranger: string | undefined;
  let id: LogId | undefined;
  const entries = await files.list(dir);
  for (const { name, isFile } of [...entries].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const file = path.join(dir, name);
    const [, digits, kind] = format.FILE_NAME.exec(name) ?? format.SPARE_NAME.exec(name) ?? [];
    if (OLD_NAME.test(name)) throw otherFormat(1, format.VERSION);
    // A pipe, say: whoever opens it waits for somebody at its other end.
    if (kind !== undefined && !isFile) throw notAJournal(`${file} is not a file, and has the name of one`);
    if (kind === 'free') free.push({ path: file, size: await sizeOf(files, file) });
    else if (kind === 'new') unfinished.push(file);
    else if (kind === 'checkpoint') checkpoints.unshift(Number(digits));
    else if (kind === 'wal') {
      const header = await headerOf(files, file, Number(digits), id);
      if (typeof header === 'string') broken.push({ lsn: Number(digits), path: file, what: header });
      else segments.push(new SegmentFile(dir, header));
      if (typeof header !== 'string') id ??= { store: header.store, key: header.key };
    } else if (!BESIDE.test(name)) stranger ??= name;
  }
  return { segments, checkpoints, free, unfinished, id, broken, stranger };
}

async function headerOf(files: FileSystem, file: string, lsn: Lsn, id?: LogId) {
  const bytes = Buffer.alloc(format.FILE_HEADER);
  bytes.set(await readPart(files, file, 0, bytes.length));
  const header = format.readFileHeader(bytes, 'SEGMENT');
  if (typeof header === 'string') return header;
  if (header.lsn !== lsn) return `it says that it begins at LSN ${header.lsn}`;
  if (id !== undefined && header.store !== id.store) return 'it belongs to another journal';
  return (await sizeOf(files, file)) < header.extent ? `it has less than ${header.extent} bytes` : header;
}

async function sizeOf(files: FileSystem, file: string): Promise<number> {
  const open = await files.open(file, 'read');
  return await open.size().finally(() => open.close());
}

/** A stretch of a log, in its order. */
export interface Scanned {
  /** `lost`: it cannot be read, and was durable once, for a later commit is there. */
  readonly kind: 'commit' | 'lost';
  readonly lsn: Lsn;
  /** The LSN at which it goes on. */
  readonly to: Lsn;
  readonly segment: SegmentFile;
  /** Its bytes, as far as they are in this segment. */
  readonly bytes: Buffer;
  /** Of the commit, or of the first that is lost. */
  readonly number: number;
  /** Its records, places in `bytes`; of what is lost those that are intact all the same. */
  readonly records: readonly format.RecordPlace[];
}

/** Where a log ends: after the last commit, whose number it is. `torn`: how large what a crash left there may be, in bytes; 0: nothing. */
export type ScanEnd = Pick<Scanned, 'segment' | 'lsn' | 'number'> & { readonly torn: number };

/**
 * Reads commit after commit. @returns the end; undefined if there are no segments
 * @param from the LSN where the next commit begins, and the number of the one before; undefined: at the start of the first segment
 */
export async function* scanCommits(
  files: FileSystem,
  segments: readonly SegmentFile[],
  from?: { readonly lsn: Lsn; readonly number: number },
): AsyncGenerator<Scanned, ScanEnd | undefined> {
  let number = from?.number;
  // The first place where no commit followed, kept until one shows up after it.
  let stop: (Omit<Scanned, 'to' | 'kind'> & { readonly torn: number }) | undefined;
  for (const segment of segments) {
    const { seed } = segment;
    const base = Math.max(segment.first, from?.lsn ?? 0);
    const offset = segment.offset(base);
    const bytes = await readPart(files, segment.path, offset, segment.size - offset);
    for (let at = 0; ; ) {
      const lsn = base + at;
      const { head, records, intact } = format.commitAt(bytes, at, lsn, seed);
      if (head !== undefined) number ??= head.number - 1;
      const next = (number ?? 0) + 1;
      const follows = head?.number === next;
      if (intact && follows) {
        number = next;
        stop = undefined;
        const to = lsn + head.size;
        yield { kind: 'commit', lsn, to, segment, bytes: bytes.subarray(at, to - base), number, records };
        at += head.size;
        continue;
      }
      // At the start of a segment stand zeros until the first commit in it.
      const begun = at === 0 && base === segment.first && !format.isEnd(bytes, 0);
      if (stop === undefined || follows || (begun && stop.torn === 0)) {
        const readable = follows ? records.filter((record) => record.intact) : [];
        // If the header is torn, too, a mebibyte is taken for its commit.
        const torn = format.isEnd(bytes, at) ? 0 : follows ? head.size : 2 ** 20;
        stop = { lsn, segment, bytes: bytes.subarray(at), number: next, records: readable, torn };
      }
      const later = format.laterCommit(bytes, follows ? at + 1 : at, base, seed, next - 1);
      if (later === undefined) break;
      const to = base + later;
      yield { kind: 'lost', ...stop, to, bytes: stop.bytes.subarray(0, to - stop.lsn) };
      number = undefined;
      stop = undefined;
      at = later;
    }
  }
  return stop && { ...stop, number: number ?? 0 };
}
