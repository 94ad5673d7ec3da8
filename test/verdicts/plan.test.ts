// The schedules of the verdict runs, and how their results are counted.

import { expect, test } from 'vitest';
import { CELLS, chanceOf, MODES, PHASES, scheduleNamed, scheduleOf } from '../../scripts/verdicts/plan.ts';
import type { Result } from '../../scripts/verdicts/run.ts';
import {
  cellLines,
  emptyCells,
  reasonLines,
  shareLines,
  unwitnessed,
  viewLines,
} from '../../scripts/verdicts/tables.ts';

const scheduled = (seed: number, run: number) => scheduleOf(seed, run, chanceOf(seed, run));

test('the same seed gives the same schedules, another seed gives others', () => {
  const first = Array.from({ length: 50 }, (_, run) => scheduled(1, run));
  expect(Array.from({ length: 50 }, (_, run) => scheduled(1, run))).toEqual(first);
  expect(Array.from({ length: 50 }, (_, run) => scheduled(2, run))).not.toEqual(first);
});

test('a name and a seed are enough to repeat a run', () => {
  for (const run of [0, 9, 123]) expect(scheduleNamed(7, `${run}`).schedule).toEqual(scheduled(7, run));
  const name = '1000001:async/out/reset, refuse';
  const { schedule } = scheduleNamed(7, name);
  expect(schedule).toMatchObject({ name, mode: 'async', phase: 'out' });
  expect(schedule.blows[0]?.fault).toBe('reset, refuse');
  for (const bad of ['', 'x', '1:sync/taken/disk full', '1:async/nowhere/cut'])
    expect(() => scheduleNamed(7, bad), bad).toThrow(RangeError);
});

test('every cell is used once before any is used again, and one run in ten is a storm', () => {
  const turn = Math.ceil((CELLS.length * 10) / 9) + 1;
  const all = Array.from({ length: turn }, (_, run) => scheduled(3, run));
  const met = new Set(all.map(({ mode, phase, blows }) => `${mode}/${phase}/${blows[0]?.fault}`));
  for (const { mode, phase, fault } of CELLS) expect(met).toContain(`${mode}/${phase}/${fault}`);
  expect(all.filter(({ phase }) => phase === 'storm').length).toBe(Math.floor(turn / 10));
  expect(CELLS.length).toBeGreaterThan(400);
});

const result = (run: number, more: Partial<Result> = {}): Result => ({
  schedule: scheduled(3, run),
  struck: true,
  said: { id: 'm', verdict: 'UNKNOWN', seq: undefined, mortal: false, view: 'sent: FIN' },
  handled: false,
  lies: [],
  ...more,
});

test('a view in which UNKNOWN occurred with only one outcome is reported until the other outcome occurs', () => {
  const sync = Array.from({ length: 100 }, (_, run) => run).filter(
    (run) => scheduled(3, run).mode === 'sync',
  );
  const [a = 0, b = 0] = sync;
  expect(unwitnessed([result(a)]).map(({ route, view }) => `${route} ${view}`)).toEqual(['sync sent: FIN']);
  expect(unwitnessed([result(a), result(b, { handled: true })])).toEqual([]);
  const known = {
    id: 'm',
    verdict: 'DELIVERED',
    seq: undefined,
    mortal: false,
    view: 'sent: taken',
  } as const;
  expect(unwitnessed([result(a, { said: known, handled: true })])).toEqual([]);
});

test('a run in which nothing struck fills no cell', () => {
  expect(emptyCells([]).length).toBe(CELLS.length);
  expect(emptyCells([result(0)]).length).toBe(CELLS.length - 1);
  expect(emptyCells([result(0, { struck: false })]).length).toBe(CELLS.length);
});

test('everything that is printed fits in 100 columns', () => {
  const results = Array.from({ length: 3000 }, (_, run) => result(run, { handled: run % 2 === 0 }));
  const lines = [
    ...MODES.flatMap((mode) => cellLines(mode, results)),
    ...reasonLines(),
    ...viewLines(results),
    ...shareLines(results),
    ...Object.values(PHASES),
  ];
  expect(lines.filter((line) => line.length > 98)).toEqual([]);
  expect(shareLines(results).join('\n')).toMatch(/^UNKNOWN {2}sync +\d+ of \d+, 100\.0 %$/m);
});
