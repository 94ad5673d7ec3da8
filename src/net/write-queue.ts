// Bytes that wait to be handed to the kernel, first in, first out. They are taken in chunks: small buffers are joined, and a large one is
// split. Node's own socket buffer will not do: Node would join everything that waits into one write, and its progress could not be seen.

/** With fewer taken buffers than this it is not worth moving the others. */
const SWEEP = 64;

/** A queue of bytes for one peer. */
export class WriteQueue {
  #buffers: Buffer[] = [];
  #at = 0;
  #bytes = 0;
  #writing = 0;
  /** How many bytes the kernel has accepted so far. */
  #handed = 0;
  /** Callbacks, each for when the kernel has accepted `at` bytes. */
  readonly #marks: { readonly at: number; readonly handed: () => void }[] = [];

  /** How many bytes wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many buffers wait. */
  get buffers(): number {
    return this.#buffers.length - this.#at;
  }

  /** How many bytes were taken from this queue that the kernel has not accepted yet. */
  get writing(): number {
    return this.#writing;
  }

  /** Adds bytes at the end, without a copy. @param handed called when the kernel has accepted all of them */
  push(bytes: Buffer, handed?: () => void): void {
    this.#buffers.push(bytes);
    this.#bytes += bytes.length;
    if (handed !== undefined) this.#marks.push({ at: this.#handed + this.#writing + this.#bytes, handed });
  }

  /** Call this when the kernel has accepted the chunk that was taken last. */
  handed(): void {
    this.#handed += this.#writing;
    this.#writing = 0;
    while (this.#marks[0] !== undefined && this.#marks[0].at <= this.#handed) this.#marks.shift()?.handed();
  }

  /** Takes the next bytes, at most `most`; undefined if none wait. The kernel must have accepted the chunk before. */
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
    // Taken buffers are released even if the queue never runs empty, but not every time: so the cost per buffer is constant.
    if (this.#at === this.#buffers.length || (this.#at >= SWEEP && 2 * this.#at >= this.#buffers.length)) {
      this.#buffers = this.#buffers.slice(this.#at);
      this.#at = 0;
    }
    return chunk;
  }
}
