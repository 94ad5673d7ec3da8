// When to look at which message again: buckets of one second, for `ttl=` counts seconds. Pure; whether a message really expires
// is mailbox.ts's rule, and relay.ts turns the wheel.

/** Fewer items than this are never swept. */
const SWEEP = 1024;

/** Remembers what is due when. */
export class Expiry<T> {
  readonly #buckets = new Map<number, T[]>();
  readonly #wanted: (item: T) => boolean;
  #turned = Number.NEGATIVE_INFINITY;
  #count = 0;
  #sweepAt = SWEEP;

  /** @param wanted false of an item that need not be yielded any more: such are let go of now and then, long before they are due */
  constructor(wanted: (item: T) => boolean) {
    this.#wanted = wanted;
  }

  /** How many items are remembered, wanted or not. */
  get size(): number {
    return this.#count;
  }

  /** Remembers to yield `item` at `at` or up to a second later. @param at monotonic milliseconds */
  put(at: number, item: T): void {
    const second = Math.max(Math.ceil(at / 1000), this.#turned + 1);
    const bucket = this.#buckets.get(second);
    if (bucket === undefined) this.#buckets.set(second, [item]);
    else bucket.push(item);
    this.#count += 1;
    if (this.#count >= this.#sweepAt) this.#sweep();
  }

  /**
   * What is due at `now`, each once.
   * @param now monotonic milliseconds
   * @param most how many at the most; the others are due again at the next call
   */
  due(now: number, most: number): T[] {
    const second = Math.floor(now / 1000);
    const found: T[] = [];
    for (const at of this.#passed(second)) {
      const bucket = this.#buckets.get(at) ?? [];
      found.push(...bucket.splice(0, most - found.length));
      if (bucket.length > 0) break;
      this.#buckets.delete(at);
      this.#turned = Math.max(this.#turned, at);
    }
    if (found.length < most) this.#turned = Math.max(this.#turned, second);
    this.#count -= found.length;
    return found;
  }

  // The seconds that have passed since the last call: counted up, or picked from the buckets, whichever is less.
  #passed(second: number): number[] {
    const count = second - this.#turned;
    if (count <= this.#buckets.size)
      return Array.from({ length: Math.max(0, count) }, (_, i) => this.#turned + 1 + i);
    return [...this.#buckets.keys()].filter((at) => at <= second).sort((a, b) => a - b);
  }

  // Most messages are acknowledged long before their ttl ends. Swept when twice as many have gathered as were left the last time,
  // so that an item costs a constant, and no more than half of what is kept is waste.
  #sweep(): void {
    this.#count = 0;
    for (const [second, bucket] of this.#buckets) {
      const left = bucket.filter((item) => this.#wanted(item));
      if (left.length === 0) this.#buckets.delete(second);
      else this.#buckets.set(second, left);
      this.#count += left.length;
    }
    this.#sweepAt = Math.max(SWEEP, 2 * this.#count);
  }
}
