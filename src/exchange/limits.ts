// What a server lets one connection have. PROTOCOL.md, "Limits".

/**
 * Connections a server holds at once. Each may hold one unfinished body and what its client does not take (QUEUE_LIMIT and a message):
 * 512 × 6 MiB = 3 GiB at the very worst.
 */
export const MAX_CONNECTIONS = 512;

/** How long a client has for its HELLO, in milliseconds. */
export const HELLO_MS = 60_000;

/** Bodies of one connection that are taken and not yet answered, in bytes; above it no further SEND is read. */
export const UNANSWERED_BYTES = 4 * 1024 * 1024;

/** Sessions whose highest `try` is kept after their last connection closed; those gone longest are dropped first. */
export const FENCES = 10_000;
