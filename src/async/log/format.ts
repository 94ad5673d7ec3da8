// The format of the log's files. README.md draws them byte by byte. It makes no file calls and does not decide what to do about damage.

import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { otherFormat } from '../../errors/journal.ts';
import { parseHeader, parseNumber } from '../../wire/frame.ts';
import type { LogId, Lsn } from './log.ts';

/** The version of the format that this detour reads and writes. Version 1 was the journal of detour 0.1. */
export const VERSION = 2;
/** The size of the header of a segment or checkpoint, in bytes: one sector, so that it is written whole or not at all. */
export const FILE_HEADER = 512;
/** The size of a commit's header, in bytes. The same number of zeros after the last commit marks the end of the log. */
export const COMMIT_HEADER = 32;
/** The size of a record's header, before its entry, in bytes. */
export const RECORD_HEADER = 8;
/** The names of segments and checkpoints: an LSN of 15 digits. */
export const FILE_NAME = /^([0-9]{15})\.(wal|checkpoint)$/;
/** The names of files that are free (allocated, without content) or being made. */
export const SPARE_NAME = /^([0-9a-f]{16})\.(free|new)$/;
/** The name of the file that marks a log as one that is being deleted. */
export const DELETING = 'journal.deleting';

const MAGIC = Buffer.from([0x89, 0x43, 0x4d, 0x54]);

/** The path of a segment or checkpoint in the folder of a log. */
export const filePath = (dir: string, lsn: Lsn, kind: 'wal' | 'checkpoint'): string =>
  path.join(dir, `${String(lsn).padStart(15, '0')}.${kind}`);
/** Random bytes as hexadecimal digits. @param bytes 8 for a name, a salt or a store; 16 for a key */
export const randomToken = (bytes = 8): string => randomBytes(bytes).toString('hex');
/** A new path for a file that is not part of the log yet. It is never used again: renames that were not synced may become durable in any order. */
export const sparePath = (dir: string, kind: 'free' | 'new'): string =>
  path.join(dir, `${randomToken()}.${kind}`);

/** What a segment or checkpoint says about itself in its first 512 bytes. */
export interface FileHeader extends LogId {
  readonly kind: 'SEGMENT' | 'CHECKPOINT';
  /** For a segment: the first LSN that it can hold. For a checkpoint: the LSN as of which it was taken. */
  readonly lsn: Lsn;
  /** For a segment: the size of the file, in bytes. For a checkpoint: the number of the first commit after it. */
  readonly extent: number;
  readonly salt: string;
}

const EXTENT = { SEGMENT: 'size', CHECKPOINT: 'next' } as const;
const crcText = (crc: number): string => crc.toString(16).padStart(8, '0');

/** Encodes a file's header. */
export function encodeFileHeader(header: FileHeader): Buffer {
  const { kind, lsn, extent, salt, store, key } = header;
  const line = `${kind} version=${VERSION} lsn=${lsn} ${EXTENT[kind]}=${extent} salt=${salt} store=${store} key=${key}`;
  const bytes = Buffer.alloc(FILE_HEADER);
  bytes.write(`${line} crc=${crcText(crc32(line))}\n`, 'latin1');
  return bytes;
}

/**
 * Reads a file's header, or says in a phrase what is wrong with it.
 * @throws DetourError `old_journal`, `new_journal` if it is intact but of another version: `crc` comes last in every version
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

/** The seed of all CRCs in a file with this salt. */
export const seedOf = (salt: string): number => crc32(salt);
/** The CRC of a record, or of a chunk of a checkpoint. Its seed depends on the place, so bytes copied from elsewhere are not valid here. */
export const checkOf = (bytes: Buffer, place: number, seed: number): number =>
  crc32(bytes.subarray(4), (seed ^ place) >>> 0);

/** A commit that is being filled. It begins at `lsn`. */
export class CommitBuilder {
  /** Bytes of the commit so far. */
  size = COMMIT_HEADER;
  #records = 0;
  #table = 0;

  /** @param seed the seed of the segment. @param buffer memory that it may use; it takes a larger one when it must */
  constructor(
    readonly lsn: Lsn,
    readonly seed: number,
    public buffer: Buffer = Buffer.allocUnsafe(4096),
  ) {}

  /** Copies an entry into the commit. @param size the size of all parts together, in bytes. @returns the LSN of the entry */
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

  /** Ends the commit. @returns its bytes and the zeros that mark the end, cut to `room` bytes */
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

/** A record: its LSN, and its entry as bytes. `intact` is false if it was changed. */
export interface FoundRecord {
  readonly lsn: Lsn;
  readonly bytes: Buffer;
  readonly intact: boolean;
}

/** Is the mark of the end (zeros) at `at`, as far as `bytes` go? */
export const isEnd = (bytes: Buffer, at: number): boolean =>
  bytes.subarray(at, at + COMMIT_HEADER).every((byte) => byte === 0);

// Reads the header of a commit; undefined if there is no intact header that belongs here.
function headAt(bytes: Buffer, at: number, lsn: Lsn, seed: number) {
  const head = bytes.subarray(at, at + COMMIT_HEADER);
  if (head.length < COMMIT_HEADER || head.indexOf(MAGIC) !== 0) return undefined;
  if (head.readUIntLE(8, 6) !== lsn || head.readUInt32LE(4) !== crc32(head.subarray(8), seed))
    return undefined;
  return { number: head.readUIntLE(14, 6), size: head.readUInt32LE(20) };
}

/**
 * Looks for a commit at `at` in bytes of a segment; the LSN of that place is `lsn`.
 * @returns `head`: its header, undefined if there is no intact one that belongs here; `records`; `intact`: is the whole commit intact?
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

/** Are these the bytes of a whole record that belongs to this LSN, or of a chunk of a checkpoint that belongs to this place? */
export function recordIntact(bytes: Buffer, place: Lsn, seed: number): boolean {
  const whole = bytes.length === RECORD_HEADER + bytes.readUInt32LE(4);
  return whole && bytes.readUInt32LE(0) === checkOf(bytes, place, seed);
}

/** Does the log reach the end of `bytes`: does commit `number` end there, or are there unreadable bytes after the last readable commit? */
export function reachesEnd(bytes: Buffer, base: Lsn, seed: number, number: number): boolean {
  for (let at = bytes.lastIndexOf(MAGIC); at !== -1; at = at === 0 ? -1 : bytes.lastIndexOf(MAGIC, at - 1)) {
    const head = headAt(bytes, at, base + at, seed);
    if (head === undefined) continue;
    const end = at + head.size;
    return end === bytes.length ? head.number === number : !isEnd(bytes, end);
  }
  return !isEnd(bytes, 0);
}

// Each commit is written after the previous one is durable. So a later commit proves that what cannot be read before it was durable once.
/** Finds the first place from `from` on where a commit with a number above `number` begins. @param base the LSN of the first byte */
export function laterCommit(bytes: Buffer, from: number, base: Lsn, seed: number, number: number) {
  for (let at = bytes.indexOf(MAGIC, from); at !== -1; at = bytes.indexOf(MAGIC, at + 1))
    if ((headAt(bytes, at, base + at, seed)?.number ?? 0) > number) return at;
  return undefined;
}
