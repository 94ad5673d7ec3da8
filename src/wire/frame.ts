// The grammar of detour/1: bytes <-> header and body. PROTOCOL.md, "The grammar".
// It does not know what a verb means (verbs.ts does), and it uses no socket (net/ does) and no clock. The journal uses the same grammar.

/** The longest header line in bytes, its line end included. PROTOCOL.md, "Limits". */
export const MAX_LINE = 1024;

/** The largest body that detour's own servers take, in bytes. PROTOCOL.md, "Limits". */
export const MAX_BODY = 1024 * 1024;

/** A parsed header line: the verb, and its fields as text, in the order in which they came. */
export interface Header {
  readonly verb: string;
  readonly fields: ReadonlyMap<string, string>;
}

/** A whole frame. */
export interface Frame extends Header {
  /** Undefined if the header had no `size=`. */
  readonly body: Buffer | undefined;
  /**
   * The exact bytes of the frame: header line, body and the newline after it, with the line ends as they came. `body` is a view into
   * them. A frame that came in one chunk is itself a view of that chunk, and keeps all of it in memory.
   */
  readonly raw: Buffer;
}

/** The byte that ends a line. */
export const LF = 0x0a;
/** A carriage return, which is accepted before LF. */
export const CR = 0x0d;

const LINE = /^[A-Z]+(?: [a-z]+=[\x21-\x7e]+)*$/;
const VERB = /^[A-Z]+(?: |$)/;
const FIELD = /^[a-z]+=[\x21-\x7e]+$/;
const NUMBER = /^(?:0|[1-9][0-9]{0,14})$/;

/** Parses a number as the protocol writes it: decimal, no sign, no leading zeros, at most 15 digits. Undefined if it is anything else. */
export function parseNumber(text: string): number | undefined {
  return NUMBER.test(text) ? Number(text) : undefined;
}

/**
 * Parses one header line, given without its line end.
 * @returns the header, or a sentence that says what is wrong with the line
 */
export function parseHeader(line: string): Header | string {
  if (!VERB.test(line)) return 'the line does not begin with a verb in capital letters';
  if (!LINE.test(line)) return 'a field is not key=value (one space between fields, no other white space)';
  // Split by hand, which is faster: every message and every entry of the log comes through here.
  let end = line.indexOf(' ');
  const verb = end === -1 ? line : line.slice(0, end);
  const fields = new Map<string, string>();
  while (end !== -1) {
    const equals = line.indexOf('=', end);
    const key = line.slice(end + 1, equals);
    end = line.indexOf(' ', equals);
    if (fields.has(key)) return `the key ${key} appears twice`;
    fields.set(key, line.slice(equals + 1, end === -1 ? undefined : end));
  }
  const size = fields.get('size');
  if (size !== undefined && parseNumber(size) === undefined) return 'size is not a decimal number';
  return { verb, fields };
}

/**
 * Encodes a frame. If there is a body, `size=` is added as the last key.
 * @param fields in the order in which to write them; an undefined value leaves the key out
 * @throws RangeError if the line would be longer than MAX_LINE or a value would break the grammar: a bug in the caller
 */
export function encodeFrame(
  verb: string,
  fields: Iterable<readonly [string, string | number | undefined]>,
  body?: Uint8Array,
): Buffer {
  let line = verb;
  for (const [key, value] of fields) {
    if (value === undefined) continue;
    const field = `${key}=${value}`;
    if (!FIELD.test(field)) throw new RangeError(`${verb} ${key}: not a value that the grammar allows`);
    line += ` ${field}`;
  }
  if (body !== undefined) line += ` size=${body.length}`;
  line += '\n';
  if (line.length > MAX_LINE) throw new RangeError(`${verb}: the header line would be ${line.length} bytes`);
  if (body === undefined) return Buffer.from(line, 'latin1');
  const bytes = Buffer.allocUnsafe(line.length + body.length + 1);
  bytes.write(line, 0, 'latin1');
  bytes.set(body, line.length);
  bytes[bytes.length - 1] = LF;
  return bytes;
}

/** The frame that begins at `start`; undefined if there is no frame, or not all of it. Checks no limits. */
export function frameAt(bytes: Buffer, start: number): Frame | undefined {
  const end = bytes.indexOf(LF, start);
  if (end === -1) return undefined;
  const header = parseHeader(bytes.toString('latin1', start, bytes[end - 1] === CR ? end - 1 : end));
  if (typeof header === 'string') return undefined;
  const size = header.fields.get('size');
  let at = end + 1;
  const body = size === undefined ? undefined : bytes.subarray(at, at + Number(size));
  if (body !== undefined) {
    at += Number(size);
    if (bytes[at] === CR) at += 1;
    if (bytes[at] !== LF) return undefined;
    at += 1;
  }
  return { ...header, body, raw: bytes.subarray(start, at) };
}

/** The frames in these bytes, which must be whole frames and nothing else; undefined if they are not. Checks no limits. */
export function framesIn(bytes: Buffer): Frame[] | undefined {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; at += frames.at(-1)?.raw.length ?? 0) {
    const frame = frameAt(bytes, at);
    if (frame === undefined) return undefined;
    frames.push(frame);
  }
  return frames;
}
