// How long to wait before reconnecting: exponential backoff with full jitter, so that a class whose relay comes back does not reconnect in step.
// (AWS Architecture Blog, "Exponential Backoff And Jitter".)

/** The first wait is random, up to this many milliseconds. The upper bound doubles with each failure, up to BACKOFF_CAP_MS. */
export const BACKOFF_BASE_MS = 100;

/** No wait is longer than this, in milliseconds. */
export const BACKOFF_CAP_MS = 5_000;

/**
 * The wait before the next attempt to connect, in milliseconds.
 * @param failures how many attempts in a row have failed, at least 1
 * @param random from 0 to below 1
 */
export function backoff(failures: number, random: number): number {
  return random * Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** (failures - 1));
}
