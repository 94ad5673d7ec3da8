// Reads log files back into events, for merging. If a file is huge, only its end is read, from the beginning of a line.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { DetourError, errnoOf } from '../core/error.ts';
import type { Recorded } from '../core/event.ts';
import { parseRecorded } from './line.ts';

/** At most this many bytes of a log file are read, from its end: about 150,000 events, which take 200 MB in memory. */
const MAX_LOG_BYTES = 32 * 1024 * 1024;

/** A log that was read. */
export interface Log {
  readonly file: string;
  readonly events: readonly Recorded[];
  /** How many bytes at the beginning were left out. */
  readonly skipped: number;
  /** Was the last line left out because it had no end? Its writer was interrupted, or is writing it now. */
  readonly torn: boolean;
}

/**
 * Reads a log file.
 * @throws DetourError with the errno if it cannot be read; `bad_log`, with file and line, if it is not a log or is empty
 */
export function readLog(file: string, limit: number = MAX_LOG_BYTES): Log {
  const { bytes, skipped } = readEnd(file, limit);
  const end = bytes.lastIndexOf(0x0a) + 1;
  const begin = skipped === 0 ? 0 : bytes.indexOf(0x0a) + 1;
  const events: Recorded[] = [];
  let number = 0;
  for (const line of bytes.toString('utf8', begin, end).split('\n')) {
    number += 1;
    if (line.trim() !== '')
      events.push(parseRecorded(line, skipped === 0 ? file : `${file}, in its last ${limit} bytes`, number));
  }
  if (events.length === 0) throw new DetourError('bad_log', `${file} has no complete line in it`, HINT);
  return { file, events, skipped: skipped === 0 ? 0 : skipped + begin, torn: end < bytes.length };
}

const HINT = 'give files that detour wrote with --log, or what --json printed';

function readEnd(file: string, limit: number): { bytes: Buffer; skipped: number } {
  let handle: number | undefined;
  try {
    handle = openSync(file, 'r');
    const { size } = fstatSync(handle);
    const skipped = Math.max(0, size - limit);
    const bytes = Buffer.alloc(size - skipped);
    let filled = 0;
    while (filled < bytes.length) {
      const count = readSync(handle, bytes, filled, bytes.length - filled, skipped + filled);
      if (count === 0) break;
      filled += count;
    }
    return { bytes: bytes.subarray(0, filled), skipped };
  } catch (error) {
    const code = errnoOf(error) || 'failed';
    const what = ADVICE[code] ?? `it cannot be read (${code})`;
    throw new DetourError(code, `${file}: ${what}`, HINT, { cause: error });
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}

const ADVICE: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file (ENOENT)',
  EACCES: 'you may not read it (EACCES)',
  EISDIR: 'that is a folder, not a file (EISDIR)',
};
