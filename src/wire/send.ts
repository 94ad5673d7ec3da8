// SEND, read where it lies: what a sender under load says thousands of times in a row is not cut into strings and copies first. Only the
// form in which detour's own clients write it is read here; every other frame, and every fault, is the work of decoder.ts and verbs.ts.
// What is read here is just what those two would make of the same bytes.

import { CR, type Frame, LF, MAX_LINE } from './frame.ts';
import { isName, isToken, MAX_NAME, MAX_TOKEN, MAX_TTL, type Message } from './verbs.ts';

/** A SEND and where it lies. Its bytes may be a chunk with many more frames in it. */
export class SendFrame implements Message<'SEND'> {
  readonly verb = 'SEND';

  /**
   * @param bytes in which the frame lies, from `start` to `end`, its line ends included
   * @param idStart where the value of `id=` begins, and `idEnd` where it ends
   * @param bodyStart where the body begins, of `size` bytes
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

  /** The very bytes of the frame. */
  get raw(): Buffer {
    return this.bytes.subarray(this.start, this.end);
  }
}

/** A message as a connection hands it over. */
export type Incoming = Exclude<Message, Message<'SEND'>> | SendFrame;

/** The same of a SEND that was read by decoder.ts and verbs.ts. */
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

// What a byte may stand in.
const [TOKEN, NAME, LETTER, DIGIT] = [1, 2, 4, 8];
const KINDS = Uint8Array.from({ length: 256 }, (_, code) => {
  const text = String.fromCharCode(code);
  const kinds = [isToken(text), isName(`a${text}`), isName(text), /[0-9]/.test(text)];
  return kinds.reduce((all, is, bit) => all | (is ? 1 << bit : 0), 0);
});
/** A longer number is left to decoder.ts and verbs.ts: it is neither a size nor a ttl that is accepted. */
const MOST_DIGITS = 8;

/**
 * Reads `SEND id=… [to=…] [ttl=…] [notify=…] size=…` and its body, if all of it is there in this form.
 * @param maxBody the largest body that is taken, in bytes
 * @returns undefined if it is anything else, or not whole
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

// Where the text that must stand at `at` ends; 0: something else stands there.
function after(bytes: Buffer, at: number, text: string): number {
  for (let index = 0; index < text.length; index++)
    if (bytes[at + index] !== text.charCodeAt(index)) return 0;
  return at + text.length;
}

const afterNewline = (bytes: Buffer, at: number): number =>
  bytes[at] === LF ? at + 1 : bytes[at] === CR && bytes[at + 1] === LF ? at + 2 : 0;

// Where bytes of this kind end.
function endOf(bytes: Buffer, from: number, kind: number): number {
  let at = from;
  while (((KINDS[bytes[at] ?? 0] ?? 0) & kind) !== 0) at += 1;
  return at;
}

// -1: it is not written as the protocol writes numbers, or too long.
function numberAt(bytes: Buffer, from: number, end: number): number {
  if (end === from || end - from > MOST_DIGITS || (bytes[from] === ZERO && end - from > 1)) return -1;
  let value = 0;
  for (let at = from; at < end; at++) value = value * 10 + (bytes[at] ?? 0) - ZERO;
  return value;
}

/** Names that were read lately: mostly the same few come again and again. */
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
