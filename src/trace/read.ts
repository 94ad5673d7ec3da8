// Reads log files back into events, for merging: files, pipes and stdin, in UTF-8 or UTF-16. Of a very long log only the end is kept, from
// the beginning of a line.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { DetourError, errnoOf } from '../core/error.ts';
import type { Recorded } from '../core/event.ts';
import { type Encoding, encodingOf, textOf } from '../core/text.ts';
import { parseRecorded } from './line.ts';

/** At most this many bytes of a log file are read, from its end: about 150,000 events, which take 200 MB in memory. */
export const MAX_LOG_BYTES = 32 * 1024 * 1024;

/** A log that was read. */
export interface Log {
  readonly file: string;
  readonly events: readonly Recorded[];
  /** How many bytes at the beginning were left out. */
  readonly skipped: number;
  /** Was the last line left out because it had no end? Its writer was interrupted, or is writing it now. */
  readonly torn: boolean;
}

/** The file name that means stdin. */
export const STDIN = '-';

/**
 * Reads a log, once, and blocks until it ends.
 * @param file a file or a pipe, or `-` for stdin
 * @param limit at most this many bytes are kept, from the end
 * @throws DetourError with the errno if it cannot be read; `bad_log`, with file and line, if it is not a log or is empty
 */
export function readLog(file: string, limit: number = MAX_LOG_BYTES): Log {
  const name = file === STDIN ? 'stdin' : file;
  const { beginning, bytes, skipped } = readEnd(file, name, limit);
  if (beginning[0] === 0x1f && beginning[1] === 0x8b)
    throw badLog(`${name} is compressed (gzip): unpack it first`);
  const encoding = encodingOf(beginning);
  const begin = skipped === 0 ? 0 : firstLine(bytes, encoding);
  const end = lastLine(bytes, encoding);
  const text = textOf(bytes.subarray(begin, Math.max(begin, end)), encoding);
  const rest = textOf(bytes.subarray(end), encoding);
  if (text === undefined || (text === '' && rest === undefined))
    throw badLog(`${name} is not text (neither UTF-8 nor UTF-16)`);
  const events: Recorded[] = [];
  let number = 0;
  const parse = (line: string): void => {
    number += 1;
    // Several files with a byte order mark may have been joined into one.
    const plain = line.replace(/^\ufeff/, '').trim();
    if (plain === '') return;
    events.push(parseRecorded(plain, skipped === 0 ? name : `${name}, in its last ${limit} bytes`, number));
  };
  for (const line of text.split('\n')) parse(line);
  number -= 1;
  const torn = !parses(parse, rest);
  if (events.length === 0) throw badLog(`${name} has no complete line in it`);
  return { file: name, events, skipped: skipped === 0 ? 0 : skipped + begin, torn };
}

// The text after the last line end is a whole event if an editor removed the line end; otherwise it is torn.
function parses(parse: (line: string) => void, rest: string | undefined): boolean {
  try {
    if (rest !== undefined) parse(rest);
    return rest !== undefined;
  } catch {
    return false;
  }
}

const HINT = 'give files that detour wrote with --log, or what --json printed';

/** The error to throw if a file is not a log. @param what a sentence that names the file */
export const badLog = (what: string): DetourError => new DetourError('bad_log', what, HINT);

const LINE_ENDS: Readonly<Record<Encoding, Buffer>> = {
  'utf-8': Buffer.of(0x0a),
  'utf-16le': Buffer.of(0x0a, 0),
  'utf-16be': Buffer.of(0, 0x0a),
};

// The two bytes of a UTF-16 line end may also be halves of two other characters, so only line ends at an even offset count.

/** Where the first line after a line end begins, in bytes that begin in the middle of a line; their length if there is no line end. */
export function firstLine(bytes: Buffer, encoding: Encoding): number {
  const { [encoding]: lineEnd } = LINE_ENDS;
  let at = bytes.indexOf(lineEnd);
  while (at !== -1 && at % lineEnd.length !== 0) at = bytes.indexOf(lineEnd, at + 1);
  return at === -1 ? bytes.length : at + lineEnd.length;
}

// Where the last line begins.
function lastLine(bytes: Buffer, encoding: Encoding): number {
  const { [encoding]: lineEnd } = LINE_ENDS;
  let at = bytes.lastIndexOf(lineEnd);
  while (at > 0 && at % lineEnd.length !== 0) at = bytes.lastIndexOf(lineEnd, at - 1);
  return at === -1 ? 0 : at + lineEnd.length;
}

/** The error to throw if a log cannot be read. @param name the name of the file, as it is shown */
export function cannotRead(error: unknown, name: string): DetourError {
  const code = errnoOf(error) || 'failed';
  const what = ADVICE[code] ?? `it cannot be read (${code})`;
  return new DetourError(code, `${name}: ${what}`, HINT, { cause: error });
}

interface Read {
  /** The first bytes of the file. */
  readonly beginning: Buffer;
  /** The last bytes of the file. */
  readonly bytes: Buffer;
  /** The number of bytes before `bytes`. It is even. */
  readonly skipped: number;
}

function readEnd(file: string, name: string, limit: number): Read {
  let handle: number | undefined;
  try {
    handle = file === STDIN ? 0 : openSync(file, 'r');
    const stat = fstatSync(handle);
    // Files of /proc have size 0. When a shell redirects a file to stdin, its position may already be in the middle.
    const skipped = stat.isFile() && handle !== 0 ? even(Math.max(0, stat.size - limit)) : 0;
    if (skipped === 0) return readAll(handle, limit);
    const beginning = Buffer.alloc(BEGINNING);
    readSync(handle, beginning, 0, BEGINNING, 0);
    const read = readAll(handle, limit, skipped);
    return { ...read, beginning, skipped: skipped + read.skipped };
  } catch (error) {
    throw cannotRead(error, name);
  } finally {
    if (handle !== undefined && handle !== 0) closeSync(handle);
  }
}

/** How many bytes it takes to recognise a file. */
const BEGINNING = 4;
const CHUNK = 256 * 1024;

// Reads to the end and keeps the last bytes. It stops early if the file does not begin like a log: it may have no end, like /dev/zero.
function readAll(handle: number, limit: number, from?: number): Read {
  const chunks: Buffer[] = [];
  let beginning = Buffer.alloc(0);
  let skipped = 0;
  let kept = 0;
  const chunk = Buffer.allocUnsafe(CHUNK);
  for (let position = from; ; ) {
    const count = readSome(handle, chunk, position ?? null);
    if (position !== undefined) position += count;
    if (count === 0) break;
    const bytes = Buffer.from(chunk.subarray(0, count));
    chunks.push(bytes);
    kept += count;
    if (beginning.length < BEGINNING) beginning = Buffer.concat([beginning, bytes]).subarray(0, BEGINNING);
    if (from === undefined && beginning.length >= BEGINNING && !beginsLikeLog(beginning)) break;
    for (let first = chunks[0]; first !== undefined && kept - first.length >= limit + 1; first = chunks[0]) {
      chunks.shift();
      kept -= first.length;
      skipped += first.length;
    }
  }
  const bytes = Buffer.concat(chunks);
  const over = skipped + bytes.length <= limit ? 0 : even(skipped + bytes.length - limit) - skipped;
  return { beginning, bytes: bytes.subarray(over), skipped: skipped + over };
}

const even = (count: number): number => count + (count % 2);

function beginsLikeLog(beginning: Buffer): boolean {
  return /^[\s{]/.test((textOf(beginning, encodingOf(beginning)) ?? '').replace(/^\ufeff/, ''));
}

// Reading an empty pipe that another program has made non-blocking fails with EAGAIN. On Windows a pipe ends with EOF.
function readSome(handle: number, into: Buffer, position: number | null): number {
  for (;;) {
    try {
      return readSync(handle, into, 0, into.length, position);
    } catch (error) {
      const code = errnoOf(error);
      if (code === 'EOF') return 0;
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(NOBODY_WAKES, 0, 0, EAGAIN_MS);
    }
  }
}

const EAGAIN_MS = 10;
const NOBODY_WAKES = new Int32Array(new SharedArrayBuffer(4));

const ADVICE: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file (ENOENT)',
  EACCES: 'you may not read it (EACCES)',
  EISDIR: 'that is a folder, not a file (EISDIR)',
};
