// Reads a log that grows, a part at a time, by the rules of read.ts: UTF-8 or UTF-16, of a very long log only the end, and a last line without
// its end waits until the rest of it has been written.

import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { DetourError, errnoOf } from '../core/error.ts';
import type { Recorded } from '../core/event.ts';
import { encodingOf } from '../core/text.ts';
import { parseRecorded } from './line.ts';
import { badLog, cannotRead, firstLine, MAX_LOG_BYTES } from './read.ts';

/**
 * What a look at the file has found. `absent`: there is no such file. `replaced`: it was cut, or it is another file than before; from then on
 * this tail finds nothing else.
 */
export type Look =
  | { readonly kind: 'absent' | 'replaced' }
  | {
      readonly kind: 'read';
      readonly events: readonly Recorded[];
      /** The lines that are not events, each as a sentence with file and number. */
      readonly bad: readonly string[];
      /** Is there more to read at once? */
      readonly more: boolean;
    };

/** How many bytes a look reads at most: some 20,000 events, which take a tenth of a second. */
const MOST_BYTES = 4 * 1024 * 1024;
/** How many characters a line may have: more than an event with the largest message in it, every byte of it escaped. */
const LONGEST_LINE = 16 * 1024 * 1024;

/** One log file that is followed. */
export class LogTail {
  readonly file: string;
  /** How many bytes at the beginning were left out. */
  skipped = 0;
  readonly #limit: number;
  #decoder: InstanceType<typeof TextDecoder> | undefined;
  /** The device and the number of the file that was read. */
  #identity: string | undefined;
  /** Its size at the last look, and how much of it has been read, in bytes. */
  #size = 0;
  #position = 0;
  #line = 0;
  /** The last line so far, without its end. */
  #rest = '';
  #gone = false;
  #failure: DetourError | undefined;

  /** @param limit at most this many bytes of what is there at the beginning are read, from the end */
  constructor(file: string, limit: number = MAX_LOG_BYTES) {
    this.file = file;
    this.#limit = limit;
  }

  /**
   * Reads what has been written since the last look, or a part of it.
   * @throws DetourError with the errno if it cannot be read; `bad_log` if it is not text
   */
  look(): Look {
    let handle: number | undefined;
    try {
      // Opening a pipe would wait for its writer.
      if (!statSync(this.file).isFile()) throw badLog(`${this.file} is not a file, so it cannot be followed`);
      handle = openSync(this.file, 'r');
      return this.#read(handle);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') {
        this.#gone = this.#identity !== undefined;
        return { kind: 'absent' };
      }
      if (!(error instanceof DetourError)) throw cannotRead(error, this.file);
      this.#failure = error;
      throw error;
    } finally {
      if (handle !== undefined) closeSync(handle);
    }
  }

  #read(handle: number): Look {
    const { dev, ino, size } = fstatSync(handle);
    const identity = `${dev} ${ino}`;
    const same = this.#identity === undefined || this.#identity === identity;
    if (this.#gone || !same || size < this.#size) return { kind: 'replaced' };
    this.#identity = identity;
    this.#size = size;
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#decoder === undefined && !this.#begin(handle, size)) return NOTHING;
    const bytes = readAt(handle, this.#position, Math.min(MOST_BYTES, size - this.#position));
    this.#position += bytes.length;
    const [...lines] = (this.#rest + this.#decode(bytes)).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > LONGEST_LINE) throw badLog(`${this.file} has no line ends`);
    const events: Recorded[] = [];
    const bad: string[] = [];
    for (const line of lines) {
      this.#line += 1;
      this.#parse(line, events, bad);
    }
    // An event is complete when its object is, even without a line end: an editor may have removed that.
    if (bytes.length > 0 && this.#rest.trimEnd().endsWith('}') && this.#isEvent(this.#rest, events))
      this.#rest = '';
    return { kind: 'read', events, bad, more: bytes.length === MOST_BYTES };
  }

  // Finds out how the text is encoded, and where to begin. Returns false if there is too little to say so.
  #begin(handle: number, size: number): boolean {
    const beginning = readAt(handle, 0, 4);
    if (beginning.length < 2) return false;
    if (beginning[0] === 0x1f && beginning[1] === 0x8b)
      throw badLog(`${this.file} is compressed (gzip): unpack it first`);
    const encoding = encodingOf(beginning);
    this.#decoder = new TextDecoder(encoding, { fatal: true });
    if (size <= this.#limit) return true;
    const from = size - this.#limit + ((size - this.#limit) % 2);
    this.skipped = from + firstLine(readAt(handle, from, MOST_BYTES), encoding);
    this.#position = this.skipped;
    return true;
  }

  #decode(bytes: Buffer): string {
    try {
      const text = this.#decoder?.decode(bytes, { stream: true }) ?? '';
      if (!text.includes('\0')) return text;
    } catch {
      // It is not valid in this encoding.
    }
    throw badLog(`${this.file} is not text (neither UTF-8 nor UTF-16)`);
  }

  #parse(line: string, events: Recorded[], bad: string[]): void {
    // Several files with a byte order mark may have been joined into one.
    const plain = line.replace(/^\ufeff/, '').trim();
    if (plain === '') return;
    const name = this.skipped === 0 ? this.file : `${this.file}, after its first ${this.skipped} bytes`;
    try {
      events.push(parseRecorded(plain, name, this.#line));
    } catch (error) {
      bad.push(error instanceof Error ? error.message : String(error));
    }
  }

  #isEvent(line: string, events: Recorded[]): boolean {
    const bad: string[] = [];
    this.#parse(line, events, bad);
    return bad.length === 0;
  }
}

const NOTHING: Look = { kind: 'read', events: [], bad: [], more: false };

function readAt(handle: number, position: number, most: number): Buffer {
  const bytes = Buffer.allocUnsafe(most);
  let have = 0;
  for (;;) {
    const count = readSync(handle, bytes, have, most - have, position + have);
    have += count;
    if (count === 0 || have === most) return bytes.subarray(0, have);
  }
}
