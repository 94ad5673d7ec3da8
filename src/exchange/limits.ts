// What a server lets one connection, one name and one address have. PROTOCOL.md, "Limits".

/**
 * Connections a server holds at once. Each may hold one unfinished body and what its client does not take (QUEUE_LIMIT and a message):
 * 512 × 6 MiB = 3 GiB. As many more may be closing, with as much each: 6 GiB at the very worst.
 */
export const MAX_CONNECTIONS = 512;

/** How long a client has for its HELLO, in milliseconds. */
export const HELLO_MS = 60_000;

/** Bodies of one connection that are taken and not yet answered, in bytes; above it no further SEND is read. */
export const UNANSWERED_BYTES = 4 * 1024 * 1024;

/** Sessions whose highest `try` is kept after their last connection closed; those gone longest are dropped first. */
export const FENCES = 10_000;

/**
 * How much of one resource (messages, bytes, names, sessions, ids) each address holds, so that no address can take all of it.
 *
 * The rule: no address may hold more than is still free. So the first gets at most half, the next at most half of the rest, and there
 * is always room for another. What is used and was not added here, because nobody knows who holds it, counts for no address.
 *
 * Addresses are what `addressKey` gives. One that holds nothing is not kept, so there are never more of them than things held.
 */
export class Shares {
  readonly #held = new Map<string, { count: number }>();

  /** How many addresses hold something. */
  get size(): number {
    return this.#held.size;
  }

  /** How much an address holds. */
  held(address: string): number {
    return this.#held.get(address)?.count ?? 0;
  }

  /**
   * May this address take this much more? To take nothing is always admitted.
   * @param used how much of the resource is used now, by all addresses and by nobody known
   * @param limit how much of it there is
   */
  admits(address: string, count: number, used: number, limit: number): boolean {
    if (count === 0) return true;
    const freeAfterwards = limit - used - count;
    return this.held(address) + count <= freeAfterwards;
  }

  /** The address has taken this much. */
  add(address: string, count: number): void {
    const held = this.#held.get(address);
    if (held !== undefined) held.count += count;
    else if (count > 0) this.#held.set(address, { count });
  }

  /** This much is free again. What the address was not known to hold is left out: it counted for nobody. */
  remove(address: string, count: number): void {
    const held = this.#held.get(address);
    if (held === undefined) return;
    held.count -= count;
    if (held.count <= 0) this.#held.delete(address);
  }
}
