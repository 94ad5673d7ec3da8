// Cuts bytes into chunks of another size than they came in. Pure.

/** Cuts the bytes of all parts together into chunks of `size` bytes; the last one is shorter. A chunk is copied only when it is drawn. */
export function* inChunks(parts: readonly Uint8Array[], size: number): Generator<Uint8Array> {
  let chunk = new Uint8Array(size);
  let filled = 0;
  for (const bytes of parts)
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + size - filled);
      chunk.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < size) continue;
      yield chunk;
      chunk = new Uint8Array(size);
      filled = 0;
    }
  yield chunk.subarray(0, filled);
}

/** Bytes that come in chunks and can be taken in any amounts. */
export class ChunkedBytes {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(from: AsyncIterable<Uint8Array>) {
    this.#chunks = from[Symbol.asyncIterator]();
  }

  /** Are there more bytes? */
  async more(): Promise<boolean> {
    if (this.#rest.length > 0) return true;
    const next = await this.#chunks.next();
    if (next.done !== true) this.#rest = next.value;
    return next.done !== true;
  }

  /** A copy of the next `count` bytes. @throws RangeError if there are fewer */
  async take(count: number): Promise<Uint8Array<ArrayBuffer>> {
    const taken = new Uint8Array(count);
    for (let filled = 0; filled < count; ) {
      if (!(await this.more())) throw new RangeError('the bytes end too early');
      const part = this.#rest.subarray(0, count - filled);
      taken.set(part, filled);
      this.#rest = this.#rest.subarray(part.length);
      filled += part.length;
    }
    return taken;
  }
}
