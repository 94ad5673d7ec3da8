// Writes STORED lines into one buffer: thousands of answers leave together, and none needs an object or a string of its own. The bytes are
// the same that verbs.ts would write.

import type { SendFrame } from './send.ts';
import type { Message } from './verbs.ts';

/** No line is longer, in bytes. */
const LONGEST = 128;
const ZERO = 0x30;

/** Answers to SENDs, written one after the other. */
export class StoredLines {
  /** How many they are. */
  count = 0;
  #bytes = Buffer.allocUnsafe(LONGEST);
  #end = 0;

  /** Adds the answer to a SEND. @param dup is it a repeat? */
  add(send: SendFrame, seq: number, present: Message<'STORED'>['present'], dup: boolean): void {
    if (this.#end + LONGEST > this.#bytes.length)
      this.#bytes = Buffer.concat([this.#bytes], 4 * this.#bytes.length);
    this.count += 1;
    this.#text('STORED id=');
    for (let at = send.idStart; at < send.idEnd; at++) this.#bytes[this.#end++] = send.bytes[at] ?? 0;
    this.#text(' seq=');
    this.#number(seq);
    this.#text(present === 'yes' ? ' present=yes' : present === 'no' ? ' present=no' : ' present=never');
    this.#text(dup ? ' dup=yes\n' : '\n');
  }

  /** All of them. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#end);
  }

  #text(text: string): void {
    for (let at = 0; at < text.length; at++) this.#bytes[this.#end++] = text.charCodeAt(at);
  }

  #number(value: number): void {
    let digits = 1;
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits += 1;
    this.#end += digits;
    for (let at = this.#end - 1, rest = value; digits > 0; digits--, at--) {
      const left = Math.floor(rest / 10);
      this.#bytes[at] = ZERO + rest - 10 * left;
      rest = left;
    }
  }
}
