// The stream of bytes that comes over a connection, cut anywhere, turned into frames. It knows no verb's meaning, no socket and no time.

import { CR, type Frame, type Header, LF, MAX_BODY, MAX_LINE, parseHeader } from './frame.ts';

/** A body above the limit is still counted and discarded up to this many times the limit, so that the connection survives. */
export const DISCARD_FACTOR = 16;

/** Why bytes are not a frame: `malformed` breaks the grammar, `too_large` is a body beyond what is even discarded. */
export type GrammarFault = 'malformed' | 'too_large';

/** What the decoder found next. After `fault` nothing more can be read: where the next frame begins is not known. */
export type Decoded =
  | { readonly kind: 'frame'; readonly frame: Frame }
  | { readonly kind: 'oversize'; readonly header: Header; readonly size: number }
  | { readonly kind: 'fault'; readonly code: GrammarFault; readonly reason: string };

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
