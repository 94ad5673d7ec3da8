// Compares the measurement with the theory: for each figure that theory predicts, its 95 % interval, and whether theory lies in it. Pure.

import { type PlanOptions, slotOf } from './schedule.ts';
import type { Strategy } from './sender.ts';
import { spreadOf } from './simulate.ts';
import { aroundMean, type Interval, mean, wilson } from './statistics.ts';
import type { Tally } from './tally.ts';
import { type Setting, waitByRelay, waitByRetry } from './theory.ts';

/** One strategy at one availability. */
export interface Row extends Tally {
  /** The planned availability, 0 to 1. */
  readonly availability: number;
  /** The measured availability, 0 to 1: the share of the time that this strategy's receiver was really there. */
  readonly present: number;
  /** The measured lengths of its absences, in milliseconds. */
  readonly absences: readonly number[];
  readonly strategy: Strategy;
  /** Was its sender killed half-way? */
  readonly killed: boolean;
  /** Did it run to its end, with the receiver there for good? If not, waits were cut short (Ctrl-C) or never end (it never came). */
  readonly settled: boolean;
}

/** What theory predicts. `first`: the share handled at the first try. `time`: the mean time to handled, in milliseconds. */
export type Foretold = 'first' | 'time';

/** A measured figure and what theory predicts for it. */
export interface Check extends Interval {
  readonly availability: number;
  readonly present: number;
  readonly strategy: Strategy;
  readonly what: Foretold;
  readonly measured: number;
  readonly theory: number;
  /** Theory lies outside the interval. */
  readonly off: boolean;
}

/** How long a message takes while the receiver is there, in milliseconds. It is measured at 100 %, because theory does not know it. */
export interface Hop {
  /** Mean time to handled, straight to the receiver. */
  readonly direct: number;
  /** Mean time to handled, over the relay. */
  readonly relay: number;
  /** How much more the relay costs: the mean of the differences, message by message, and its 95 % interval. */
  readonly extra: Interval & { readonly mean: number };
}

const Z = 1.96;

/** Takes the hops from the rows at 100 %; undefined if there are no such rows. */
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

/** The settings of a run that its intervals depend on. */
export interface Size extends Setting {
  readonly messages: number;
  readonly tail: number;
  /** Killed senders lose messages, and with them their waits: then waits are not compared. */
  readonly killSender: boolean;
}

/** The number of simulated runs for an interval. */
const RUNS = 1000;

/** Compares the rows with the theory. @param random for the simulated runs that give the intervals of waits */
export function compareToTheory(rows: readonly Row[], size: Size, random: () => number): Check[] {
  const hop = hopOf(rows);
  const checks: Check[] = [];
  for (const row of rows) {
    const { availability, present, strategy, messages, first, handled, settled } = row;
    const add = (what: Foretold, measured: number, { low, high }: Interval, theory: number): void => {
      const off = theory < low || theory > high;
      checks.push({ availability, present, strategy, what, measured, low, high, theory, off });
    };
    // Both senders of the direct route try when the message arrives, at the same receiver: the second would only repeat the first.
    if (strategy === 'once' && messages > 0) add('first', first / messages, wilson(first, messages), present);
    // With few messages the time can be over before the receiver has come even once: theory has no wait for that.
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

/**
 * The average number of messages that a sender holds in the middle of a run: the rate of arrival times the mean stay (J. D. C. Little, 1961), but
 * never more than have arrived by then.
 */
export function aboardByTheory({ present, absences, availability, strategy }: Row, size: Size): number {
  if (strategy !== 'again') return 0;
  // If the receiver never comes, none of them has left. That may also happen to a run that planned for him to come.
  const arrived = size.messages / 2;
  if (availability <= 0) return arrived;
  const { span } = slotOf(availability, size.messages, size.absence);
  const stay = waitByRetry(present, { ...size, absence: mean(absences) ?? size.absence });
  return Math.min(arrived, (size.messages / span) * stay);
}

/** Does the report say how every message ended? Not if senders were killed or it was stopped: then theory is not drawn with it. */
export const isWhole = ({
  killSender,
  interrupted,
}: {
  readonly killSender: boolean;
  readonly interrupted: boolean;
}): boolean => !killSender && !interrupted;

/** The number of messages in a row, as text: `100`, or `5 to 40 of 100` for a run that was stopped. */
export function messageCounts(rows: readonly Row[], planned: number): string {
  const counts = rows.map(({ messages }) => messages);
  const [fewest, most] = [Math.min(...counts), Math.max(...counts)];
  const range = fewest === most ? `${most}` : `${fewest} to ${most}`;
  return fewest === planned ? range : `${range} of ${planned}`;
}

/** The mean time to handled, as it is drawn. Infinity: never. undefined: nothing to draw. */
export function drawnTime({ strategy, time, settled, availability }: Row): number | undefined {
  if (time.mean !== undefined) return time.mean;
  // With `once`, nobody waits for a message that was not handled. After Ctrl-C the receiver might still have come.
  return strategy !== 'once' && (settled || availability <= 0) ? Number.POSITIVE_INFINITY : undefined;
}

/** All times that are drawn, in milliseconds: the mean times to handled, and how long the relay's sender is kept. */
export const drawnTimes = (rows: readonly Row[]): number[] =>
  rows
    .flatMap(({ strategy, time, kept }) => [time.mean, strategy === 'relay' ? kept.mean : undefined])
    .filter((ms) => ms !== undefined);
