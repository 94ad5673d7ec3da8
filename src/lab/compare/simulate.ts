// A run without processes: what happens to one plan according to the theory. Pure. It shows how far a run of this size strays by chance
// alone (against-theory.ts needs that for its intervals), and the tests compare the closed forms of theory.ts with it.

import { absencesOf, drawPlan, type Plan, type PlanOptions, type Presence, shareOf } from './schedule.ts';
import { mean } from './statistics.ts';
import { type Setting, waitByRelay, waitByRetry } from './theory.ts';

/** What happened in a simulated run. */
export interface Simulated {
  /** The share of the time that the receiver was there. */
  readonly present: number;
  /** The mean length of the absences, in milliseconds; undefined if there were none. */
  readonly absence: number | undefined;
  /** The share of the messages that found it there. */
  readonly first: number;
  /** The mean wait over all messages on the relay, in milliseconds. */
  readonly relay: number;
  /** The mean wait over all messages of a sender that tries again, in milliseconds. */
  readonly retry: number;
}

/** Simulates a plan. Its last presence must not end. */
export function simulate({ arrivals, presences, span }: Plan, { retry }: Setting): Simulated {
  let [first, relay, again] = [0, 0, 0];
  // Arrivals are in order, so the search goes on where it stopped.
  let next = 0;
  for (const arrival of arrivals) {
    while ((presences[next]?.to ?? Number.POSITIVE_INFINITY) <= arrival) next += 1;
    const from = presences[next]?.from ?? Number.POSITIVE_INFINITY;
    if (from <= arrival) first += 1;
    else {
      relay += from - arrival;
      again += roundThatFinds(presences, next, arrival, retry) - arrival;
    }
  }
  const count = arrivals.length;
  return {
    present: shareOf(presences, span),
    absence: mean(absencesOf(presences, span)),
    first: first / count,
    relay: relay / count,
    retry: again / count,
  };
}

// The first round after the arrival that falls into a presence. Rounds are at 0, R, 2R …
function roundThatFinds(
  presences: readonly Presence[],
  next: number,
  arrival: number,
  retry: number,
): number {
  for (let index = next; index < presences.length; index += 1) {
    const { from, to } = presences[index] ?? { from: Number.POSITIVE_INFINITY, to: Number.POSITIVE_INFINITY };
    const round = Math.ceil(Math.max(arrival, from) / retry) * retry;
    if (round < to) return round;
  }
  return Number.POSITIVE_INFINITY;
}

/** How far the mean waits of simulated runs are from theory: mean / theory, one value for each run. */
export interface Spread {
  readonly relay: readonly number[];
  readonly retry: readonly number[];
}

/**
 * Simulates runs of one size. Each is compared like a real one: with the theory for the presence and the mean absence that it had.
 * @param add how long a message takes once the receiver is there, in milliseconds
 */
export function spreadOf(
  options: PlanOptions,
  setting: Setting,
  add: { readonly relay: number; readonly retry: number },
  runs: number,
  random: () => number,
): Spread {
  const [relay, retry]: [number[], number[]] = [[], []];
  for (let run = 0; run < runs; run += 1) {
    const found = simulate(drawPlan(options, random), setting);
    if (found.present <= 0) continue;
    const came: Setting = { ...setting, absence: found.absence ?? setting.absence };
    relay.push((found.relay + add.relay) / (waitByRelay(found.present, came) + add.relay));
    retry.push((found.retry + add.retry) / (waitByRetry(found.present, came) + add.retry));
  }
  return { relay, retry };
}
