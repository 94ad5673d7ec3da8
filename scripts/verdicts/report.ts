// The report of many runs, fit for 100 columns, and what of it counts as passed and failed.

import { CELLS, MODES, PHASES } from './plan.ts';
import type { Result } from './run.ts';
import { cellLines, emptyCells, reasonLines, shareLines, unwitnessed, viewLines } from './tables.ts';

/** Passed and failed, and the lines to be printed. */
export interface Report {
  readonly lines: readonly string[];
  readonly passed: number;
  readonly failed: number;
}

/** Failures that are told, at the most. */
const MOST_TOLD = 12;

/** What the runs of one process came to. @param seed to have one of them again */
export function reportOf(results: readonly Result[], seed: number): Report {
  const struck = results.filter((result) => result.struck).length;
  const lines: string[] = [];
  for (const mode of MODES) lines.push('', ...cellLines(mode, results));
  lines.push(
    '',
    'Runs, and how many of them were UNKNOWN (?), by what was done and by how far the frame had come:',
    ...Object.entries(PHASES).map(([phase, what]) => `  ${phase.padEnd(9)}${what}`),
    `${results.filter(({ schedule }) => schedule.phase === 'storm').length} runs more were storms: several faults, at random moments. In ${results.length - struck} runs nothing`,
    'struck before the verdict. A dot: there is no such thing.',
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
        `${route}, "${view}" was UNKNOWN, and ${handled === 0 ? 'never' : 'always'} handled: it could have been known`,
      );
  }
  lines.push(...failures.slice(0, MOST_TOLD).map((failure) => `FAILED  ${failure}`));
  const lying = results.filter(({ lies }) => lies.length > 0).length;
  return { lines, passed: results.length - lying, failed: failures.length };
}
