// How much a server lets one connection, one session and one address use. PROTOCOL.md, "Limits".

/**
 * How many connections a server keeps open at the same time. Each may hold one unfinished body, and what its client does not take
 * (QUEUE_LIMIT and a message): 512 × 6 MiB = 3 GiB. As many more may be closing, with as much each: 6 GiB at the very worst.
 * PROTOCOL.md, "Limits".
 */
export const MAX_CONNECTIONS = 512;

/** How long a client may take to send HELLO, in milliseconds. PROTOCOL.md, "Limits". */
export const HELLO_MS = 60_000;

/**
 * How long a client without a heartbeat must have been silent before it can lose its place to another, in milliseconds.
 * PROTOCOL.md, "Limits".
 */
export const IDLE_MS = 30_000;

/** How many bytes of bodies one connection may have taken and not answered yet. Above this no further SEND is read. PROTOCOL.md, "Limits". */
export const UNANSWERED_BYTES = 4 * 1024 * 1024;

/** How many sessions' highest `try` a server remembers. Those whose connection closed longest ago go first. PROTOCOL.md, "Limits". */
export const FENCES = 10_000;

/**
 * How far a `try` may be above the last one of its session; one more is allowed for each second since then. A client that learns that it
 * is not the newest connection of its session (ERROR code=stale) raises its `try` by this much to catch up. PROTOCOL.md, "Limits".
 */
export const TRY_STEP = 1_000;

/**
 * How many frames that store nothing and free nothing (PING, PONG, STATUS, LIST, RECEIVE, an ACK of nothing new) are read from one connection
 * without a pause. A SEND, or an ACK of something new, allows one more. PROTOCOL.md, "Limits".
 */
export const QUESTIONS = 100;
/** How many more frames that store nothing and free nothing are read from one connection in each second. PROTOCOL.md, "Limits". */
export const QUESTIONS_PER_S = 20;

/**
 * Counts how much of one resource (messages, bytes, names, sessions, ids) each address holds, so that no address can take all of it.
 *
 * The rule: no address may hold more than is still free. So the first gets at most half, the next at most half of the rest, and there
 * is always room for another. What is used but was never added here counts for no address, because nobody knows who holds it.
 *
 * An address is what `addressKey` returns. An address that holds nothing takes no memory, so there are never more of them than things held.
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
   * May this address take `count` more? Zero is always admitted.
   * @param used how much of the resource is used now, also by holders whose address is unknown
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

  /** This much is free again. What the address did not hold here is ignored: it counted for no address. */
  remove(address: string, count: number): void {
    const held = this.#held.get(address);
    if (held === undefined) return;
    held.count -= count;
    if (held.count <= 0) this.#held.delete(address);
  }
}
