// What the parts of the bench share: each measures several things in turns, says what it found, and records every figure.

import type { Machine } from './machine.ts';
import type { Peer } from './peers.ts';
import { type Comparison, compared, median, short, spread } from './statistics.ts';

/** One figure. */
export interface Figure {
  /** Which part of the bench, and which of its rows. */
  readonly part: string;
  readonly row: string;
  /** What was measured, the round in which that was, and the figure in its unit. */
  readonly who: string;
  readonly round: number;
  readonly value: number;
  readonly unit: string;
  /** How it is compared with the first of its row. */
  readonly compare: Comparison;
}

/** What one run of the bench has found, as it stands in the file of `--json`. */
export interface Run {
  readonly rounds: number;
  readonly seconds: number;
  readonly machine: Machine;
  readonly figures: readonly Figure[];
}

/** What a part is given. */
export interface Bench {
  readonly rounds: number;
  /** How long a load goes on after its warm-up. */
  readonly seconds: number;
  /** A folder for files, which is removed in the end. */
  readonly scratch: string;
  /** The load driver. */
  readonly load: string;
  /** detour, and those of its peers that are installed and wanted. */
  readonly peers: readonly Peer[];
  /** Says what is going on, on a terminal. */
  progress(text: string): void;
  record(figure: Figure): void;
}

/** Something that is measured, with one value for each round. */
export interface Row<T> {
  readonly who: string;
  readonly values: readonly T[];
}

/**
 * Measures each of these once in every round, one after the other.
 * @param title of the row, for the progress
 */
export async function inTurns<P extends { readonly name: string }, T>(
  bench: Pick<Bench, 'rounds' | 'progress'>,
  title: string,
  all: readonly P[],
  measure: (one: P) => Promise<T>,
): Promise<Row<T>[]> {
  const rows = all.map((one) => ({ who: one.name, values: [] as T[], one }));
  for (let round = 0; round < bench.rounds; round++)
    for (let turn = 0; turn < rows.length; turn++) {
      // Another one begins each time: whoever comes after a heavy writer has the slower disk.
      const row = rows[(turn + round) % rows.length];
      if (row === undefined) continue;
      bench.progress(`${title}: round ${round + 1} of ${bench.rounds}: ${row.who}`);
      row.values.push(await measure(row.one));
    }
  bench.progress('');
  return rows;
}

/** What the rows are, and how they are compared: by default, detour comes first and is compared with each other. */
type Title = Pick<Figure, 'part' | 'row' | 'unit'> & Partial<Pick<Figure, 'compare'>>;

/**
 * Prints the rows and records them: median, lowest and highest, and the ratio to the first or of it, taken in each round.
 * @param more words for the end of a row
 */
export function report(
  bench: Pick<Bench, 'record'>,
  { part, row, unit, compare = 'detour/this' }: Title,
  rows: readonly Row<number>[],
  more: (who: string) => string = () => '',
): void {
  console.log(`\n${row}, in ${unit}`);
  const ours = rows[0]?.values ?? [];
  for (const { who, values } of rows) {
    for (const [round, value] of values.entries())
      bench.record({ part, row, who, round, value, unit, compare });
    const other = compared(ours, values, compare);
    const words = [who.padEnd(42), short(median(values)).padStart(6), `(${spread(values)})`.padEnd(18)];
    console.log(`  ${[...words, more(who), other && `${compare} ${other}`].filter(Boolean).join(' ')}`);
  }
}

/** For `report`: how much of one processor the load driver needed. At 1 it is what limits a rate. */
export const driverOf =
  (rows: readonly Row<{ readonly cpu: number }>[]) =>
  (who: string): string => {
    const values = rows.find((each) => each.who === who)?.values ?? [];
    return `driver ${median(values.map(({ cpu }) => cpu)).toFixed(2)} of a processor`;
  };
