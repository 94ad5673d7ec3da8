// What really became of the messages, counted from what the receiver's logs say it handled, never from what the senders believe. The
// senders' verdicts are then compared with it. Pure.

import type { VerdictName } from '../../core/event.ts';
import { contradiction } from '../contradiction.ts';
import type { Shown } from './receiver.ts';
import { type Strategy, type Try, textOf } from './sender.ts';
import { mean, quantile } from './statistics.ts';

/** What was observed of one strategy at one availability. Times are milliseconds since the beginning. */
export interface Observed {
  readonly strategy: Strategy;
  /** When each message arrived at the sender. */
  readonly arrived: readonly number[];
  readonly tries: readonly Try[];
  /** What the receiver handled from this sender. */
  readonly shown: readonly Shown[];
  /** Async: the ids that the relay stored, according to its log; otherwise empty. */
  readonly stored: ReadonlySet<string>;
  /** Messages that the sender had when it was killed. */
  readonly aboard: readonly number[];
  /** When the sender was killed, if it was. */
  readonly killed?: number | undefined;
  /** Did the receiver stay at the end, long enough for everything? Then every message that was STORED must have been handled. */
  readonly settled: boolean;
  /** When the trial was over. */
  readonly end: number;
}

/** The distribution of a time, in milliseconds; each undefined if there was no value. */
export interface Times {
  readonly mean: number | undefined;
  readonly p50: number | undefined;
  readonly p95: number | undefined;
  readonly max: number | undefined;
}

/** The counts of one strategy at one availability. */
export interface Tally {
  readonly messages: number;
  /** Handled although the sender sent it only once. */
  readonly first: number;
  /** Handled in the end. */
  readonly handled: number;
  /** Messages whose tries all ended NOT DELIVERED. */
  readonly notDelivered: number;
  /** Messages with a try that ended UNKNOWN. */
  readonly unknown: number;
  /** Tries that ended UNKNOWN although the receiver had handled the message. */
  readonly unknownHandled: number;
  /** Tries that ended UNKNOWN. */
  readonly unknownTries: number;
  readonly tries: number;
  /** Tries that ended with a verdict: all but those that a kill cut short. */
  readonly verdicts: number;
  /** Messages that the receiver handled more than once. */
  readonly twice: number;
  /** For each message, the time from its arrival at the sender until it was handled, in milliseconds; undefined if it was not. */
  readonly each: readonly (number | undefined)[];
  /** The distribution of `each`, over the messages that were handled. */
  readonly time: Times;
  /** From the arrival at the sender until the sender was done with the message, or was killed, or the trial was over. */
  readonly kept: Times;
  /** Messages lost with the killed sender: the receiver never handled them, and the relay does not have them. */
  readonly lost: number;
  /** False verdicts, one text each; empty if all are true. */
  readonly faults: readonly string[];
}

/** Counts what happened. */
export function tally(observed: Observed): Tally {
  const { arrived, tries, shown, aboard } = observed;
  const messages = arrived.length;
  const firstShown = new Map<string, number>();
  const times = new Map<string, number>();
  for (const { text, at } of shown) {
    firstShown.set(text, Math.min(at, firstShown.get(text) ?? at));
    times.set(text, (times.get(text) ?? 0) + 1);
  }
  const own = triesOf(tries, messages);
  const handled = own.map((_, message) => firstShown.get(textOf(message)));
  const shownIds = new Set(shown.map(({ id }) => id));
  const unknownTries = tries.filter(({ message, verdict }) => message >= 0 && verdict === 'UNKNOWN');
  const each = handled.map((at, message) => (at === undefined ? undefined : at - (arrived[message] ?? at)));
  const safe = own.map((all) => all.some(({ id }) => id !== undefined && observed.stored.has(id)));
  return {
    messages,
    first: own.filter((all, message) => all.length === 1 && handled[message] !== undefined).length,
    handled: handled.filter((at) => at !== undefined).length,
    notDelivered: own.filter(
      (all) => all.length > 0 && all.every(({ verdict }) => verdict === 'NOT_DELIVERED'),
    ).length,
    unknown: new Set(unknownTries.map(({ message }) => message)).size,
    unknownHandled: unknownTries.filter(({ id }) => id !== undefined && shownIds.has(id)).length,
    unknownTries: unknownTries.length,
    tries: own.flat().length,
    verdicts: own.flat().filter(({ verdict }) => verdict !== undefined).length,
    twice: own.filter((_, message) => (times.get(textOf(message)) ?? 0) > 1).length,
    each,
    time: timesOf(each.filter((ms) => ms !== undefined)),
    kept: timesOf(own.map((all, message) => keptUntil(message, all, observed) - (arrived[message] ?? 0))),
    lost: aboard.filter((message) => handled[message] === undefined && safe[message] !== true).length,
    faults: faultsOf(observed, shownIds, handled),
  };
}

function triesOf(tries: readonly Try[], messages: number): Try[][] {
  const own: Try[][] = Array.from({ length: messages }, () => []);
  for (const one of tries) own[one.message]?.push(one);
  return own;
}

const worked = (verdict: VerdictName | undefined): boolean => verdict === 'DELIVERED' || verdict === 'STORED';

function keptUntil(
  message: number,
  all: readonly Try[],
  { strategy, end, aboard, killed }: Observed,
): number {
  const success = all.find(({ verdict }) => worked(verdict));
  if (success?.settled !== undefined) return success.settled;
  if (killed !== undefined && aboard.includes(message)) return killed;
  // A sender that tries once is done whatever the verdict is; one that tries again is not done until it works.
  const last = strategy === 'again' ? undefined : all.at(-1)?.settled;
  return last ?? end;
}

function timesOf(values: readonly number[]): Times {
  const sorted = [...values].sort((a, b) => a - b);
  return {
    mean: mean(sorted),
    p50: quantile(sorted, 0.5),
    p95: quantile(sorted, 0.95),
    max: sorted.at(-1),
  };
}

/** Finds false verdicts, the worst that can happen here. Every try is checked by its id on the wire. */
function faultsOf(
  { strategy, tries, stored, settled, arrived }: Observed,
  shownIds: ReadonlySet<string>,
  handled: readonly (number | undefined)[],
): string[] {
  const faults: string[] = [];
  for (const { message, verdict, id } of tries) {
    if (message < 0 || id === undefined) continue;
    const what = `${strategy}, message ${message + 1}`;
    const fault = verdict && contradiction(verdict, shownIds.has(id), stored.has(id));
    if (fault !== undefined) faults.push(`${what}: ${fault}`);
    if (verdict === 'STORED' && settled && handled[message] === undefined)
      faults.push(`${what}: STORED, and bob never got it`);
  }
  if (tries.some(({ message }) => message >= arrived.length))
    faults.push(`${strategy}: a message was sent that never arrived here`);
  return faults;
}
