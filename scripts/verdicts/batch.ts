// Makes many runs in this process, some at the same time, and then more of those that were seen too rarely.

import type { Random } from '../lib/random.ts';
import type { Parts } from './parts.ts';
import { CELLS, type Cell, chanceOf, type Phase, type Schedule, scheduleAt, scheduleOf } from './plan.ts';
import { perform, type Result } from './run.ts';
import { emptyCells, unwitnessed, type View } from './tables.ts';

/** The number of runs at the same time. They mostly wait. */
const AT_ONCE = 64;

/** The most rounds of additional runs for views of which only one outcome was seen. */
const ROUNDS = 40;
/** The additional runs for each such view in a round. */
const PER_VIEW = 12;

/** The number of the first additional run. */
const FIRST_AGAIN = 1_000_000;
/** The numbers reserved for each round of additional runs. */
const PER_ROUND = 10_000;

/** What a batch needs. */
export interface BatchOptions {
  readonly parts: Parts;
  readonly seed: number;
  readonly runs: number;
  /** The only fault that is to strike, at every phase; undefined: all of them. */
  readonly at?: Cell['fault'] | undefined;
  /** Called after each run. */
  readonly progress: (made: number) => void;
}

/** Makes the runs, and more of them for each cell that is still empty and each view of which only one outcome was seen. */
export async function batch({ parts, seed, runs, at, progress }: BatchOptions): Promise<Result[]> {
  const results: Result[] = [];
  const all = async (
    first: number,
    count: number,
    schedule: (run: number, random: Random) => Schedule,
  ): Promise<void> => {
    let next = first;
    const worker = async (): Promise<void> => {
      while (next < first + count) {
        const run = next;
        next += 1;
        const random = chanceOf(seed, run);
        results.push(await perform(parts, schedule(run, random), random));
        progress(results.length);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  };
  if (at !== undefined) {
    const cells = CELLS.filter(({ fault }) => fault === at);
    await all(0, runs, (run, random) => scheduleAt(cells[run % cells.length] as Cell, seed, run, random));
    return results;
  }
  await all(0, runs, (run, random) => scheduleOf(seed, run, random));
  // So few runs cannot have met every cell, so no more are made.
  if (runs < 2 * CELLS.length) return results;
  for (let round = 0; round < ROUNDS; round++) {
    const places = [...emptyCells(results).map((cell) => () => cell), ...unwitnessed(results).map(placesOf)];
    if (places.length === 0) break;
    const first = FIRST_AGAIN + round * PER_ROUND;
    const cells = Array.from({ length: Math.min(PER_ROUND, places.length * PER_VIEW) }, (_, i) =>
      places[i % places.length]?.(chanceOf(seed + 1, first + i)),
    );
    await all(first, cells.length, (run, random) =>
      scheduleAt(cells[run - first] as Cell, seed, run, random),
    );
  }
  return results;
}

// The cells in which the other outcome of a view may be seen: the same fault, at phases where that outcome is likely. The sender cannot
// distinguish the phases.
function placesOf({ results, handled }: View): (random: Random) => Cell {
  const phases: readonly Phase[] =
    handled === 0 ? ['out', 'taken', 'done', 'reply'] : ['greeted', 'partly', 'out', 'taken'];
  return (random) => {
    const { mode, blows } = random.pick(results).schedule;
    const { fault } = random.pick(blows);
    const cells = CELLS.filter((cell) => cell.mode === mode && cell.fault === fault);
    const likely = cells.filter(({ phase }) => phases.includes(phase));
    return random.pick(likely.length === 0 ? cells : likely);
  };
}
