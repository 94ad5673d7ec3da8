// Writes many frames of one kind into one buffer, so that thousands leave together without an object or a string for each. The bytes are
// the same as verbs.ts would write.

import { LF } from './frame.ts';
import type { SendFrame } from './send.ts';
import type { Message } from './verbs.ts';

/** An upper bound for the header lines that are written here, in bytes. */
const LONGEST = 512;
const ZERO = 0x30;

/** A buffer of frames, one after the other. */
class FrameBatch {
  /** How many frames there are. */
  count = 0;
  #bytes: Buffer = Buffer.allocUnsafe(LONGEST);
  #end = 0;

  /** The bytes of all frames. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#end);
  }

  /** The size of all frames, in bytes. */
  get size(): number {
    return this.#end;
  }

  /** Begins a frame. @param body the size of its body, in bytes */
  protected begin(body = 0): void {
    this.count += 1;
    const needed = this.#end + LONGEST + body;
    if (needed <= this.#bytes.length) return;
    // Not Buffer.concat, which would fill the rest with zeros: memory that is never touched costs nothing.
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length));
    larger.set(this.bytes);
    this.#bytes = larger;
  }

  /** Writes ASCII text. */
  protected text(text: string): void {
    for (let at = 0; at < text.length; at++) this.#bytes[this.#end++] = text.charCodeAt(at);
  }

  /** Writes a whole number that is not negative. */
  protected number(value: number): void {
    let digits = 1;
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits += 1;
    this.#end += digits;
    for (let at = this.#end - 1, rest = value; digits > 0; digits--, at--) {
      const left = Math.floor(rest / 10);
      this.#bytes[at] = ZERO + rest - 10 * left;
      rest = left;
    }
  }

  /** Copies a few bytes. */
  protected copy(bytes: Buffer, from: number, to: number): void {
    for (let at = from; at < to; at++) this.#bytes[this.#end++] = bytes[at] ?? 0;
  }

  /** Writes `size=`, which ends the header, then the body and its newline. */
  protected body(body: Buffer): void {
    this.text(' size=');
    this.number(body.length);
    this.#bytes[this.#end++] = LF;
    this.#bytes.set(body, this.#end);
    this.#end += body.length;
    this.#bytes[this.#end++] = LF;
  }
}

/** STORED frames that answer SENDs. */
export class StoredBatch extends FrameBatch {
  /** Adds the answer to a SEND. @param dup is it a repeat? */
  add(send: SendFrame, seq: number, present: Message<'STORED'>['present'], dup: boolean): void {
    this.begin();
    this.text('STORED id=');
    this.copy(send.bytes, send.idStart, send.idEnd);
    this.text(' seq=');
    this.number(seq);
    this.text(present === 'yes' ? ' present=yes' : present === 'no' ? ' present=no' : ' present=never');
    this.text(dup ? ' dup=yes\n' : '\n');
  }
}

/** MESSAGE frames for one receiver. */
export class MessageBatch extends FrameBatch {
  /** Adds a message. */
  add({ seq, id, from, at, held, attempt, kind, tried, body }: Omit<Message<'MESSAGE'>, 'verb'>): void {
    this.begin(body.length);
    this.text('MESSAGE seq=');
    this.number(seq);
    this.text(' id=');
    this.text(id);
    this.text(' from=');
    this.text(from);
    this.text(' at=');
    this.number(at);
    this.text(' held=');
    this.number(held);
    this.text(' attempt=');
    this.number(attempt);
    if (kind !== undefined) this.text(kind === 'receipt' ? ' kind=receipt' : ' kind=bounce');
    if (tried !== undefined) this.text(tried === 'yes' ? ' tried=yes' : ' tried=no');
    this.body(body);
  }
}
