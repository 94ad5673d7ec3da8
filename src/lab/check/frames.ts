// Frames as the check reads and writes them. It shares no code with src/wire: who judges a program must not make its mistakes.

/** One frame: a header line, and a body if it had `size=`. */
export interface Frame {
  readonly verb: string;
  readonly fields: ReadonlyMap<string, string>;
  readonly body: Buffer | undefined;
}

/** What is wrong with bytes that are not a frame. */
export class NoFrame extends Error {}

const LINE_END = 0x0a;
const CARRIAGE_RETURN = 0x0d;
/** PROTOCOL.md, "Limits": the longest header line, its line end included. */
const MAX_LINE = 1024;

/** The bytes of a frame. @param head the header without `size=`, which is added if there is a body */
export function frame(head: string, body?: string | Buffer): Buffer {
  if (body === undefined) return Buffer.from(`${head}\n`, 'latin1');
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return Buffer.concat([Buffer.from(`${head} size=${bytes.length}\n`, 'latin1'), bytes, Buffer.from('\n')]);
}

/** Finds frames in the bytes that came. */
export class FrameReader {
  #bytes: Buffer = Buffer.alloc(0);
  #chunks: Buffer[] = [];
  #held = 0;
  #needed = 0;

  /** Takes bytes as they came. */
  push(bytes: Buffer): void {
    this.#chunks.push(bytes);
    this.#held += bytes.length;
  }

  /** The bytes that came and are not a whole frame yet. */
  get rest(): Buffer {
    if (this.#chunks.length > 0) {
      this.#bytes = Buffer.concat([this.#bytes, ...this.#chunks]);
      this.#chunks = [];
    }
    return this.#bytes;
  }

  /** The next whole frame, or undefined if more bytes are needed. @throws NoFrame if the bytes break the grammar */
  next(): Frame | undefined {
    if (this.#held < this.#needed) return undefined;
    const bytes = this.rest;
    const end = bytes.indexOf(LINE_END);
    if (end >= MAX_LINE || (end < 0 && bytes.length >= MAX_LINE))
      throw new NoFrame(`a header line is longer than ${MAX_LINE} bytes`);
    if (end < 0) return undefined;
    const { verb, fields } = header(bytes.subarray(0, end));
    const size = fields.get('size');
    if (size === undefined) {
      this.#take(end + 1);
      return { verb, fields, body: undefined };
    }
    if (!/^(0|[1-9][0-9]{0,14})$/.test(size)) throw new NoFrame(`size=${size} is not a number`);
    const from = end + 1;
    const to = from + Number(size);
    const isCrLf = bytes[to] === CARRIAGE_RETURN;
    if (bytes.length < to + (isCrLf ? 2 : 1)) {
      this.#needed = to + 1;
      return undefined;
    }
    if (bytes[isCrLf ? to + 1 : to] !== LINE_END)
      throw new NoFrame(`no line end after the body: size=${size} may be wrong`);
    const body = Buffer.from(bytes.subarray(from, to));
    this.#take(to + (isCrLf ? 2 : 1));
    return { verb, fields, body };
  }

  #take(count: number): void {
    this.#bytes = this.#bytes.subarray(count);
    this.#held = this.#bytes.length;
    this.#needed = 0;
  }
}

function header(line: Buffer): { verb: string; fields: Map<string, string> } {
  const text = line.toString('latin1').replace(/\r$/, '');
  if (!/^[A-Z]+( [a-z]+=[!-~]+)*$/.test(text))
    throw new NoFrame('not VERB key=value … with one space between the fields');
  const [verb = '', ...pairs] = text.split(' ');
  const fields = new Map(
    pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  );
  if (fields.size < pairs.length) throw new NoFrame('a key appears twice');
  return { verb, fields };
}

/** A frame as text for a person, its body cut off after 40 bytes. */
export function frameText({ verb, fields, body }: Frame): string {
  const head = [verb, ...[...fields].map(([key, value]) => `${key}=${value}`)].join(' ');
  return body === undefined ? head : `${head}⏎${cut(body, 40)}`;
}

/** Bytes as text for a person: line ends as ⏎. What is too long is cut off in the middle. */
export function cut(bytes: Buffer, most: number): string {
  const text = (part: Buffer): string =>
    part.toString('latin1').replaceAll('\r\n', '\\r⏎').replaceAll('\n', '⏎');
  if (bytes.length <= most) return text(bytes);
  const side = Math.floor(most / 2);
  return `${text(bytes.subarray(0, side))}…(${bytes.length - 2 * side} bytes)…${text(bytes.subarray(bytes.length - side))}`;
}
