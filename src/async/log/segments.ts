// Segments: where they lie, which LSNs they hold, and reading entries back from them.

import path from 'node:path';
import { damagedRecord, systemError } from '../../errors/journal.ts';
import type { FileSystem } from './files.ts';
import { FILE_HEADER, type FileHeader, fileName, RECORD_HEADER, recordIntact, seedOf } from './format.ts';
import type { Lsn, Segment } from './log.ts';

/** A segment as a file. */
export class SegmentFile implements Segment {
  readonly first: Lsn;
  /** Where the segment after this one begins. */
  readonly end: Lsn;
  readonly size: number;
  readonly seed: number;
  readonly path: string;
  /** The owner's state points into it no more. */
  unused = false;
  /** How many reads are under way. */
  readers = 0;

  constructor(dir: string, { lsn, extent, salt }: FileHeader) {
    this.first = lsn;
    this.end = lsn + extent - FILE_HEADER;
    this.size = extent;
    this.seed = seedOf(salt);
    this.path = path.join(dir, fileName(lsn, 'wal'));
  }

  /** Where the byte of an LSN lies in the file. */
  offset(lsn: Lsn): number {
    return FILE_HEADER + lsn - this.first;
  }
}

/** Reads up to `size` bytes of a file, from `at`; fewer if it ends before. @throws DetourError with the errno */
export async function readPart(files: FileSystem, file: string, at: number, size: number): Promise<Buffer> {
  try {
    const open = await files.open(file, 'read');
    const bytes = Buffer.allocUnsafe(size);
    return bytes.subarray(0, await open.read(bytes, at).finally(() => open.close()));
  } catch (error) {
    throw systemError(error, `the journal's file ${file} cannot be read`);
  }
}

/** Reads the entry of an LSN and checks it. @throws DetourError `damaged` with file and offset, or the errno */
export async function readEntry(files: FileSystem, segment: SegmentFile, lsn: Lsn): Promise<Buffer> {
  const at = segment.offset(lsn);
  // With this most entries are whole.
  let bytes = await readPart(files, segment.path, at, 4096);
  const size = bytes.length < RECORD_HEADER ? 0 : RECORD_HEADER + bytes.readUInt32LE(4);
  if (size > segment.size - at) throw damagedRecord(segment.path, at);
  if (size > bytes.length) bytes = await readPart(files, segment.path, at, size);
  const record = bytes.subarray(0, size);
  if (size <= RECORD_HEADER || !recordIntact(record, lsn, segment.seed))
    throw damagedRecord(segment.path, at);
  return record.subarray(RECORD_HEADER);
}
