// The segments that are there, and reading entries back from them.

import path from 'node:path';
import { damagedRecord, systemError } from '../../errors/journal.ts';
import type { FileSystem, OpenFile } from './files.ts';
import { FILE_HEADER, type FileHeader, fileName, RECORD_HEADER, recordIntact, seedOf } from './format.ts';
import type { Lsn } from './log.ts';

/** A segment: where it lies, and which LSNs it can hold. */
export class SegmentFile {
  readonly first: Lsn;
  /** Where the segment after this one begins. */
  readonly end: Lsn;
  /** Of the file, in bytes. */
  readonly size: number;
  readonly seed: number;
  readonly path: string;
  /** The owner's state points into it no more. */
  unused = false;
  /** How many reads are under way. */
  readers = 0;
  #open: Promise<OpenFile> | undefined;

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

  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /** The open file, for reading and writing. @throws the errno; the next call tries again */
  async open(files: FileSystem): Promise<OpenFile> {
    this.#open ??= files.open(this.path, 'write');
    const open = this.#open;
    try {
      return await open;
    } catch (error) {
      if (this.#open === open) this.#open = undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await (await open)?.close();
  }
}

/** How many segments are kept open for reading: far below the usual limit of 1,024 files of a process. */
const MAX_OPEN = 64;

/** What one read brings at least, in bytes: most entries are whole with it. */
const READ_AHEAD = 4096;

/** All segments of a log. */
export class Segments {
  /** @param list oldest first; the last two may be being written. @param unread is called when the last read of a segment has ended */
  constructor(
    readonly files: FileSystem,
    readonly list: SegmentFile[],
    readonly unread: () => void,
  ) {}

  /** Reads an entry and checks it. @throws DetourError `damaged` with file and offset, or the errno */
  async read(lsn: Lsn): Promise<Buffer> {
    const segment = this.list.findLast(({ first }) => first <= lsn);
    if (segment === undefined || lsn >= segment.end) throw new RangeError(`no segment holds LSN ${lsn}`);
    segment.readers += 1;
    try {
      return await this.#entry(segment, lsn);
    } catch (error) {
      throw systemError(error, `the journal's file ${segment.path} cannot be read`);
    } finally {
      segment.readers -= 1;
      if (segment.readers === 0) this.unread();
    }
  }

  async #entry(segment: SegmentFile, lsn: Lsn): Promise<Buffer> {
    const file = await this.#open(segment);
    const offset = segment.offset(lsn);
    const part = async (length: number): Promise<Buffer> => {
      const bytes = Buffer.allocUnsafe(Math.min(length, segment.size - offset));
      return bytes.subarray(0, await file.read(bytes, offset));
    };
    let bytes = await part(READ_AHEAD);
    const size = bytes.length < RECORD_HEADER ? 0 : RECORD_HEADER + bytes.readUInt32LE(4);
    if (size > bytes.length) bytes = await part(size);
    const record = bytes.subarray(0, size);
    if (record.length > RECORD_HEADER && recordIntact(record, lsn, segment.seed))
      return record.subarray(RECORD_HEADER);
    throw damagedRecord(segment.path, offset);
  }

  async #open(segment: SegmentFile): Promise<OpenFile> {
    const open = segment.isOpen ? [] : this.list.slice(0, -2).filter(({ isOpen }) => isOpen);
    if (open.length >= MAX_OPEN) await open.find(({ readers }) => readers === 0)?.close();
    return await segment.open(this.files);
  }
}
