// Turns the stream of bytes from a connection, cut anywhere, into frames. It does not know what a verb means, and uses no socket and no clock.

import { CR, type Frame, type Header, LF, MAX_BODY, MAX_LINE, parseHeader } from './frame.ts';

/** A body up to this many times the limit is counted and discarded, so that the connection can stay open. PROTOCOL.md, "Limits". */
export const DISCARD_FACTOR = 16;

/** Why bytes are not a frame: `malformed` breaks the grammar; `too_large` is a body that is too large even to discard. */
export type GrammarFault = 'malformed' | 'too_large';

/** What the decoder found next. After `fault` nothing more can be read, because nobody knows where the next frame begins. */
export type Decoded =
  | { readonly kind: 'frame'; readonly frame: Frame }
  | { readonly kind: 'oversize'; readonly header: Header; readonly size: number }
  | { readonly kind: 'fault'; readonly code: GrammarFault; readonly reason: string };

//   LINE ──(no size=)──────────────────────────────► frame, LINE
//    │ ├──(size <= limit, all of it is here)───────► frame, LINE
//    │ ├──(size <= limit)──► BODY ──► END ─────────► frame, LINE
//    │ └──(size <= 16×limit)─► oversize, DISCARD ──► END ──► LINE
//    └──(line breaks the grammar, larger size)────► fault, DEAD
type State = 'LINE' | 'BODY' | 'DISCARD' | 'END' | 'DEAD';

/** A frame that began and has not ended, as far as it has come: for an explanation, because an incomplete frame has no effect. */
export interface PartialFrame {
  /** How many bytes of it have come. */
  readonly bytes: number;
  /** The first of them, at most PARTIAL_SHOWN. */
  readonly start: Buffer;
  /** How many bytes of its body have come, and its size; undefined if not even the header line has ended. */
  readonly body: { readonly have: number; readonly size: number } | undefined;
}

/** How many bytes of an unfinished frame are kept for people to look at. */
const PARTIAL_SHOWN = 80;

/** A frame whose body is not complete. */
interface Unfinished {
  readonly header: Header;
  /** Has room for the header line, the body and the longer of the two newlines. */
  readonly raw: Buffer;
  /** Where in `raw` the body begins and ends. */
  readonly bodyStart: number;
  readonly bodyEnd: number;
  /** How many bytes of `raw` have arrived. */
  filled: number;
}

const NOTHING = Buffer.alloc(0);

/**
 * Turns a stream of bytes, cut anywhere, into frames. Push what arrived, then call `next` until it returns undefined.
 * It holds at most one unfinished frame (a line of MAX_LINE and a body of `maxBody`), and what was pushed and not read yet.
 */
export class FrameDecoder {
  #state: State = 'LINE';
  #input: Buffer = NOTHING;
  #at = 0;
  /** The beginning of a header line whose end has not arrived. */
  #line: Buffer = NOTHING;
  #unfinished: Unfinished | undefined;
  #toDiscard = 0;
  #sawCr = false;
  /** Bytes of the current frame that are no longer in the input. */
  #consumed = 0;
  #ended = 0;

  /** @param maxBody the largest body that is accepted, in bytes */
  constructor(readonly maxBody: number = MAX_BODY) {}

  /** Adds the next bytes of the stream. The decoder keeps a reference to them until it has read them. */
  push(bytes: Buffer): void {
    if (this.#state === 'DEAD') return;
    this.#input =
      this.#at === this.#input.length ? bytes : Buffer.concat([this.#input.subarray(this.#at), bytes]);
    this.#at = 0;
  }

  /** How many bytes of an incomplete frame have arrived; 0 between frames. The slow-frame guard needs it. */
  get started(): number {
    return this.#consumed + this.#input.length - this.#at;
  }

  /** How many bytes of an incomplete body have arrived, and its size; undefined if no body is arriving. */
  get body(): { readonly have: number; readonly size: number } | undefined {
    if (this.#state !== 'BODY' || this.#unfinished === undefined) return undefined;
    const { bodyStart, bodyEnd, filled } = this.#unfinished;
    return { have: filled - bodyStart, size: bodyEnd - bodyStart };
  }

  /** The frame that has begun and not ended; undefined between frames, while a complete one waits to be read, and while a body is discarded. */
  get partial(): PartialFrame | undefined {
    if (this.#state === 'LINE') {
      const rest = this.#input.subarray(this.#at);
      if (this.started === 0 || rest.includes(LF)) return undefined;
      const start = Buffer.concat([this.#line, rest.subarray(0, PARTIAL_SHOWN)]).subarray(0, PARTIAL_SHOWN);
      return { bytes: this.started, start, body: undefined };
    }
    if (this.#unfinished === undefined) return undefined;
    const { raw, bodyStart, bodyEnd, filled } = this.#unfinished;
    return {
      bytes: this.started,
      start: Buffer.from(raw.subarray(0, Math.min(filled, PARTIAL_SHOWN))),
      body: { have: filled - bodyStart, size: bodyEnd - bodyStart },
    };
  }

  /** How many frames have ended, discarded ones included. As long as it does not change, `started` is about the same frame. */
  get ended(): number {
    return this.#ended;
  }

  /**
   * The next frame, if `read` can parse it: a fast path for frequent frames. Try it before each `next`.
   * @param read gets bytes, where a frame begins in them, and `maxBody`; it returns undefined to leave the frame to `next`
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

  /** The next frame, oversize header or fault; undefined if more bytes are needed. */
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

  // In state LINE. Returns a whole frame, an oversize one, a fault, 'more' if bytes are missing, or undefined to continue in another state.
  #readLine(): Decoded | 'more' | undefined {
    const lf = this.#input.indexOf(LF, this.#at);
    const here = this.#input.subarray(this.#at, lf === -1 ? undefined : lf + 1);
    const length = this.#line.length + here.length;
    if (length > MAX_LINE || (lf === -1 && length === MAX_LINE))
      return this.#fault(`the header line is longer than ${MAX_LINE} bytes`);
    const line = this.#line.length === 0 ? here : Buffer.concat([this.#line, here]);
    if (lf === -1) {
      // A copy, so that a peer that pauses in the middle of a line does not keep a whole chunk in memory.
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
        `a body of ${size} bytes is more than ${DISCARD_FACTOR} times the limit of ${this.maxBody}`,
        'too_large',
      );
    }
    this.#toDiscard = size;
    this.#consumed = length;
    this.#state = 'DISCARD';
    return { kind: 'oversize', header, size };
  }

  // Returns the whole frame, as a view of the input, if all of it is in one chunk. Otherwise allocates a buffer to collect it in; the
  // system commits that memory only as bytes arrive.
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

  // In state END: expects the newline after a body, \n or \r\n. Any other byte means that the two ends have lost count.
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
