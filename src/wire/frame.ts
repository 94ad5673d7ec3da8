// The grammar of detour/1: bytes <-> header and body. PROTOCOL.md, "The grammar".
// It knows no verb's meaning (verbs.ts does), no socket (net/ does) and no time. The journal uses the same grammar.

/** The longest header line in bytes, its line end included. PROTOCOL.md, "Limits". */
export const MAX_LINE = 1024;

/** A body above the limit is still counted and discarded up to this many times the limit, so that the connection survives. */
export const DISCARD_FACTOR = 16;

/** The largest body that detour's own servers take, in bytes. PROTOCOL.md, "Limits". */
export const MAX_BODY = 1024 * 1024;

/** A header line, read: the verb and its fields as they stood there, in their order. */
export interface Header {
  readonly verb: string;
  readonly fields: ReadonlyMap<string, string>;
}

/** A whole frame. */
export interface Frame extends Header {
  /** Undefined if the header had no `size=`. */
  readonly body: Buffer | undefined;
  /**
   * The very bytes of the frame: the header line, the body and the newline after it, with the line ends as they came. `body` is a part
   * of them. A frame that came in one chunk is a view of that chunk and keeps all of it in memory.
   */
  readonly raw: Buffer;
}

/** Why bytes are not a frame: `malformed` breaks the grammar, `too_large` is a body beyond what is even discarded. */
export type GrammarFault = 'malformed' | 'too_large';

/** What the decoder found next. After `fault` nothing more can be read: where the next frame begins is not known. */
export type Decoded =
  | { readonly kind: 'frame'; readonly frame: Frame }
  | { readonly kind: 'oversize'; readonly header: Header; readonly size: number }
  | { readonly kind: 'fault'; readonly code: GrammarFault; readonly reason: string };

const LF = 0x0a;
const CR = 0x0d;
const LINE = /^[A-Z]+(?: [a-z]+=[\x21-\x7e]+)*$/;
const VERB = /^[A-Z]+(?: |$)/;
const FIELD = /^[a-z]+=[\x21-\x7e]+$/;
const NUMBER = /^(?:0|[1-9][0-9]{0,14})$/;

/** Reads a number as the protocol writes it: decimal, no sign, no leading zero, at most 15 digits. Undefined if it is none. */
export function parseNumber(text: string): number | undefined {
  return NUMBER.test(text) ? Number(text) : undefined;
}

/**
 * Reads one header line, given without its line end.
 * @returns the header, or a sentence that says what is wrong with the line
 */
export function parseHeader(line: string): Header | string {
  if (!VERB.test(line)) return 'the line does not begin with a verb in capital letters';
  if (!LINE.test(line)) return 'a field is not key=value (one space between fields, no other white space)';
  // Cut by hand, because every message and every entry of the log passes here.
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
 * Writes a frame. `size` is added from the body, last.
 * @param fields in the order to be written; an undefined value leaves the key out
 * @throws RangeError if the line would be longer than MAX_LINE or a value would break the grammar: a defect of the caller
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

//   LINE ──(no size=)──────────────────────────────► frame, LINE
//    │ ├──(size <= limit, all of it is here)───────► frame, LINE
//    │ ├──(size <= limit)──► BODY ──► END ─────────► frame, LINE
//    │ └──(size <= 16×limit)─► oversize, DISCARD ──► END ──► LINE
//    └──(line breaks the grammar, size beyond that)► fault, DEAD
type State = 'LINE' | 'BODY' | 'DISCARD' | 'END' | 'DEAD';

/** A frame with a body that is not all here. */
interface Unfinished {
  readonly header: Header;
  /** Header line, body and the longest newline find room here. */
  readonly raw: Buffer;
  /** Where in `raw` the body begins and ends. */
  readonly bodyStart: number;
  readonly bodyEnd: number;
  /** How much of `raw` is here. */
  filled: number;
}

const NOTHING = Buffer.alloc(0);

/**
 * Turns a stream of bytes, cut anywhere, into frames. Push what arrived, then call `next` until it returns undefined.
 * It holds at most one unfinished frame: a line of MAX_LINE and a body of `maxBody`, and what was pushed and not yet asked for.
 */
export class FrameDecoder {
  #state: State = 'LINE';
  #input: Buffer = NOTHING;
  #at = 0;
  /** The beginning of a header line whose end is not here. */
  #line: Buffer = NOTHING;
  #unfinished: Unfinished | undefined;
  #toDiscard = 0;
  #sawCr = false;
  /** Bytes of the frame that has started that are no longer in the input. */
  #consumed = 0;
  #ended = 0;

  /** @param maxBody the largest body that is taken, in bytes */
  constructor(readonly maxBody: number = MAX_BODY) {}

  /** Gives the decoder the bytes that came next. It keeps a reference to them until they are read. */
  push(bytes: Buffer): void {
    if (this.#state === 'DEAD') return;
    this.#input =
      this.#at === this.#input.length ? bytes : Buffer.concat([this.#input.subarray(this.#at), bytes]);
    this.#at = 0;
  }

  /** Bytes of the frame that has started and is not complete; 0 between frames. For the rule that a started frame must go on. */
  get started(): number {
    return this.#consumed + this.#input.length - this.#at;
  }

  /** How much is here of a body that is not complete, in bytes; undefined if none is under way. */
  get body(): { readonly have: number; readonly size: number } | undefined {
    if (this.#state !== 'BODY' || this.#unfinished === undefined) return undefined;
    const { bodyStart, bodyEnd, filled } = this.#unfinished;
    return { have: filled - bodyStart, size: bodyEnd - bodyStart };
  }

  /** How many frames have come to their end, discarded ones included. While it stays, it is the same frame that has `started`. */
  get ended(): number {
    return this.#ended;
  }

  /**
   * The next frame, if `read` knows it: a quicker way for what comes often. To be tried before each `next`.
   * @param read is given bytes, where in them a frame begins, and `maxBody`; undefined: it must be read by `next`
   */
  quick<T extends { readonly end: number }>(
    read: (bytes: Buffer, start: number, maxBody: number) => T | undefined,
  ): T | undefined {
    if (this.#state !== 'LINE' || this.#line.length > 0) return undefined;
    const found = read(this.#input, this.#at, this.maxBody);
    if (found === undefined) return undefined;
    this.#at = found.end;
    this.#ended += 1;
    return found;
  }

  /** The next thing that is complete, or undefined if more bytes are needed. */
  next(): Decoded | undefined {
    for (;;) {
      switch (this.#state) {
        case 'DEAD':
          return undefined;
        case 'LINE': {
          const found = this.#readLine();
          if (found === 'more') return undefined;
          if (found !== undefined) return found;
          break;
        }
        case 'BODY':
          if (!this.#fill()) return undefined;
          break;
        case 'DISCARD':
          if (!this.#discard()) return undefined;
          break;
        case 'END': {
          const found = this.#end();
          if (found === 'more') return undefined;
          if (found !== undefined) return found;
          break;
        }
      }
    }
  }

  // LINE: a complete frame, an oversize one, a fault, 'more', or undefined to go on in another state.
  #readLine(): Decoded | 'more' | undefined {
    const lf = this.#input.indexOf(LF, this.#at);
    const here = this.#input.subarray(this.#at, lf === -1 ? undefined : lf + 1);
    const length = this.#line.length + here.length;
    if (length > MAX_LINE || (lf === -1 && length === MAX_LINE))
      return this.#fault(`the header line is longer than ${MAX_LINE} bytes`);
    const line = this.#line.length === 0 ? here : Buffer.concat([this.#line, here]);
    if (lf === -1) {
      // Copied, so that a peer that pauses in the middle of a line does not keep a whole chunk in memory.
      this.#line = line === here ? Buffer.from(here) : line;
      this.#consumed = length;
      this.#input = NOTHING;
      this.#at = 0;
      return 'more';
    }
    const header = parseHeader(line.toString('latin1', 0, line[length - 2] === CR ? length - 2 : length - 1));
    if (typeof header === 'string') return this.#fault(header);
    this.#at = lf + 1;
    this.#line = NOTHING;
    const text = header.fields.get('size');
    if (text === undefined) return this.#frame({ ...header, body: undefined, raw: line });
    const size = Number(text);
    if (size <= this.maxBody) return this.#startBody(header, line, size, line === here);
    if (size > DISCARD_FACTOR * this.maxBody) {
      return this.#fault(
        `a body of ${size} bytes is beyond ${DISCARD_FACTOR} times the limit of ${this.maxBody}`,
        'too_large',
      );
    }
    this.#toDiscard = size;
    this.#consumed = length;
    this.#state = 'DISCARD';
    return { kind: 'oversize', header, size };
  }

  // The whole frame, as a view of the input, if it is there in one part. Else a buffer to collect it in, untouched memory as yet: the
  // system commits it only as bytes arrive.
  #startBody(header: Header, line: Buffer, size: number, inOnePart: boolean): Decoded | undefined {
    const end = this.#at + size;
    const newline = this.#input[end] === CR ? 2 : 1;
    if (inOnePart && this.#input[end + newline - 1] === LF) {
      const raw = this.#input.subarray(this.#at - line.length, end + newline);
      this.#at = end + newline;
      return this.#frame({ ...header, body: raw.subarray(line.length, line.length + size), raw });
    }
    const raw = Buffer.allocUnsafeSlow(line.length + size + 2);
    line.copy(raw);
    this.#unfinished = {
      header,
      raw,
      bodyStart: line.length,
      bodyEnd: line.length + size,
      filled: line.length,
    };
    this.#consumed = line.length;
    this.#state = 'BODY';
    return undefined;
  }

  #fill(): boolean {
    const unfinished = this.#unfinished as Unfinished;
    const { raw, bodyEnd, filled } = unfinished;
    const count = this.#input.copy(raw, filled, this.#at, this.#at + bodyEnd - filled);
    unfinished.filled += count;
    this.#at += count;
    this.#consumed += count;
    if (unfinished.filled < bodyEnd) return false;
    this.#state = 'END';
    return true;
  }

  #discard(): boolean {
    const count = Math.min(this.#toDiscard, this.#input.length - this.#at);
    this.#toDiscard -= count;
    this.#at += count;
    this.#consumed += count;
    if (this.#toDiscard > 0) return false;
    this.#state = 'END';
    return true;
  }

  // The newline after a body, \n or \r\n; anything else means that the framing is lost.
  #end(): Decoded | 'more' | undefined {
    while (this.#at < this.#input.length) {
      const byte = this.#input[this.#at];
      this.#at += 1;
      this.#consumed += 1;
      if (byte === CR && !this.#sawCr) {
        this.#sawCr = true;
        continue;
      }
      if (byte !== LF) return this.#fault('the byte after the body is not a newline: size= may be wrong');
      const unfinished = this.#unfinished;
      const newline = this.#sawCr ? '\r\n' : '\n';
      this.#sawCr = false;
      this.#unfinished = undefined;
      this.#state = 'LINE';
      if (unfinished === undefined) {
        this.#consumed = 0;
        this.#ended += 1;
        return undefined;
      }
      const { header, raw, bodyStart, bodyEnd } = unfinished;
      const end = bodyEnd + raw.write(newline, bodyEnd, 'latin1');
      return this.#frame({ ...header, body: raw.subarray(bodyStart, bodyEnd), raw: raw.subarray(0, end) });
    }
    return 'more';
  }

  #frame(frame: Frame): Decoded {
    this.#consumed = 0;
    this.#ended += 1;
    return { kind: 'frame', frame };
  }

  #fault(reason: string, code: GrammarFault = 'malformed'): Decoded {
    this.#state = 'DEAD';
    this.#consumed = 0;
    this.#line = NOTHING;
    this.#unfinished = undefined;
    this.#input = NOTHING;
    this.#at = 0;
    return { kind: 'fault', code, reason };
  }
}

/** The frame that begins at `start`; undefined if there is none, or not all of it. No limits are checked. */
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

/** The frames that these bytes are, from the first to the last of them; undefined if they are something else. No limits are checked. */
export function framesIn(bytes: Buffer): Frame[] | undefined {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; at += frames.at(-1)?.raw.length ?? 0) {
    const frame = frameAt(bytes, at);
    if (frame === undefined) return undefined;
    frames.push(frame);
  }
  return frames;
}
