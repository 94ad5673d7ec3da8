// A whole comparison: first the calm (100 %, where nothing is started or killed, so that one hop can be measured), then all other
// availabilities at the same time. One relay serves all of them, as it would in practice.

import { join } from 'node:path';
import type { Recorded } from '../../core/event.ts';
import { prng } from '../../core/prng.ts';
import { Stage } from '../stage/stage.ts';
import { type Check, compareToTheory, type Hop, hopOf, type Row, type Size } from './against-theory.ts';
import { drawPlan, type Plan, type Slot, slotOf } from './schedule.ts';
import { tally } from './tally.ts';
import { Interruption } from './timeline.ts';
import { boxOf, Trial, type TrialResult } from './trial.ts';

/** What is compared, and how long. Times are in milliseconds. */
export interface CompareOptions {
  /** Messages for each strategy at each availability. */
  readonly messages: number;
  /** The mean length of an absence, D. */
  readonly absence: number;
  /** The time between two rounds of the sender that tries again, R. */
  readonly retry: number;
  readonly seed: number;
  readonly killSender: boolean;
  /** Default: all of AVAILABILITIES. */
  readonly availabilities?: readonly number[] | undefined;
  /** Called with the progress: seconds done, and seconds in total. */
  readonly progress?: ((done: number, total: number) => void) | undefined;
  /** Called once with a function that stops the run early. The report then has what was measured until that moment. */
  readonly interruptible?: ((stop: () => void) => void) | undefined;
  /** Another program for the actors (see Stage). */
  readonly program?: readonly string[] | undefined;
}

/** The result of a comparison. */
export interface Report extends Size {
  readonly seed: number;
  readonly rows: readonly Row[];
  readonly checks: readonly Check[];
  readonly hop: Hop | undefined;
  /** How late the receivers came on average, at the worst availability, in milliseconds. */
  readonly late: number;
  /** False verdicts and failed senders; empty if all is well. */
  readonly faults: readonly string[];
  /** It was stopped before its end. */
  readonly interrupted: boolean;
  /** Pids of processes that still exist; must be empty. */
  readonly leftOver: readonly number[];
}

/** The availabilities that are compared by default, from always there to never. */
export const AVAILABILITIES: readonly number[] = [1, 0.9, 0.75, 0.5, 0.25, 0.1, 0];

/** The receiver stops coming and going this many mean absences after the last message. */
const TAIL = 4;
/** The estimated time to drain and to end, in milliseconds. */
const ROUNDING_OFF_MS = 1000;
const LOOK_MS = 100;
/** The most events of one process. A relay has the most: six per message, in each of six trials. */
const MOST_EVENTS = 1_000_000;

/** The expected duration, without starting up, in milliseconds: of the calm, and of the rest. */
export function durations({
  messages,
  absence,
  retry,
  availabilities = AVAILABILITIES,
}: Pick<CompareOptions, 'messages' | 'absence' | 'retry' | 'availabilities'>): {
  calm: number;
  rest: number;
} {
  const slots = (group: readonly number[]): Slot[] => group.map((one) => slotOf(one, messages, absence));
  const longest = (group: readonly number[], add: number): number =>
    Math.max(0, ...slots(group).map(({ begin, span }) => begin + span + add));
  return {
    calm: longest(
      availabilities.filter((one) => one >= 1),
      0,
    ),
    rest: longest(
      availabilities.filter((one) => one < 1),
      TAIL * absence + retry + ROUNDING_OFF_MS,
    ),
  };
}

/** Draws the plans of a comparison, one for each availability. */
function drawPlans(options: CompareOptions): Plan[] {
  const { messages, absence, seed, availabilities = AVAILABILITIES } = options;
  return availabilities.map((availability) => {
    const { span } = slotOf(availability, messages, absence);
    // Each has its own seed, so that leaving one out does not change the others.
    const random = prng(seed * 1009 + Math.round(availability * 1000));
    return drawPlan({ availability, messages, span, absence, tail: TAIL * absence }, random);
  });
}

/**
 * Runs the comparison.
 * @throws DetourError if processes cannot be started
 */
export async function runCompare(options: CompareOptions): Promise<Report> {
  const interruption = new Interruption();
  let asked = false;
  const stop = (): void => {
    asked = true;
    interruption.stop();
  };
  options.interruptible?.(stop);
  const stage = new Stage({ program: options.program, mostEvents: MOST_EVENTS, onInterrupt: stop });
  const results: { readonly plan: Plan; readonly result: TrialResult }[] = [];
  let stored = new Map<string, Set<string>>();
  try {
    const relay = stage.start(
      'relay',
      'async',
      'relay',
      '--port',
      '0',
      '--journal',
      join(stage.dir, 'journal'),
    );
    const listening = await relay.until('listening').catch((error: unknown) => excuse(error, interruption));
    const place = `127.0.0.1:${listening?.port ?? 0}`;
    const plans = drawPlans(options);
    const { calm, rest } = durations(options);
    const make = (plan: Plan): Trial => {
      const { begin } = slotOf(plan.availability, options.messages, options.absence);
      return new Trial({ ...options, stage, relay: place, plan, begin, interruption });
    };
    const play = async (group: readonly Plan[], before: number, ms: number): Promise<void> => {
      const show = progressFrom(options, before, ms, calm + rest);
      results.push(...(await playGroup(group, make, interruption, show)));
    };
    await play(
      plans.filter(({ availability }) => availability >= 1),
      0,
      calm,
    );
    await play(
      plans.filter(({ availability }) => availability < 1),
      calm,
      rest,
    );
    stored = storedBy(relay.recorded());
  } finally {
    interruption.stop();
    await stage.close();
  }
  return report(options, results, stored, asked, stage.leftOver());
}

const HEARSAY_MS = 300;

// Ctrl-C reaches every process of a terminal, and some may have ended before this one notices. Without Ctrl-C it was a failure.
async function excuse(error: unknown, interruption: Interruption): Promise<undefined> {
  await Promise.race([interruption.came, new Promise((resolve) => setTimeout(resolve, HEARSAY_MS))]);
  if (!interruption.over) throw error;
  return undefined;
}

// Opens the trials, plays them at the same time, and collects the results, also if Ctrl-C came in between.
async function playGroup(
  plans: readonly Plan[],
  make: (plan: Plan) => Trial,
  interruption: Interruption,
  show: (share: number) => void,
): Promise<{ plan: Plan; result: TrialResult }[]> {
  if (interruption.over || plans.length === 0) return [];
  const trials = plans.map((plan) => ({ plan, trial: make(plan) }));
  let opened = false;
  let timer: NodeJS.Timeout | undefined;
  try {
    await Promise.all(trials.map(({ trial }) => trial.open()));
    if (interruption.over) return [];
    opened = true;
    const began = performance.now();
    timer = setInterval(() => show(performance.now() - began), LOOK_MS);
    await Promise.all(trials.map(({ trial }) => trial.play()));
  } catch (error) {
    await excuse(error, interruption);
    if (!opened) return [];
  } finally {
    clearInterval(timer);
  }
  return Promise.all(trials.map(async ({ plan, trial }) => ({ plan, result: await trial.close() })));
}

// Reports the progress. It stops at the planned end of its part until the part has really ended.
function progressFrom(
  { progress }: CompareOptions,
  before: number,
  ms: number,
  total: number,
): (passed: number) => void {
  return (passed) => progress?.((before + Math.min(passed, ms)) / 1000, total / 1000);
}

// For each recipient, the ids that the relay stored, according to its log.
function storedBy(events: readonly Recorded[]): Map<string, Set<string>> {
  const stored = new Map<string, Set<string>>();
  for (const recorded of events) {
    if (recorded.event !== 'stored') continue;
    const ids = stored.get(recorded.to) ?? new Set();
    stored.set(recorded.to, ids.add(recorded.id));
  }
  return stored;
}

function report(
  options: CompareOptions,
  results: readonly { readonly plan: Plan; readonly result: TrialResult }[],
  stored: ReadonlyMap<string, ReadonlySet<string>>,
  interrupted: boolean,
  leftOver: readonly number[],
): Report {
  const { messages, absence, retry, seed, killSender } = options;
  const size: Size = { messages, absence, retry, killSender, tail: TAIL * absence };
  // A trial that was stopped before a message arrived at every sender measured nothing.
  const measured = results.filter(({ result }) => result.observed.every(({ arrived }) => arrived.length > 0));
  const rows = measured.flatMap(({ plan: { availability }, result: { present, absences, observed } }) =>
    observed.map((one): Row => {
      const ids = one.strategy === 'relay' ? stored.get(boxOf(availability)) : undefined;
      return {
        ...tally({ ...one, stored: ids ?? new Set() }),
        availability,
        present: one.strategy === 'relay' ? present.relay : present.direct,
        absences: one.strategy === 'relay' ? absences.relay : absences.direct,
        strategy: one.strategy,
        killed: one.killed !== undefined,
        settled: one.settled,
      };
    }),
  );
  return {
    ...size,
    seed,
    rows,
    late: Math.max(0, ...results.map(({ result }) => result.late)),
    checks: compareToTheory(rows, size, prng(seed)),
    hop: hopOf(rows),
    faults: [
      ...rows.flatMap(({ availability, faults }) =>
        faults.map((text) => `${percent(availability)}: ${text}`),
      ),
      ...results.flatMap(({ plan, result }) =>
        interrupted ? [] : result.faults.map((text) => `${percent(plan.availability)}: ${text}`),
      ),
    ],
    interrupted,
    leftOver,
  };
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;
