// The settings of the relay in the guest: segments small enough that a new one begins several times a second, a limit on disk space that
// keeps the log short, and a faster clock.

/** The sizes of segments, in bytes. Every message fits into the smallest. */
export const SIZES = { smallest: 128 * 1024, largest: 256 * 1024 };

/** The most disk space that the log may take, in bytes. */
export const MAX_BYTES = 4 * 1024 * 1024;

/** How many times faster than real time the relay's clock runs. */
export const SPEED = 5;
