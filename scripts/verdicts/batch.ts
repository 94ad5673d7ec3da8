// Many runs in this process, some at the same time, and then more of those of which too little was seen.

import type { Random } from '../lib/random.ts';
import type { Parts } from './parts.ts';
import { CELLS, type Cell, chanceOf, type Phase, type Schedule, scheduleAt, scheduleOf } from './plan.ts';
import { perform, type Result } from './run.ts';
import { emptyCells, unwitnessed, type View } from './tables.ts';

/** Runs at the same time: most of what they do is wait. */
const AT_ONCE = 64;

/** Views of which only one side was seen are looked into again, in so many rounds with so many runs for each. */
const ROUNDS = 40;
const PER_VIEW = 12;

/** The numbers of those runs begin here, and each round has so many. */
const FIRST_AGAIN = 1_000_000;
const PER_ROUND = 10_000;

/** What a batch is to do. */
export interface BatchOptions {
  readonly parts: Parts;
  readonly seed: number;
  readonly runs: number;
  /** The only fault that is to strike, at every phase; undefined: all of them. */
  readonly at?: Cell['fault'] | undefined;
  /** Told at each run that is over. */
  readonly progress: (made: number) => void;
}

/** Makes the runs, and some more where a cell is still empty or a view was only half seen. */
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
  // Too few runs have been everywhere to ask for more.
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

// Where the other side of a view may be seen: what led to it, at the phases at which that side is likely. The sender cannot tell one
// phase from the other.
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
