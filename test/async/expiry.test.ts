// The wheel of what is due when, against a plain list.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Expiry } from '../../src/async/expiry.ts';
import { seed } from '../seed.ts';

const MANY = 100_000;
const put = fc.record({ put: fc.integer({ min: -5_000, max: 60_000 }) });
const turn = fc.record({ turn: fc.integer({ min: 0, max: 9_000 }) });

test('everything is yielded once, not before it is due and at the first turn a second later', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(put, turn)), (steps) => {
      const wheel = new Expiry<{ at: number }>(() => true);
      const open = new Set<{ at: number }>();
      let now = 0;
      for (const step of steps) {
        if ('put' in step) {
          // What is put late is looked at in the next second.
          const item = { at: now + Math.max(0, step.put) };
          wheel.put(now + step.put, item);
          open.add(item);
          continue;
        }
        now += step.turn;
        for (const item of wheel.due(now, MANY)) {
          expect(open.delete(item)).toBe(true);
          expect(item.at).toBeLessThanOrEqual(now);
        }
        for (const { at } of open) expect(at).toBeGreaterThan(now - 1000);
        expect(wheel.size).toBe(open.size);
      }
      expect(new Set(wheel.due(now + 100_000, MANY))).toEqual(open);
      expect(wheel.size).toBe(0);
    }),
    { numRuns: 500, ...seed() },
  );
});

describe('what is not wanted any more', () => {
  test('does not pile up until it is due', () => {
    const gone = new Set<number>();
    const wheel = new Expiry<number>((item) => !gone.has(item));
    for (let i = 0; i < 100_000; i++) {
      wheel.put(7 * 24 * 3_600_000 + i, i);
      if (i % 100 !== 0) gone.add(i);
    }
    expect(wheel.size).toBeLessThan(4_000);
    const due = [...wheel.due(8 * 24 * 3_600_000, MANY)].filter((item) => !gone.has(item));
    expect(due).toEqual(Array.from({ length: 1000 }, (_, i) => i * 100));
  });

  test('what is wanted is never swept away', () => {
    const wheel = new Expiry<number>(() => true);
    for (let i = 0; i < 5_000; i++) wheel.put(i, i);
    expect([...wheel.due(10_000, MANY)]).toHaveLength(5_000);
  });
});

test('no more at once than asked for; the others at the next call, none twice', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 5_000 })),
      fc.integer({ min: 1, max: 7 }),
      (times, most) => {
        const wheel = new Expiry<number>(() => true);
        times.forEach((at, index) => {
          wheel.put(at, index);
        });
        const found: number[] = [];
        for (;;) {
          const due = wheel.due(10_000, most);
          expect(due.length).toBeLessThanOrEqual(most);
          found.push(...due);
          if (due.length < most) break;
        }
        expect(found.sort((a, b) => a - b)).toEqual(times.map((_, index) => index));
        expect(wheel.size).toBe(0);
      },
    ),
    { ...seed() },
  );
});
