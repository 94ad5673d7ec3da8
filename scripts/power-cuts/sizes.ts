// What the relay in the guest is run with: segments so small that a new one begins several times a second, a disk so small that the log
// must be kept short, and a clock that goes faster.

/** Sizes of segments, in bytes. A message fits into the smallest. */
export const SIZES = { smallest: 128 * 1024, largest: 256 * 1024 };

/** What the log may take of the disk, in bytes. */
export const MAX_BYTES = 4 * 1024 * 1024;

/** How many times faster the relay's clock goes. */
export const SPEED = 5;
