// Bytes that wait to be handed to the kernel, first in, first out. They are taken in chunks: many small buffers are joined, a large
// one is cut. It is not the socket's own buffer: Node would join all that waits into one write, and its progress could not be seen.

/** Below this many taken buffers it is not worth moving the others. */
const SWEEP = 64;

/** A queue of bytes towards one peer. */
export class WriteQueue {
  #buffers: Buffer[] = [];
  #at = 0;
  #bytes = 0;
  #writing = 0;
  /** All bytes that the kernel has taken. */
  #handed = 0;
  /** Who wants to know when the kernel has taken how many. */
  readonly #marks: { readonly at: number; readonly handed: () => void }[] = [];

  /** How many bytes wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** In how many buffers they wait. */
  get buffers(): number {
    return this.#buffers.length - this.#at;
  }

  /** Bytes that were taken from here and that the kernel does not have yet. */
  get writing(): number {
    return this.#writing;
  }

  /** Adds bytes at the end. They are not copied. @param handed called when the kernel has taken all of them */
  push(bytes: Buffer, handed?: () => void): void {
    this.#buffers.push(bytes);
    this.#bytes += bytes.length;
    if (handed !== undefined) this.#marks.push({ at: this.#handed + this.#writing + this.#bytes, handed });
  }

  /** To be called when the kernel has the chunk that was taken last. */
  handed(): void {
    this.#handed += this.#writing;
    this.#writing = 0;
    while (this.#marks[0] !== undefined && this.#marks[0].at <= this.#handed) this.#marks.shift()?.handed();
  }

  /** Takes the next bytes, at most `most`; undefined if none wait. The chunk before must have been handed over. */
  take(most: number): Buffer | undefined {
    const chunk = this.#next(most);
    this.#writing = chunk?.length ?? 0;
    return chunk;
  }

  #next(most: number): Buffer | undefined {
    const first = this.#buffers[this.#at];
    if (first === undefined) return undefined;
    if (first.length > most) {
      this.#buffers[this.#at] = first.subarray(most);
      this.#bytes -= most;
      return first.subarray(0, most);
    }
    let end = this.#at + 1;
    let length = first.length;
    for (let next = this.#buffers[end]; next !== undefined && length + next.length <= most; ) {
      length += next.length;
      end += 1;
      next = this.#buffers[end];
    }
    const chunk = end === this.#at + 1 ? first : Buffer.concat(this.#buffers.slice(this.#at, end), length);
    this.#bytes -= length;
    this.#at = end;
    // What was taken is let go of even while something always waits behind it, but not each time: so a buffer costs a constant.
    if (this.#at === this.#buffers.length || (this.#at >= SWEEP && 2 * this.#at >= this.#buffers.length)) {
      this.#buffers = this.#buffers.slice(this.#at);
      this.#at = 0;
    }
    return chunk;
  }
}
