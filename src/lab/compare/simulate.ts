// A run without processes: what the theory says would happen to one plan. Pure. It says how far a run of this size strays by chance
// alone (against-theory.ts needs that for its intervals), and the tests hold the closed forms of theory.ts against it.

import { absencesOf, drawPlan, type Plan, type PlanOptions, type Presence, shareOf } from './schedule.ts';
import { mean } from './statistics.ts';
import { type Setting, waitByRelay, waitByRetry } from './theory.ts';

/** What happened in a simulated run. */
export interface Simulated {
  /** The share of the time that the receiver was there. */
  readonly present: number;
  /** The mean length of the absences, in milliseconds; undefined if there were none. */
  readonly absence: number | undefined;
  /** The share of the messages that found him there. */
  readonly first: number;
  /** Mean waits over all messages, in milliseconds. */
  readonly relay: number;
  readonly retry: number;
}

/** Simulates a plan; the presences must end with one for good. */
export function simulate({ arrivals, presences, span }: Plan, { retry }: Setting): Simulated {
  let [first, relay, again] = [0, 0, 0];
  // Arrivals are in order, so that the search goes on where it was.
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

// Rounds are at 0, R, 2R …; the first after the arrival that falls into a presence.
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

/** How far the mean waits of simulated runs lie from theory: mean / theory, one for each run. */
export interface Spread {
  readonly relay: readonly number[];
  readonly retry: readonly number[];
}

/**
 * Simulates runs of one size. Each is compared like a real one: with the theory for the presence and the mean absence that came of it.
 * @param add what a message takes in any case, in milliseconds, once the receiver is there
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
