// What the files of the log look like: README.md draws them byte by byte. It knows no file call and judges nothing.

import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { otherFormat } from '../../errors/journal.ts';
import { parseHeader, parseNumber } from '../../wire/frame.ts';
import type { LogId, Lsn } from './log.ts';

/** The version of the format that this detour reads and writes. Version 1 was the journal of detour 0.1. */
export const VERSION = 2;
/** What a segment and a checkpoint begin with, in bytes: one sector, so that it is written whole or not at all. */
export const FILE_HEADER = 512;
/** Bytes of a commit before its first record. The same number of zeros after the last commit marks the end. */
export const COMMIT_HEADER = 32;
/** Bytes of a record before its entry. */
export const RECORD_HEADER = 8;
/** Names of segments and checkpoints, by their LSN. */
export const FILE_NAME = /^([0-9]{15})\.(wal|checkpoint)$/;
/** Names of files that are allocated and empty, or being made. */
export const SPARE_NAME = /^([0-9a-f]{16})\.(free|new)$/;

const MAGIC = Buffer.from([0x89, 0x43, 0x4d, 0x54]);

/** The path of a segment or checkpoint in the folder of a log. */
export const filePath = (dir: string, lsn: Lsn, kind: 'wal' | 'checkpoint'): string =>
  path.join(dir, `${String(lsn).padStart(15, '0')}.${kind}`);
/** Random bytes as hexadecimal digits: 8 for a name, a salt or a store, 16 for a key. */
export const randomToken = (bytes = 8): string => randomBytes(bytes).toString('hex');
/** A path for a file that is no part of the log yet. Each is used once: names that were not synced may land in any order. */
export const sparePath = (dir: string, kind: 'free' | 'new'): string =>
  path.join(dir, `${randomToken()}.${kind}`);

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
  const text = (key: string): string => fields.get(key) ?? '';
  const number = (key: string): number => parseNumber(text(key)) ?? -1;
  if (number('version') !== VERSION) throw otherFormat(number('version'), VERSION);
  const id = { store: text('store'), key: text('key') };
  const header = { ...id, kind, lsn: number('lsn'), extent: number(EXTENT[kind]), salt: text('salt') };
  return encodeFileHeader(header).equals(bytes.subarray(0, FILE_HEADER)) ? header : 'its header is damaged';
}

/** The CRC with which everything in a file of this salt begins. */
export const seedOf = (salt: string): number => crc32(salt);
/** The CRC of a record, or of a piece of a checkpoint. Its seed is another at every place: what is intact elsewhere is not valid here. */
export const checkOf = (bytes: Buffer, place: number, seed: number): number =>
  crc32(bytes.subarray(4), (seed ^ place) >>> 0);

/** A commit that is being filled: its place is `lsn`. */
export class CommitBuilder {
  /** Bytes of the commit so far. */
  size = COMMIT_HEADER;
  #records = 0;
  #table = 0;

  /** @param seed that of the segment. @param buffer memory that it may use, as long as it is large enough */
  constructor(
    readonly lsn: Lsn,
    readonly seed: number,
    public buffer: Buffer = Buffer.allocUnsafe(4096),
  ) {}

  /** Copies an entry into it. @param size the bytes of all parts together */
  add(parts: readonly Uint8Array[], size: number): Lsn {
    const start = this.size;
    const lsn = this.lsn + start;
    let at = start + RECORD_HEADER;
    if (at + size + COMMIT_HEADER > this.buffer.length)
      this.buffer = Buffer.concat([this.buffer], 2 * (at + size + COMMIT_HEADER));
    const bytes = this.buffer;
    bytes.writeUInt32LE(size, start + 4);
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    bytes.writeUInt32LE(checkOf(bytes.subarray(start, at), lsn, this.seed), start);
    this.#table = crc32(bytes.subarray(start, start + RECORD_HEADER), this.#table);
    this.#records += 1;
    this.size = at;
    return lsn;
  }

  /** Ends the commit. @returns its bytes, with the zeros after it that mark the end, as far as `room` bytes take them */
  seal(number: number, room: number): Buffer {
    const { size, buffer: bytes } = this;
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

/** A record: its LSN and its entry. `intact` is false if it was changed. */
export interface FoundRecord {
  readonly lsn: Lsn;
  readonly bytes: Buffer;
  readonly intact: boolean;
}

/** Is the end mark there, as far as there are bytes? */
export const isEnd = (bytes: Buffer, at: number): boolean =>
  bytes.subarray(at, at + COMMIT_HEADER).every((byte) => byte === 0);

// What the header of a commit says; undefined if there is none that is intact and belongs here.
function headAt(bytes: Buffer, at: number, lsn: Lsn, seed: number) {
  const head = bytes.subarray(at, at + COMMIT_HEADER);
  if (head.length < COMMIT_HEADER || head.indexOf(MAGIC) !== 0) return undefined;
  if (head.readUIntLE(8, 6) !== lsn || head.readUInt32LE(4) !== crc32(head.subarray(8), seed))
    return undefined;
  return { number: head.readUIntLE(14, 6), size: head.readUInt32LE(20) };
}

/**
 * Looks for a commit at `at` in bytes of a segment, a place with this LSN.
 * @returns what its header says, undefined if there is none that is intact and belongs here; its records; is it whole, with all of them?
 */
export function commitAt(bytes: Buffer, at: number, lsn: Lsn, seed: number) {
  const head = headAt(bytes, at, lsn, seed);
  const records: FoundRecord[] = [];
  if (head === undefined) return { head, records, intact: false };
  const commit = bytes.subarray(at, at + head.size);
  let table = 0;
  let next = COMMIT_HEADER;
  while (next + RECORD_HEADER < commit.length) {
    const end = next + RECORD_HEADER + commit.readUInt32LE(next + 4);
    if (end > commit.length) break;
    const record = commit.subarray(next, end);
    const intact = recordIntact(record, lsn + next, seed);
    records.push({ lsn: lsn + next, bytes: record.subarray(RECORD_HEADER), intact });
    table = crc32(record.subarray(0, RECORD_HEADER), table);
    next = end;
  }
  const whole = next === head.size && records.length === bytes.readUInt32LE(at + 24);
  const same = table === bytes.readUInt32LE(at + 28);
  return { head, records, intact: whole && same && records.every(({ intact }) => intact) };
}

/** Are these the bytes of a whole record that belongs to this LSN, or of a piece of a checkpoint that belongs to this place? */
export function recordIntact(bytes: Buffer, place: Lsn, seed: number): boolean {
  const whole = bytes.length === RECORD_HEADER + bytes.readUInt32LE(4);
  return whole && bytes.readUInt32LE(0) === checkOf(bytes, place, seed);
}

/** Does the log reach the end of `bytes`, with this commit, or was there something after the last one that can be read? */
export function reachesEnd(bytes: Buffer, base: Lsn, seed: number, number: number): boolean {
  for (let at = bytes.lastIndexOf(MAGIC); at !== -1; at = at === 0 ? -1 : bytes.lastIndexOf(MAGIC, at - 1)) {
    const head = headAt(bytes, at, base + at, seed);
    if (head === undefined) continue;
    const end = at + head.size;
    return end === bytes.length ? head.number === number : !isEnd(bytes, end);
  }
  return !isEnd(bytes, 0);
}

// Each commit was begun after the one before it was durable. So a later one proves that what cannot be read before it was whole once.
/** Looks for a place from `from` on where a commit with a higher number begins. @param base the LSN of the first of `bytes` */
export function laterCommit(bytes: Buffer, from: number, base: Lsn, seed: number, number: number) {
  for (let at = bytes.indexOf(MAGIC, from); at !== -1; at = bytes.indexOf(MAGIC, at + 1))
    if ((headAt(bytes, at, base + at, seed)?.number ?? 0) > number) return at;
  return undefined;
}
