// Parses SEND in place. A sender under load sends thousands in a row, so they are not first split into strings and copies. Only the form in
// which detour's own clients write SEND is parsed here; decoder.ts and verbs.ts handle every other frame and every fault. The result is
// exactly what those two would make of the same bytes.

import { CR, type Frame, LF, MAX_LINE } from './frame.ts';
import { isName, isToken, MAX_NAME, MAX_TOKEN, MAX_TTL, type Message } from './verbs.ts';

/** A SEND, as offsets into the bytes that it came in. These bytes may be a chunk with many more frames. */
export class SendFrame implements Message<'SEND'> {
  readonly verb = 'SEND';

  /**
   * @param bytes contain the frame, from `start` to `end`, line ends included
   * @param idStart where the value of `id=` begins; it ends at `idEnd`
   * @param bodyStart where the body of `size` bytes begins
   */
  constructor(
    readonly bytes: Buffer,
    readonly start: number,
    readonly end: number,
    readonly idStart: number,
    readonly idEnd: number,
    readonly to: string | undefined,
    readonly ttl: number | undefined,
    readonly notify: string | undefined,
    readonly bodyStart: number,
    readonly size: number,
  ) {}

  get id(): string {
    return this.bytes.toString('latin1', this.idStart, this.idEnd);
  }

  get body(): Buffer {
    return this.bytes.subarray(this.bodyStart, this.bodyStart + this.size);
  }

  /** The exact bytes of the frame. */
  get raw(): Buffer {
    return this.bytes.subarray(this.start, this.end);
  }
}

/** A message as a connection hands it to its owner. */
export type Incoming = Exclude<Message, Message<'SEND'>> | SendFrame;

/** Makes a SendFrame of a SEND that decoder.ts and verbs.ts have parsed. */
export function sendFrame(
  { raw }: Frame,
  { id, to, ttl, notify, body }: Omit<Message<'SEND'>, 'verb'>,
): SendFrame {
  const idStart = raw.indexOf(' id=') + ' id='.length;
  const bodyStart = raw.indexOf(LF) + 1;
  const fields = [idStart, idStart + id.length, to, ttl, notify, bodyStart, body.length] as const;
  return new SendFrame(raw, 0, raw.length, ...fields);
}

const ZERO = 0x30;

// Classes of bytes: what a byte may be part of, one bit each.
const [TOKEN, NAME, LETTER, DIGIT] = [1, 2, 4, 8];
const KINDS = Uint8Array.from({ length: 256 }, (_, code) => {
  const text = String.fromCharCode(code);
  const kinds = [isToken(text), isName(`a${text}`), isName(text), /[0-9]/.test(text)];
  return kinds.reduce((all, is, bit) => all | (is ? 1 << bit : 0), 0);
});
/** Longer numbers are left to decoder.ts and verbs.ts: no accepted size or ttl has more digits. */
const MOST_DIGITS = 8;

/**
 * Parses `SEND id=… [to=…] [ttl=…] [notify=…] size=…` and its body, if all of it is there and in this form.
 * @param maxBody the largest body that is accepted, in bytes
 * @returns undefined if it is anything else, or incomplete
 */
export function readSend(bytes: Buffer, start: number, maxBody: number): SendFrame | undefined {
  const idStart = after(bytes, start, 'SEND id=');
  if (idStart === 0) return undefined;
  const idEnd = endOf(bytes, idStart, TOKEN);
  if (idEnd === idStart || idEnd - idStart > MAX_TOKEN) return undefined;
  let [at, to, ttl, notify]: [number, string?, number?, string?] = [idEnd];
  let value = after(bytes, at, ' to=');
  if (value > 0) {
    at = endOf(bytes, value, NAME);
    to = nameAt(bytes, value, at);
    if (to === undefined) return undefined;
  }
  value = after(bytes, at, ' ttl=');
  if (value > 0) {
    at = endOf(bytes, value, DIGIT);
    ttl = numberAt(bytes, value, at);
    if (ttl < 1 || ttl > MAX_TTL) return undefined;
  }
  value = after(bytes, at, ' notify=');
  if (value > 0) {
    at = endOf(bytes, value, NAME);
    notify = nameAt(bytes, value, at);
    if (notify === undefined) return undefined;
  }
  value = after(bytes, at, ' size=');
  if (value === 0) return undefined;
  at = endOf(bytes, value, DIGIT);
  const size = numberAt(bytes, value, at);
  if (size < 0 || size > maxBody) return undefined;
  const bodyStart = afterNewline(bytes, at);
  if (bodyStart === 0 || bodyStart - start > MAX_LINE) return undefined;
  const end = afterNewline(bytes, bodyStart + size);
  if (end === 0) return undefined;
  return new SendFrame(bytes, start, end, idStart, idEnd, to, ttl, notify, bodyStart, size);
}

// Where this text, which must be at `at`, ends; 0 if something else is there.
function after(bytes: Buffer, at: number, text: string): number {
  for (let index = 0; index < text.length; index++)
    if (bytes[at + index] !== text.charCodeAt(index)) return 0;
  return at + text.length;
}

const afterNewline = (bytes: Buffer, at: number): number =>
  bytes[at] === LF ? at + 1 : bytes[at] === CR && bytes[at + 1] === LF ? at + 2 : 0;

// Where a run of bytes of this class ends.
function endOf(bytes: Buffer, from: number, kind: number): number {
  let at = from;
  while (((KINDS[bytes[at] ?? 0] ?? 0) & kind) !== 0) at += 1;
  return at;
}

// Returns -1 if it is not a number as the protocol writes it, or too long.
function numberAt(bytes: Buffer, from: number, end: number): number {
  if (end === from || end - from > MOST_DIGITS || (bytes[from] === ZERO && end - from > 1)) return -1;
  let value = 0;
  for (let at = from; at < end; at++) value = value * 10 + (bytes[at] ?? 0) - ZERO;
  return value;
}

/** A cache of names, by hash: mostly the same few names come again and again. */
const names: string[] = Array<string>(4096).fill('');

function nameAt(bytes: Buffer, from: number, end: number): string | undefined {
  if (end - from > MAX_NAME || ((KINDS[bytes[from] ?? 0] ?? 0) & LETTER) === 0) return undefined;
  let hash = 0;
  for (let at = from; at < end; at++) hash = (Math.imul(hash, 31) + (bytes[at] ?? 0)) | 0;
  const slot = (hash ^ (hash >>> 12)) & (names.length - 1);
  const known = names[slot] ?? '';
  if (known.length === end - from && after(bytes, from, known) > 0) return known;
  const name = bytes.toString('latin1', from, end);
  names[slot] = name;
  return name;
}
