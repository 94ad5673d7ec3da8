// The measured beside the theory: for each figure that theory foretells, its 95 % interval, and whether theory lies in it. Pure.

import { type PlanOptions, slotOf } from './schedule.ts';
import type { Strategy } from './sender.ts';
import { spreadOf } from './simulate.ts';
import { aroundMean, type Interval, mean, wilson } from './statistics.ts';
import type { Tally } from './tally.ts';
import { type Setting, waitByRelay, waitByRetry } from './theory.ts';

/** One strategy at one availability. */
export interface Row extends Tally {
  /** As planned, 0 to 1, */
  readonly availability: number;
  /** and as it was: the share of the time that this strategy's receiver was really there. */
  readonly present: number;
  /** How long his absences were, in milliseconds: as they were, not as planned. */
  readonly absences: readonly number[];
  readonly strategy: Strategy;
  /** Was its sender killed half-way? */
  readonly killed: boolean;
  /** Did it come to its end, with the receiver there for good? Else waits are cut short (Ctrl-C), or never end (he never came). */
  readonly settled: boolean;
}

/** What theory foretells: `first`: the share handled at the first try. `time`: the mean time to handled, in milliseconds. */
export type Foretold = 'first' | 'time';

/** A measured figure and what it should be. */
export interface Check extends Interval {
  readonly availability: number;
  readonly present: number;
  readonly strategy: Strategy;
  readonly what: Foretold;
  readonly measured: number;
  readonly theory: number;
  /** Theory lies outside of the interval. */
  readonly off: boolean;
}

/** What a message takes when the receiver is there, in milliseconds: measured at 100 %, for theory does not know it. */
export interface Hop {
  /** Straight to the receiver, and over the relay, until it is handled. */
  readonly direct: number;
  readonly relay: number;
  /** What the relay costs more: the mean of the differences, message by message, and its 95 % interval. */
  readonly extra: Interval & { readonly mean: number };
}

const Z = 1.96;

/** Reads the hops off the rows at 100 %; undefined if they are not there. */
export function hopOf(rows: readonly Row[]): Hop | undefined {
  const at = (wanted: Strategy): Row | undefined =>
    rows.find(({ availability, strategy }) => availability === 1 && strategy === wanted);
  const [direct, relay] = [at('once'), at('relay')];
  if (direct?.time.mean === undefined || relay?.time.mean === undefined) return undefined;
  const differences = relay.each.flatMap((ms, message) => {
    const other = direct.each[message];
    return ms === undefined || other === undefined ? [] : [ms - other];
  });
  const middle = mean(differences) ?? 0;
  const squares = differences.reduce((sum, one) => sum + (one - middle) ** 2, 0);
  const half = Z * Math.sqrt(squares / Math.max(1, differences.length - 1) / Math.max(1, differences.length));
  return {
    direct: direct.time.mean,
    relay: relay.time.mean,
    extra: { mean: middle, low: middle - half, high: middle + half },
  };
}

/** How a run was made, as far as its intervals depend on it. */
export interface Size extends Setting {
  readonly messages: number;
  readonly tail: number;
  /** With killed senders, messages are missing whose waits are missing, too: then waits are not compared. */
  readonly killSender: boolean;
}

/** Runs that are simulated for an interval. */
const RUNS = 1000;

/** Holds the rows against the theory. @param random for the simulated runs that make the intervals of waits */
export function compareToTheory(rows: readonly Row[], size: Size, random: () => number): Check[] {
  const hop = hopOf(rows);
  const checks: Check[] = [];
  for (const row of rows) {
    const { availability, present, strategy, messages, first, handled, settled } = row;
    const add = (what: Foretold, measured: number, { low, high }: Interval, theory: number): void => {
      const off = theory < low || theory > high;
      checks.push({ availability, present, strategy, what, measured, low, high, theory, off });
    };
    // Both senders of the direct route try when the message arrives, at the same receiver: the second would say the same again.
    if (strategy === 'once' && messages > 0) add('first', first / messages, wilson(first, messages), present);
    // With few messages the time can be over before he has come even once: theory has no wait for that.
    const between = availability > 0 && availability < 1 && present > 0;
    const complete = settled && handled === messages && !size.killSender;
    if (strategy === 'once' || !between || !complete || row.time.mean === undefined) continue;
    const { ratios, theory } = foretellTime(strategy, row, size, hop, random);
    add('time', row.time.mean, aroundMean(row.time.mean, ratios), theory);
  }
  return checks;
}

function foretellTime(
  strategy: 'again' | 'relay',
  { availability, present, absences }: Row,
  size: Size,
  hop: Hop | undefined,
  random: () => number,
): { ratios: readonly number[]; theory: number } {
  const options: PlanOptions = {
    ...size,
    availability,
    span: slotOf(availability, size.messages, size.absence).span,
  };
  const came: Setting = { ...size, absence: mean(absences) ?? size.absence };
  const add = { relay: hop?.relay ?? 0, retry: hop?.direct ?? 0 };
  const spread = spreadOf(options, size, add, RUNS, random);
  return strategy === 'again'
    ? { ratios: spread.retry, theory: waitByRetry(present, came) + add.retry }
    : { ratios: spread.relay, theory: waitByRelay(present, came) + add.relay };
}

/** Messages that are with a sender at any moment, on average (J. D. C. Little, 1961): so many arrive a second, each stays so long. */
export function aboardByTheory({ present, absences, availability, strategy }: Row, size: Size): number {
  if (strategy !== 'again') return 0;
  // If he never comes, nothing has left by the middle.
  if (availability <= 0) return size.messages / 2;
  const { span } = slotOf(availability, size.messages, size.absence);
  return (size.messages / span) * waitByRetry(present, { ...size, absence: mean(absences) ?? size.absence });
}

/** Does it tell how everything ended? Not if the senders were killed or it was stopped: then theory, which does, is not drawn over it. */
export const isWhole = ({
  killSender,
  interrupted,
}: {
  readonly killSender: boolean;
  readonly interrupted: boolean;
}): boolean => !killSender && !interrupted;

/** Messages of a row, as they are told: `100`, and of a run that was stopped `5 to 40 of 100`. */
export function messageCounts(rows: readonly Row[], planned: number): string {
  const counts = rows.map(({ messages }) => messages);
  const [fewest, most] = [Math.min(...counts), Math.max(...counts)];
  const range = fewest === most ? `${most}` : `${fewest} to ${most}`;
  return fewest === planned ? range : `${range} of ${planned}`;
}

/** The mean time to handled as it is drawn: Infinity is never, undefined is nothing to draw. */
export function drawnTime({ strategy, time, settled, availability }: Row): number | undefined {
  if (time.mean !== undefined) return time.mean;
  // Asked once and not handled is never too, but no time that anybody waits; and after Ctrl-C he might still have come.
  return strategy !== 'once' && (settled || availability <= 0) ? Number.POSITIVE_INFINITY : undefined;
}

/** The times that are drawn: to handled, and how long the relay's sender is kept. */
export const drawnTimes = (rows: readonly Row[]): number[] =>
  rows
    .flatMap(({ strategy, time, kept }) => [time.mean, strategy === 'relay' ? kept.mean : undefined])
    .filter((ms) => ms !== undefined);
