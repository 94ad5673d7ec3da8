// A growing list of 32-bit numbers, for tables with millions of items that must not be objects. It grows part by part, so that growing
// never blocks for long. Pure.

/** A part has 2 to the power of this many items. */
const PART_BITS = 10;
/** How many items one part has. */
const PART = 1 << PART_BITS;

/** Items of equal size, each a few words. The words of an item that was not written yet are 0. */
export class Words {
  readonly #parts: Uint32Array[] = [];

  /** @param size how many words an item has */
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

  /** Frees the memory of all items from this one on, except for those that share a part with an earlier item. */
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

  /** Takes over the items that `copy` returned. @returns how many items */
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
