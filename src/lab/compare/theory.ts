// What must come out, by calculation. Pure. `detour compare --why` tells in words how it is derived (derivation.ts).
//
// The receiver is a Markov chain with two states: there for U on average, away for D on average, both exponential, so that he is
// there for a share a = U / (U + D) of the time. The chain forgets at the rate 1/U + 1/D: who is away now is there t later with
// probability a·(1 − exp(−t/τ)), where τ = 1 / (1/U + 1/D) = a·D.

/** What a run is made of, in milliseconds. */
export interface Setting {
  /** Mean length of an absence, D. */
  readonly absence: number;
  /** Time between two rounds of the sender who tries again, R. */
  readonly retry: number;
}

/** How likely is it that he who is away now is there `ms` later? */
export const backAfter = (availability: number, absence: number, ms: number): number =>
  availability * -Math.expm1(-ms / (availability * absence));

/** Mean wait for the receiver, over all messages, if he announces himself when he comes: (1 − a)·D. Infinity if he never comes. */
export function waitByRelay(availability: number, { absence }: Setting): number {
  if (availability <= 0) return Number.POSITIVE_INFINITY;
  return (1 - availability) * absence;
}

/**
 * Mean wait for the receiver, over all messages, if the sender tries at once and then at each round, R apart.
 *
 * A message that failed waits R/2 on average for the first round. Bob is back by then with the mean of `backAfter` over 0 to R,
 * which is q = a·(1 − (τ/R)·(1 − exp(−R/τ))). If he was not, each further round finds him with p = a·(1 − exp(−R/τ)), always the
 * same, because the chain has no memory: R/p more on average. A presence between two rounds is missed, and costs a whole absence.
 */
export function waitByRetry(availability: number, { absence, retry }: Setting): number {
  if (availability <= 0) return Number.POSITIVE_INFINITY;
  if (availability >= 1) return 0;
  const tau = availability * absence;
  const p = backAfter(availability, absence, retry);
  const q = availability * (1 - (tau / retry) * -Math.expm1(-retry / tau));
  return (1 - availability) * (retry / 2 + ((1 - q) * retry) / p);
}
