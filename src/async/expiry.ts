// When to look at which message again: buckets of one second, for `ttl=` counts seconds. Pure; whether a message really expires
// is mailbox.ts's rule, and relay.ts turns the wheel.

/** Remembers what is due when. */
export class Expiry<T> {
  readonly #buckets = new Map<number, T[]>();
  #turned = Number.NEGATIVE_INFINITY;

  /** How many seconds hold something. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Remembers to yield `item` at `at` or up to a second later. @param at monotonic milliseconds */
  put(at: number, item: T): void {
    const second = Math.max(Math.ceil(at / 1000), this.#turned + 1);
    const bucket = this.#buckets.get(second);
    if (bucket === undefined) this.#buckets.set(second, [item]);
    else bucket.push(item);
  }

  /** Everything that is due at `now`, once. @param now monotonic milliseconds */
  *due(now: number): Generator<T> {
    const second = Math.floor(now / 1000);
    const passed = second - this.#turned;
    const seconds =
      passed <= this.#buckets.size
        ? Array.from({ length: Math.max(0, passed) }, (_, i) => this.#turned + 1 + i)
        : [...this.#buckets.keys()].filter((at) => at <= second);
    this.#turned = Math.max(this.#turned, second);
    for (const at of seconds) {
      const bucket = this.#buckets.get(at);
      this.#buckets.delete(at);
      if (bucket !== undefined) yield* bucket;
    }
  }
}
