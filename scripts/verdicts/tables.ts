// Counts the results of many runs: by what was done to the message, and by what its sender could see. Pure: it returns lines of at most
// 100 columns.

import type { VerdictName } from '../../src/core/event.ts';
import { verdictText } from '../../src/core/verdicts.ts';
import {
  CELLS,
  type Cell,
  FAULTS,
  type FaultName,
  impossible,
  MODES,
  type Mode,
  PHASES,
  type Phase,
} from './plan.ts';
import type { Result } from './run.ts';

const NAME_WIDTH = 14;
const CELL_WIDTH = 9;
const FAULT_NAMES = Object.keys(FAULTS) as FaultName[];
const PHASE_NAMES = Object.keys(PHASES) as Phase[];

const keyOf = (mode: Mode, phase: Phase | 'storm', fault: FaultName | undefined): string =>
  `${mode}/${phase}/${fault}`;

const cellOf = ({ schedule: { mode, phase, blows } }: Result): string => keyOf(mode, phase, blows[0]?.fault);

/** The runs of each cell of the table, without those in which the fault did not strike. */
export function countCells(results: readonly Result[]): Map<string, Result[]> {
  const cells = new Map<string, Result[]>();
  for (const result of results) {
    if (!result.struck) continue;
    const key = cellOf(result);
    const cell = cells.get(key);
    if (cell === undefined) cells.set(key, [result]);
    else cell.push(result);
  }
  return cells;
}

/** The cells of the table that no run has met. */
export function emptyCells(results: readonly Result[]): Cell[] {
  const cells = countCells(results);
  return CELLS.filter(({ mode, phase, fault }) => !cells.has(keyOf(mode, phase, fault)));
}

/** The runs of one mode, by fault and phase, and how many of them were UNKNOWN. */
export function cellLines(mode: Mode, results: readonly Result[]): string[] {
  const cells = countCells(results);
  const phases = PHASE_NAMES.filter((phase) =>
    CELLS.some((cell) => cell.mode === mode && cell.phase === phase),
  );
  const faults = FAULT_NAMES.filter((fault) =>
    CELLS.some((cell) => cell.mode === mode && cell.fault === fault),
  );
  return [
    row(mode, phases),
    ...faults.map((fault) =>
      row(
        fault,
        phases.map((phase) => {
          if (impossible(mode, phase, fault) !== undefined) return '·';
          const cell = cells.get(keyOf(mode, phase, fault)) ?? [];
          const unknown = cell.filter(({ said }) => said?.verdict === 'UNKNOWN').length;
          return `${cell.length}${unknown === 0 ? '' : ` ${unknown}?`}`;
        }),
      ),
    ),
  ];
}

const row = (name: string, cells: readonly string[]): string =>
  `${name.padEnd(NAME_WIDTH)}${cells.map((cell) => cell.padStart(CELL_WIDTH)).join('')}`;

/** The reasons why the cells with a dot do not exist. */
export function reasonLines(): string[] {
  const reasons = new Set<string>();
  for (const mode of MODES)
    for (const phase of PHASE_NAMES)
      for (const fault of FAULT_NAMES) {
        const reason = impossible(mode, phase, fault);
        if (reason !== undefined) reasons.add(reason);
      }
  return [...reasons].sort();
}

/** What senders saw, with which verdict, and how often the message was handled. */
export interface View {
  /** A mode. A sender of `wait` counts as `async` until it knows that its message is stored. */
  readonly route: Mode;
  readonly view: string;
  readonly verdict: VerdictName;
  readonly handled: number;
  readonly not: number;
  readonly results: readonly Result[];
}

const routeOf = ({ schedule, said }: Pick<Result, 'schedule' | 'said'>): Mode =>
  schedule.mode === 'wait' && said?.view.startsWith('stored') !== true ? 'async' : schedule.mode;

/** All views, each with how often the message was handled in the end and how often it was not. */
export function countViews(results: readonly Result[]): View[] {
  const views = new Map<string, Result[]>();
  for (const result of results) {
    if (result.said === undefined) continue;
    const key = `${routeOf(result)} ${result.said.verdict} ${result.said.view}`;
    const found = views.get(key);
    if (found === undefined) views.set(key, [result]);
    else found.push(result);
  }
  return [...views.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, seen]) => {
      const [{ schedule, said } = {}] = seen;
      if (schedule === undefined || said === undefined) return [];
      const handled = seen.filter((one) => one.handled).length;
      const { view, verdict } = said;
      return [
        {
          route: routeOf({ schedule, said }),
          view,
          verdict,
          handled,
          not: seen.length - handled,
          results: seen,
        },
      ];
    });
}

/**
 * The views in which UNKNOWN has been only half seen: always handled, or never. Either a witness is still to be found, or the sender
 * could have been certain.
 */
export const unwitnessed = (results: readonly Result[]): View[] =>
  countViews(results).filter(
    ({ verdict, handled, not }) => verdict === 'UNKNOWN' && (handled === 0 || not === 0),
  );

/** The views as a table. */
export function viewLines(results: readonly Result[]): string[] {
  return [
    `${'verdict'.padEnd(20)}${'handled'.padStart(8)}${'not'.padStart(7)}   what its sender saw`,
    ...countViews(results).map(
      ({ route, view, verdict, handled, not }) =>
        `${`${route.padEnd(6)}${verdictText(verdict)}`.padEnd(20)}${String(handled).padStart(8)}${String(not).padStart(7)}   ${view}`,
    ),
  ];
}

/** How many verdicts of each mode were UNKNOWN. */
export function shareLines(results: readonly Result[]): string[] {
  return MODES.flatMap((mode) => {
    const said = results.flatMap((result) =>
      result.schedule.mode === mode && result.said ? [result.said] : [],
    );
    if (said.length === 0) return [];
    const unknown = said.filter(({ verdict }) => verdict === 'UNKNOWN').length;
    const per = ((100 * unknown) / said.length).toFixed(1);
    return [`UNKNOWN  ${mode.padEnd(6)} ${String(unknown).padStart(5)} of ${said.length}, ${per} %`];
  });
}
