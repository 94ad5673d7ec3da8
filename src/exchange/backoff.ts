// How long to wait before calling again: full jitter, so that a class whose relay came back does not call in step.
// (AWS Architecture Blog, "Exponential Backoff And Jitter".)

/** The first wait is between 0 and this, in milliseconds; it doubles with each failure */
export const BACKOFF_BASE_MS = 100;

/** up to this. */
export const BACKOFF_CAP_MS = 5_000;

/**
 * The wait before the next call, in milliseconds.
 * @param failures calls that failed in a row, from 1
 * @param random a number from 0 to below 1
 */
export function backoff(failures: number, random: number): number {
  return random * Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** (failures - 1));
}
