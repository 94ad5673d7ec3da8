// The report of many runs, at most 100 columns wide, and what counts as passed and failed.

import { CELLS, MODES, PHASES } from './plan.ts';
import type { Result } from './run.ts';
import { cellLines, emptyCells, reasonLines, shareLines, unwitnessed, viewLines } from './tables.ts';

/** Passed and failed, and the lines to be printed. */
export interface Report {
  readonly lines: readonly string[];
  readonly passed: number;
  readonly failed: number;
}

/** The most failures that are printed. */
const MOST_TOLD = 12;

/** The results of the runs in this process. @param seed printed with each failure, so that the run can be repeated */
export function reportOf(results: readonly Result[], seed: number): Report {
  const struck = results.filter((result) => result.struck).length;
  const lines: string[] = [];
  for (const mode of MODES) lines.push('', ...cellLines(mode, results));
  lines.push(
    '',
    'Runs, and how many of them were UNKNOWN (?), by fault and by how far the frame had come:',
    ...Object.entries(PHASES).map(([phase, what]) => `  ${phase.padEnd(9)}${what}`),
    `${results.filter(({ schedule }) => schedule.phase === 'storm').length} more runs were storms: several faults, at random moments. In ${results.length - struck} runs nothing`,
    'struck before the verdict. A dot: this cannot happen.',
    ...reasonLines().map((reason) => `  ${reason}`),
    '',
    ...viewLines(results),
    '',
    ...shareLines(results),
  );
  const failures = results.flatMap(({ schedule, lies }) =>
    lies.map((lie) => `--seed ${seed} --run '${schedule.name}' (${schedule.mode}): ${lie}`),
  );
  if (results.length >= 2 * CELLS.length) {
    for (const { mode, phase, fault } of emptyCells(results))
      failures.push(`no run of ${mode} met "${fault}" at "${phase}"`);
    for (const { route, view, handled } of unwitnessed(results))
      failures.push(
        `${route}, "${view}" was UNKNOWN, but ${handled === 0 ? 'never' : 'always'} handled: the sender could have known`,
      );
  }
  lines.push(...failures.slice(0, MOST_TOLD).map((failure) => `FAILED  ${failure}`));
  const lying = results.filter(({ lies }) => lies.length > 0).length;
  return { lines, passed: results.length - lying, failed: failures.length };
}
