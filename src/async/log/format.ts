// What the files of the log look like: README.md draws them byte by byte. It knows no file call and judges nothing.

import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { otherFormat } from '../../errors/journal.ts';
import { parseHeader, parseNumber } from '../../wire/frame.ts';
import type { LogId, Lsn } from './log.ts';

/** The version of the format that this detour reads and writes. Version 1 was the journal of detour 0.1. */
export const VERSION = 2;
/** What a segment and a checkpoint begin with, in bytes: one sector, so that it is written whole or not at all. */
export const FILE_HEADER = 512;
/** Bytes of a commit before its first record; so many zeros after the last commit mark the end. */
export const COMMIT_HEADER = 32;
/** Bytes of a record before its entry. */
export const RECORD_HEADER = 8;
/** Names of segments and checkpoints, by their LSN. */
export const FILE_NAME = /^([0-9]{15})\.(wal|checkpoint)$/;
/** Names of files that are allocated and empty, or being made. */
export const SPARE_NAME = /^([0-9a-f]{16})\.(free|new)$/;

const MAGIC = Buffer.from([0x89, 0x43, 0x4d, 0x54]);

/** The name of a segment or checkpoint. */
export const fileName = (lsn: Lsn, kind: 'wal' | 'checkpoint'): string =>
  `${String(lsn).padStart(15, '0')}.${kind}`;
/** Random bytes as hexadecimal digits: 8 for a name, a salt or a store, 16 for a key. */
export const randomToken = (bytes = 8): string => randomBytes(bytes).toString('hex');
/** The name of a file that is no part of the log yet. Each is used once: names that were not synced may land in any order. */
export const spareName = (kind: 'free' | 'new'): string => `${randomToken()}.${kind}`;

/** What a file of the log says of itself in its first 512 bytes. */
export interface FileHeader extends LogId {
  readonly kind: 'SEGMENT' | 'CHECKPOINT';
  /** Of a segment the first LSN that it can hold; of a checkpoint the LSN as of which it was taken. */
  readonly lsn: Lsn;
  /** Of a segment its size as a file, in bytes; of a checkpoint the number of the commit that comes next. */
  readonly extent: number;
  readonly salt: string;
}

const EXTENT = { SEGMENT: 'size', CHECKPOINT: 'next' } as const;
const crcText = (crc: number): string => crc.toString(16).padStart(8, '0');

/** Writes a file's header. */
export function encodeFileHeader(header: FileHeader): Buffer {
  const { kind, lsn, extent, salt, store, key } = header;
  const line = `${kind} version=${VERSION} lsn=${lsn} ${EXTENT[kind]}=${extent} salt=${salt} store=${store} key=${key}`;
  const bytes = Buffer.alloc(FILE_HEADER);
  bytes.write(`${line} crc=${crcText(crc32(line))}\n`, 'latin1');
  return bytes;
}

/**
 * Reads a file's header, or says in a phrase what is wrong with it.
 * @throws DetourError `old_journal`, `new_journal` if it is intact and of another version: `crc` comes last in every one
 */
export function readFileHeader(bytes: Buffer, kind: FileHeader['kind']): FileHeader | string {
  const [line = ''] = bytes.toString('latin1', 0, FILE_HEADER).split('\n', 1);
  const parsed = parseHeader(line);
  if (typeof parsed === 'string' || parsed.verb !== kind) return `the file does not begin with ${kind}`;
  const { fields } = parsed;
  if (fields.get('crc') !== crcText(crc32(line.slice(0, line.lastIndexOf(' ')))))
    return 'its header is damaged';
  const version = parseNumber(fields.get('version') ?? '') ?? 0;
  if (version !== VERSION) throw otherFormat(version, VERSION);
  const header = {
    kind,
    lsn: parseNumber(fields.get('lsn') ?? '') ?? -1,
    extent: parseNumber(fields.get(EXTENT[kind]) ?? '') ?? -1,
    salt: fields.get('salt') ?? '',
    store: fields.get('store') ?? '',
    key: fields.get('key') ?? '',
  };
  return encodeFileHeader(header).equals(bytes.subarray(0, FILE_HEADER)) ? header : 'its header is damaged';
}

/** The CRC with which everything in a file of this salt begins. */
export const seedOf = (salt: string): number => crc32(salt);
// Another seed at every place: a record that is intact somewhere else is not valid here.
const recordSeed = (seed: number, lsn: Lsn): number => (seed ^ lsn) >>> 0;

/** A commit that is being filled: it will stand at `lsn`. */
export class CommitBuilder {
  /** Bytes of the commit so far. */
  size = COMMIT_HEADER;
  #bytes = Buffer.allocUnsafe(4096);
  #records = 0;
  #table = 0;

  /** @param seed that of the segment */
  constructor(
    readonly lsn: Lsn,
    readonly seed: number,
  ) {}

  /** Copies an entry into it. @param size the bytes of all parts together */
  add(parts: readonly Uint8Array[], size: number): Lsn {
    const start = this.size;
    const lsn = this.lsn + start;
    let at = start + RECORD_HEADER;
    if (at + size + COMMIT_HEADER > this.#bytes.length)
      this.#bytes = Buffer.concat([this.#bytes], Math.max(this.#bytes.length * 4, at + size + COMMIT_HEADER));
    const bytes = this.#bytes;
    bytes.writeUInt32LE(size, start + 4);
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    bytes.writeUInt32LE(crc32(bytes.subarray(start + 4, at), recordSeed(this.seed, lsn)), start);
    this.#table = crc32(bytes.subarray(start, start + RECORD_HEADER), this.#table);
    this.#records += 1;
    this.size = at;
    return lsn;
  }

  /** Ends the commit. @returns its bytes, with the zeros after it that mark the end, as far as `room` bytes take them */
  seal(number: number, room: number): Buffer {
    const { size } = this;
    const bytes = this.#bytes;
    bytes.set(MAGIC, 0);
    bytes.writeUIntLE(this.lsn, 8, 6);
    bytes.writeUIntLE(number, 14, 6);
    bytes.writeUInt32LE(size, 20);
    bytes.writeUInt32LE(this.#records, 24);
    bytes.writeUInt32LE(this.#table, 28);
    bytes.writeUInt32LE(crc32(bytes.subarray(8, COMMIT_HEADER), this.seed), 4);
    bytes.fill(0, size, size + COMMIT_HEADER);
    return bytes.subarray(0, Math.min(size + COMMIT_HEADER, room));
  }
}

/** Where a record's entry lies in the bytes of its commit, and the record's LSN. `intact` is false if it was changed. */
export interface RecordPlace {
  readonly lsn: Lsn;
  readonly start: number;
  readonly end: number;
  readonly intact: boolean;
}

/** What stands where a commit may begin. */
export interface Found {
  /** What its header says; undefined if there is none that is intact and belongs here. */
  readonly head: { readonly number: number; readonly size: number } | undefined;
  readonly records: readonly RecordPlace[];
  /** Is it a whole commit, every record included? */
  readonly intact: boolean;
}

/** Does the end mark stand there, as far as there are bytes? */
export const isEnd = (bytes: Buffer, at: number): boolean =>
  bytes.subarray(at, at + COMMIT_HEADER).every((byte) => byte === 0);

function headAt(bytes: Buffer, at: number, lsn: Lsn, seed: number): Found['head'] {
  const head = bytes.subarray(at, at + COMMIT_HEADER);
  const mine =
    head.length === COMMIT_HEADER && head.compare(MAGIC, 0, 4, 0, 4) === 0 && head.readUIntLE(8, 6) === lsn;
  if (!mine || head.readUInt32LE(4) !== crc32(head.subarray(8), seed)) return undefined;
  return { number: head.readUIntLE(14, 6), size: head.readUInt32LE(20) };
}

/** Looks for a commit at `at` in bytes of a segment, a place with this LSN. Its records are placed relative to it. */
export function commitAt(bytes: Buffer, at: number, lsn: Lsn, seed: number): Found {
  const head = headAt(bytes, at, lsn, seed);
  const records: RecordPlace[] = [];
  if (head === undefined) return { head, records, intact: false };
  const stop = Math.min(at + head.size, bytes.length);
  let table = 0;
  let next = at + COMMIT_HEADER;
  while (next + RECORD_HEADER < stop) {
    const end = next + RECORD_HEADER + bytes.readUInt32LE(next + 4);
    if (end > stop) break;
    const place = lsn + next - at;
    const intact = recordIntact(bytes.subarray(next, end), place, seed);
    records.push({ lsn: place, start: next + RECORD_HEADER - at, end: end - at, intact });
    table = crc32(bytes.subarray(next, next + RECORD_HEADER), table);
    next = end;
  }
  const whole = next === at + head.size && records.length === bytes.readUInt32LE(at + 24);
  const same = table === bytes.readUInt32LE(at + 28);
  return { head, records, intact: whole && same && records.every(({ intact }) => intact) };
}

/** Are these the bytes of a whole record that belongs to `lsn`? */
export function recordIntact(bytes: Buffer, lsn: Lsn, seed: number): boolean {
  const whole = bytes.length === RECORD_HEADER + bytes.readUInt32LE(4);
  return whole && bytes.readUInt32LE(0) === crc32(bytes.subarray(4), recordSeed(seed, lsn));
}

// Each commit was begun after the one before it was durable. So a later one proves that what cannot be read before it was whole once.
/** Looks for a place from `from` on where a commit with a higher number begins. @param base the LSN of the first of `bytes` */
export function laterCommit(
  bytes: Buffer,
  from: number,
  base: Lsn,
  seed: number,
  number: number,
): number | undefined {
  for (let at = bytes.indexOf(MAGIC, from); at !== -1; at = bytes.indexOf(MAGIC, at + 1))
    if ((headAt(bytes, at, base + at, seed)?.number ?? 0) > number) return at;
  return undefined;
}
