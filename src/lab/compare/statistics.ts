// How certain the figures are. Pure.

/** A 95 % interval around a measured value: in 95 of 100 measurements it contains the true one. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** The 97.5 % point of the normal distribution. */
const Z = 1.959963984540054;

/**
 * 95 % interval of a proportion (E. B. Wilson, 1927). It is right near 0 and 1, too, where the textbook interval is not.
 * The trials must be independent. They are: whatever the receiver does, each message arrives at its own random moment.
 */
export function wilson(successes: number, trials: number): Interval {
  if (trials === 0) return { low: 0, high: 1 };
  const share = successes / trials;
  const scale = 1 + Z ** 2 / trials;
  const middle = (share + Z ** 2 / (2 * trials)) / scale;
  const half = (Z / scale) * Math.sqrt((share * (1 - share)) / trials + (Z / (2 * trials)) ** 2);
  // Exactly 0 and 1 where they are meant: a rounding error in the square root must not put a point off.
  return {
    low: successes === 0 ? 0 : middle - half,
    high: successes === trials ? 1 : middle + half,
  };
}

/** The quantile `q` of the values, 0 to 1, by the nearest rank; undefined if there are no values. @param sorted ascending */
export function quantile(sorted: readonly number[], q: number): number | undefined {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))];
}

/** The mean; undefined if there are no values. */
export function mean(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * 95 % interval of a mean wait, from the spread that it has in theory.
 *
 * Messages that arrive in the same absence wait together. They are not independent, and a formula for independent values would give far
 * too narrow an interval. Instead, runs with the same number of messages and the same mean absence are simulated from the theory, and in
 * each the mean wait is divided by the theoretical one. The middle 95 % of these ratios give the interval around the measured mean.
 * So theory lies outside the interval exactly if fewer than 1 in 20 simulated runs stray as far as this one did.
 * @param ratios simulated mean / theory, one for each simulated run
 */
export function aroundMean(measured: number, ratios: readonly number[]): Interval {
  const sorted = [...ratios].sort((a, b) => a - b);
  const lowest = quantile(sorted, 0.025) ?? 1;
  const highest = quantile(sorted, 0.975) ?? 1;
  return {
    low: highest > 0 ? measured / highest : measured,
    high: lowest > 0 ? measured / lowest : Number.POSITIVE_INFINITY,
  };
}
