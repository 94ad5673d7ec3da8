// Cuts a stream of bytes into lines. It never decodes them, so they stay as they are; and it keeps no more of a line than asked for.

const LF = 0x0a;
const CR = 0x0d;

/** A line of a stream, without the `\n` or `\r\n` that ends it. */
export interface Line {
  /** Its number, from 1. */
  readonly number: number;
  /** Its bytes. Of a line that is too long, only the beginning. */
  readonly bytes: Buffer;
  /** Has it more bytes than a line may have? */
  readonly tooLong: boolean;
}

/** Cuts one stream into lines, however the stream comes in chunks. */
export class LineCutter {
  readonly #most: number;
  #number = 1;
  #held: Buffer = Buffer.alloc(0);
  /** How many bytes of the current line are in `#held`: one more than a line may have at most, because the last may be a `\r`. */
  #length = 0;
  /** Has the current line been reported as too long? The rest of it is skipped. */
  #skipping = false;

  /** @param most how many bytes a line may have, without its end */
  constructor(most: number) {
    this.#most = most;
  }

  /** Takes the next bytes. @returns the lines that end in them, and one that has now become too long */
  *push(chunk: Buffer): Generator<Line> {
    for (let from = 0; from < chunk.length; ) {
      const end = chunk.indexOf(LF, from);
      const part = chunk.subarray(from, end === -1 ? chunk.length : end);
      const line = this.#skipping ? undefined : this.#take(part, end !== -1);
      if (line !== undefined) yield line;
      if (end === -1) return;
      from = end + 1;
      this.#number += 1;
      this.#length = 0;
      this.#skipping = false;
    }
  }

  /** Takes the end of the stream. @returns the last line, if no `\n` ended it; it keeps its `\r` */
  *end(): Generator<Line> {
    if (this.#length > 0 && !this.#skipping) yield this.#line(this.#length);
  }

  // Adds bytes to the current line. Returns it if it has ended or is too long.
  #take(part: Buffer, ended: boolean): Line | undefined {
    const all = this.#length + part.length;
    this.#keep(part.subarray(0, this.#most + 1 - this.#length));
    const carriage = this.#length > 0 && this.#held[this.#length - 1] === CR;
    // The `\r` of a line that is as long as it may be: a `\n` may follow.
    const undecided = all === this.#most + 1 && carriage;
    if (all > this.#most && !undecided) {
      this.#skipping = true;
      return this.#line(this.#most + 1);
    }
    return ended ? this.#line(this.#length - (carriage ? 1 : 0)) : undefined;
  }

  #keep(part: Buffer): void {
    const length = this.#length + part.length;
    if (length > this.#held.length) {
      const larger = Buffer.alloc(Math.max(length, 2 * this.#held.length));
      this.#held.copy(larger, 0, 0, this.#length);
      this.#held = larger;
    }
    part.copy(this.#held, this.#length);
    this.#length = length;
  }

  #line(length: number): Line {
    const kept = Math.min(length, this.#most);
    return { number: this.#number, bytes: Buffer.from(this.#held.subarray(0, kept)), tooLong: length > kept };
  }
}
