// Finds logs that are copies of each other, by marks that a row of the roster has: its session, and the times of its first events. Pure.

import type { Recorded } from '../core/event.ts';

/** How many times at the beginning of a run are compared with those of other runs. */
const MOST_TIMES = 100;

/** Clocks count nanoseconds, or 100 of them on Windows: two equal times in two runs are not a coincidence. */
const ENOUGH = 2;

/** How many rows with the same mark are remembered: the first ones show each other row what it is a copy of. */
const MOST_COPIES = 10;

/** Something that two rows have in common only if one is a copy of the other, if there is enough of it. */
export interface Mark {
  readonly text: string;
  readonly weight: number;
}

/** The mark of a session, which is enough by itself. */
export const sessionMark = (session: string): Mark => ({ text: `session ${session}`, weight: ENOUGH });

/** The marks of a run, whatever its lines say about who and where it was. */
export const timeMarks = (run: readonly Recorded[]): Mark[] =>
  [...new Set(run.slice(0, MOST_TIMES).map(({ time }) => time))].map((text) => ({ text, weight: 1 }));

/** The rows so far with their marks. */
export class Copies {
  readonly #rows = new Map<string, number[]>();
  readonly #found = new Map<number, Set<number>>();

  /** Adds a row. @param row its number, which no other row has */
  add(row: number, marks: readonly Mark[]): void {
    const common = new Map<number, number>();
    for (const { text, weight } of marks) {
      const rows = this.#rows.get(text) ?? [];
      for (const other of rows) common.set(other, (common.get(other) ?? 0) + weight);
      if (rows.length < MOST_COPIES) this.#rows.set(text, [...rows, row]);
    }
    for (const [other, weight] of common) {
      if (weight < ENOUGH) continue;
      this.#add(row, other);
      this.#add(other, row);
    }
  }

  /** The rows that have copies, each with the rows that they are. */
  found(): ReadonlyMap<number, ReadonlySet<number>> {
    return this.#found;
  }

  #add(row: number, copy: number): void {
    this.#found.set(row, (this.#found.get(row) ?? new Set()).add(copy));
  }
}
