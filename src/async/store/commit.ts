// The commit: the unit of what becomes durable, and of what a crash can tear. One frame, whose body is records (record.ts).
// It encodes commits and finds them again in the bytes of a segment. It knows no file and judges nothing (recover.ts does).
//
//   COMMIT n=7 at=1767225600000 head=5d41402a crc=9b2c1f04 size=118⏎
//   SEND to=bob … size=5⏎hello⏎ACK to=bob seq=3⏎…
//   ⏎ and 16 zero bytes, which the next commit overwrites
//
// `head` covers salt, offset, n, at and size; `crc` continues it over the body. The salt is the segment's, and random: neither
// an old commit in a recycled file, nor one that was copied elsewhere, nor a message that spells `COMMIT …` can pass. That `head`
// can be checked without the body keeps a search among forged headers linear.

import { crc32 } from 'node:zlib';
import { parseHeader, parseNumber } from '../../wire/frame.ts';
import type { Piece } from './piece.ts';
import { crcText, parseCrc } from './record.ts';

/** Behind the last commit stand this many zero bytes (or the file ends): so an end is told from a torn commit in a file full of old bytes. */
export const END_MARK = 16;

/** The longest header line of a commit: six words and keys, two numbers of 15 digits, two checks of 8, a size of 10. */
const COMMIT_LINE = 96;

/** A commit that was found intact. */
export interface Commit {
  /** Commits are numbered from 1 through the whole life of the journal, without a gap. */
  readonly n: number;
  /** When it was written, epoch milliseconds. */
  readonly at: number;
  /** Of its first byte in the file. */
  readonly offset: number;
  /** Of its body in the file. */
  readonly bodyOffset: number;
  /** Behind its last byte in the file. */
  readonly end: number;
  /** Its records; a view of the bytes that were searched. */
  readonly body: Buffer;
}

/** What stands at a place where a commit may begin. `end` of something bad is where its header, if that is intact, says. */
export type Found =
  | { readonly kind: 'commit'; readonly commit: Commit }
  | { readonly kind: 'end' }
  | { readonly kind: 'bad'; readonly end: number | undefined };

const LF = 0x0a;
const ZEROS = Buffer.alloc(END_MARK);
const START = Buffer.from('COMMIT n=');

function headOf(salt: string, offset: number, n: number, at: number, size: number): number {
  return crc32(`${salt} ${offset} ${n} ${at} ${size}`);
}

function lineOf(n: number, at: number, head: number, crc: number, size: number): string {
  return `COMMIT n=${n} at=${at} head=${crcText(head)} crc=${crcText(crc)} size=${size}\n`;
}

/** The most that a commit of `size` bytes of records takes in its segment, the mark behind it included. */
export function commitRoom(size: number): number {
  return COMMIT_LINE + size + 1 + END_MARK;
}

/**
 * Writes a commit into one buffer.
 * @param place the segment's salt and the offset at which it will stand
 * @param pieces its records, in order; `size` is the sum of their lengths
 * @param offsets receives the offset in the file of every piece, in order
 * @returns the bytes to write at `offset`, the end mark included: the next commit begins END_MARK before their end
 */
export function encodeCommit(
  place: { readonly salt: string; readonly offset: number },
  n: number,
  at: number,
  pieces: readonly Piece[],
  size: number,
  offsets: number[],
): Buffer {
  const head = headOf(place.salt, place.offset, n, at, size);
  const lineLength = lineOf(n, at, head, 0, size).length;
  const bytes = Buffer.allocUnsafeSlow(lineLength + size + 1 + END_MARK);
  let to = lineLength;
  for (const { line, body } of pieces) {
    offsets.push(place.offset + to);
    bytes.write(line, to, 'latin1');
    to += line.length;
    if (body === undefined) continue;
    bytes.set(body, to);
    to += body.length;
    bytes[to++] = LF;
  }
  const crc = crc32(bytes.subarray(lineLength, to), head);
  bytes.write(lineOf(n, at, head, crc, size), 0, 'latin1');
  bytes[to] = LF;
  bytes.fill(0, to + 1);
  return bytes;
}

/**
 * Looks at one place of a segment.
 * @param bytes a part of the file
 * @param base the offset in the file of its first byte
 * @param offset where a commit may begin, in the file
 */
export function commitAt(bytes: Buffer, base: number, offset: number, salt: string): Found {
  const from = offset - base;
  const mark = bytes.subarray(from, from + END_MARK);
  if (mark.equals(ZEROS.subarray(0, mark.length))) return { kind: 'end' };
  const lineEnd = bytes.subarray(from, from + COMMIT_LINE).indexOf(LF);
  if (lineEnd === -1) return { kind: 'bad', end: undefined };
  const line = bytes.toString('latin1', from, from + lineEnd + 1);
  const header = parseHeader(line.slice(0, -1));
  if (typeof header === 'string') return { kind: 'bad', end: undefined };
  const n = parseNumber(header.fields.get('n') ?? '');
  const at = parseNumber(header.fields.get('at') ?? '');
  const size = parseNumber(header.fields.get('size') ?? '');
  const crc = parseCrc(header.fields.get('crc'));
  if (n === undefined || at === undefined || size === undefined || crc === undefined)
    return { kind: 'bad', end: undefined };
  const head = headOf(salt, offset, n, at, size);
  // Compared as a whole with what would have been written, so that no byte of the line goes unchecked.
  if (line !== lineOf(n, at, head, crc, size)) return { kind: 'bad', end: undefined };
  const bodyFrom = from + line.length;
  const end = offset + line.length + size + 1;
  const body = bytes.subarray(bodyFrom, bodyFrom + size);
  if (body.length < size || bytes[bodyFrom + size] !== LF || crc32(body, head) !== crc)
    return { kind: 'bad', end };
  return { kind: 'commit', commit: { n, at, offset, bodyOffset: offset + line.length, end, body } };
}

/** The intact commits from `offset` on, one after the other, and then what stands behind the last one. */
export function* commitsFrom(
  bytes: Buffer,
  base: number,
  offset: number,
  salt: string,
): Generator<Commit, { readonly offset: number; readonly found: Exclude<Found, { kind: 'commit' }> }> {
  let at = offset;
  for (;;) {
    const found = commitAt(bytes, base, at, salt);
    if (found.kind !== 'commit') return { offset: at, found };
    yield found.commit;
    at = found.commit.end;
  }
}

/** Looks for an intact commit that begins anywhere at or behind `offset` and comes later than commit `n`. */
export function laterCommit(bytes: Buffer, offset: number, salt: string, n: number): Commit | undefined {
  for (let at = bytes.indexOf(START, offset); at !== -1; at = bytes.indexOf(START, at + 1)) {
    const found = commitAt(bytes, 0, at, salt);
    if (found.kind === 'commit' && found.commit.n > n) return found.commit;
  }
  return undefined;
}
