// A growing list of numbers of 32 bits, for tables of millions of items that must not be objects. It grows part by part, so that growing
// holds nobody up. Pure.

/** Items of one part. */
const PART_BITS = 10;
const PART = 1 << PART_BITS;

/** Items of equal size, each a few words. An item that was not written yet has zeros. */
export class Words {
  readonly #parts: Uint32Array[] = [];

  /** @param size words of an item */
  constructor(readonly size: number) {}

  /** One word of an item. */
  get(item: number, word: number): number {
    return this.#parts[item >> PART_BITS]?.[(item & (PART - 1)) * this.size + word] ?? 0;
  }

  /** Writes one word of an item. */
  set(item: number, word: number, value: number): void {
    const index = item >> PART_BITS;
    let part = this.#parts[index];
    if (part === undefined) {
      part = new Uint32Array(PART * this.size);
      this.#parts[index] = part;
    }
    part[(item & (PART - 1)) * this.size + word] = value;
  }

  /** Lets go of the memory of all items from this one on, but for those that share a part with one before it. */
  cut(item: number): void {
    const parts = Math.ceil(item / PART);
    if (this.#parts.length > parts) this.#parts.length = parts;
  }

  /** A copy of the first `count` items. */
  copy(count: number): Uint32Array {
    const all = new Uint32Array(count * this.size);
    for (const [index, part] of this.#parts.entries())
      if (index * PART < count)
        all.set(part.subarray(0, all.length - index * part.length), index * part.length);
    return all;
  }

  /** Takes over the items of a copy. @returns how many */
  restore(all: Uint32Array): number {
    const length = PART * this.size;
    for (let at = 0; at < all.length; at += length) {
      const part = new Uint32Array(length);
      part.set(all.subarray(at, at + length));
      this.#parts[at / length] = part;
    }
    return all.length / this.size;
  }
}
