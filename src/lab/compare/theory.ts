// What theory predicts. Pure. `detour compare --why` explains the derivation in words (derivation.ts).
//
// The receiver is a Markov chain with two states: there for U on average, away for D on average, both exponential, so that it is
// there for a share a = U / (U + D) of the time. The chain forgets at the rate 1/U + 1/D: a receiver that is away now is there t later
// with probability a·(1 − exp(−t/τ)), where τ = 1 / (1/U + 1/D) = a·D.

/** The times of a run, in milliseconds. */
export interface Setting {
  /** Mean length of an absence, D. */
  readonly absence: number;
  /** Time between two rounds of the sender that tries again, R. */
  readonly retry: number;
}

/** The probability that a receiver that is away now is there `ms` milliseconds later. @param absence D, in milliseconds */
export const backAfter = (availability: number, absence: number, ms: number): number =>
  availability * -Math.expm1(-ms / (availability * absence));

/** Mean wait for the receiver, over all messages, if it reports to the relay when it comes: (1 − a)·D. Infinity if it never comes. */
export function waitByRelay(availability: number, { absence }: Setting): number {
  if (availability <= 0) return Number.POSITIVE_INFINITY;
  return (1 - availability) * absence;
}

/**
 * Mean wait for the receiver, over all messages, in milliseconds, if the sender tries immediately and then at each round, R apart.
 *
 * A message that failed waits R/2 on average for the first round. The probability that the receiver is back by then is the mean of
 * `backAfter` over 0 to R: q = a·(1 − (τ/R)·(1 − exp(−R/τ))). If it is not, each further round finds it with the same probability
 * p = a·(1 − exp(−R/τ)), because the chain has no memory: R/p more on average. A presence between two rounds is missed, and costs a
 * whole absence. Infinity if the receiver never comes.
 */
export function waitByRetry(availability: number, { absence, retry }: Setting): number {
  if (availability <= 0) return Number.POSITIVE_INFINITY;
  if (availability >= 1) return 0;
  const tau = availability * absence;
  const p = backAfter(availability, absence, retry);
  const q = availability * (1 - (tau / retry) * -Math.expm1(-retry / tau));
  return (1 - availability) * (retry / 2 + ((1 - q) * retry) / p);
}
