// A segment: one file of the journal. Its name, its header, and how it comes into the directory without a moment of doubt.
// It does not know what is in the commits behind the header.
//
//   SEGMENT version=1 k=7 salt=90ab… first=1234 oldest=3 token=c0ff… crc=9b2c1f04⏎

import { randomBytes } from 'node:crypto';
import { fstatSync, statSync } from 'node:fs';
import { type FileHandle, link, open, rename, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { DetourError } from '../../errors/error.ts';
import { MAX_LINE, parseHeader, parseNumber } from '../../wire/frame.ts';
import { END_MARK } from './commit.ts';
import { type Disk, errnoOf, syncDirectory, writtenDurably } from './disk.ts';
import { crcText } from './record.ts';

/** What a segment says of itself. */
export interface SegmentHeader {
  /** Segments are numbered from 1 through the whole life of the journal, without a gap. */
  readonly k: number;
  /** Random, new for every segment, also in a recycled file: what stood in it before is not valid under it. */
  readonly salt: string;
  /** The number of its first commit. Whatever stands in the segment before it from this number on was never durable. */
  readonly first: number;
  /** The oldest segment that still counted when this one was begun. */
  readonly oldest: number;
  /** Made with the journal, the same in every segment. */
  readonly token: string;
}

/** Files whose names the journal knows. What a crash leaves behind has one of these names, too. */
export const SEGMENT_NAME = /^([0-9]{8,12})\.segment$/;
/** Prepared, and nobody has it open. */
export const SPARE_NAME = /^[0-9a-f]{16}\.spare$/;
/** Somebody is writing it: a spare being prepared, or a segment that has not got its name yet. Left by a crash, it is of no use. */
export const NEW_NAME = /^[0-9a-f]{16}\.new$/;
/** A torn tail. */
export const CUT_NAME = /\.cut$/;

const VERSION = 1;
const LF = 0x0a;
const SALT = /^[0-9a-f]{16}$/;
const TOKEN = /^[A-Za-z0-9._:-]{1,64}$/;
// Where a directory entry cannot be made twice (FAT, some shared folders of virtual machines).
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL', 'EACCES']);

/** The name of segment `k`. */
export function segmentName(k: number): string {
  return `${String(k).padStart(8, '0')}.segment`;
}

/** A name that is not part of the journal: for a file that is prepared, or is being written. */
export function asideName(kind: 'spare' | 'new'): string {
  return `${randomToken()}.${kind}`;
}

/** A token or a salt: 64 random bits. */
export function randomToken(): string {
  return randomBytes(8).toString('hex');
}

/** The bytes with which a segment begins. */
function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const { k, salt, first, oldest, token } = header;
  const line = `SEGMENT version=${VERSION} k=${k} salt=${salt} first=${first} oldest=${oldest} token=${token}`;
  return Buffer.from(`${line} crc=${crcText(crc32(line))}\n`, 'latin1');
}

/**
 * Reads the header of a segment.
 * @param bytes the file from its first byte on
 * @returns the header and where the first commit begins; a string says what is wrong
 */
export function readSegmentHeader(
  bytes: Buffer,
): { readonly header: SegmentHeader; readonly length: number } | string {
  const end = bytes.subarray(0, MAX_LINE).indexOf(LF);
  const parsed = end === -1 ? 'it has no end' : parseHeader(bytes.toString('latin1', 0, end));
  if (typeof parsed === 'string') return parsed;
  const { verb, fields } = parsed;
  if (verb !== 'SEGMENT') return 'it does not begin with SEGMENT';
  const version = fields.get('version');
  if (version !== String(VERSION))
    return `it has version ${version}, and this detour reads version ${VERSION}`;
  const [k, first, oldest] = ['k', 'first', 'oldest'].map((key) => parseNumber(fields.get(key) ?? ''));
  const salt = fields.get('salt') ?? '';
  const token = fields.get('token') ?? '';
  if (k === undefined || first === undefined || oldest === undefined)
    return 'a number in it is missing or is none';
  if (!SALT.test(salt) || !TOKEN.test(token)) return 'its salt or its token is none';
  if (k < 1 || first < 1 || oldest < 1 || oldest > k) return 'its numbers contradict each other';
  const header = { k, salt, first, oldest, token };
  if (!encodeSegmentHeader(header).equals(bytes.subarray(0, end + 1))) return 'its checksum does not fit';
  return { header, length: end + 1 };
}

/**
 * Turns a prepared file into a segment: its header is durable before it has its name, and its name before this returns.
 * @param spare path of the prepared file, of the size the segment shall have
 * @returns where the first commit goes; undefined if the prepared file has vanished
 * @throws DetourError `locked` if the segment exists: another relay writes here, in spite of the lock
 */
export async function beginSegment(
  disk: Disk,
  dir: string,
  spare: string,
  header: SegmentHeader,
): Promise<number | undefined> {
  // Out of the way of another relay that has got past the lock and takes the spares for its own: it must not take one that is being written.
  const own = path.join(dir, asideName('new'));
  try {
    await rename(spare, own);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  const line = encodeSegmentHeader(header);
  const handle = await open(own, 'r+');
  try {
    await writtenDurably(disk, handle.fd, Buffer.concat([line, Buffer.alloc(END_MARK)]), 0);
  } finally {
    await handle.close();
  }
  await claim(own, path.join(dir, segmentName(header.k)), dir);
  await syncDirectory(dir);
  return line.length;
}

// Unlike rename, link never replaces a file. A crash between the two calls leaves a second name, which the next start removes.
async function claim(from: string, to: string, dir: string): Promise<void> {
  try {
    await link(from, to);
    await unlink(from);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST' || errnoOf(error) === 'ENOENT') throw alreadyTaken(dir);
    if (!NO_LINKS.has(errnoOf(error))) throw error;
    if ((await stat(to).catch(() => undefined)) !== undefined) throw alreadyTaken(dir);
    await rename(from, to);
  }
}

/**
 * The error if an open segment has no name any more: it was deleted, or another file was put in its place. What is synced to it goes
 * with the process, so it must not be acknowledged. (A microsecond; a segment that was moved away is still one.)
 * @param named it must go by this very name: before another one is made beside it
 */
export function lossOf(handle: FileHandle, file: string, named: boolean): DetourError | undefined {
  try {
    // Some file systems count no links: there the name decides, too.
    if ((!named && fstatSync(handle.fd).nlink > 0) || hasName(handle, file)) return undefined;
  } catch {
    // A file system that lost the file itself.
  }
  return takenAway(path.dirname(file));
}

/** Is it this open file that goes by the name? */
export function hasName(handle: FileHandle, file: string): boolean {
  try {
    const [own, other] = [fstatSync(handle.fd), statSync(file)];
    return own.ino === other.ino && own.dev === other.dev;
  } catch {
    return false;
  }
}

/** The error for a journal whose files somebody has deleted or moved while it is open. */
export function takenAway(dir: string): DetourError {
  return new DetourError(
    'deleted',
    `files of the journal in ${dir} were deleted or moved away while the relay was running`,
    'What was stored and not collected is where they are: gone with them, if they were deleted. Stop a relay before you touch its journal.',
  );
}

/** The error for a relay that finds another one at work where the lock should have kept it out. */
export function alreadyTaken(dir: string): DetourError {
  return new DetourError(
    'locked',
    `another relay is writing to the journal in ${dir}`,
    'Stop it, or give this one another directory with --journal.',
  );
}
