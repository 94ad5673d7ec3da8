// How long to wait before connecting again: full jitter below a bound that doubles.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BACKOFF_BASE_MS, BACKOFF_CAP_MS, backoff } from '../../src/exchange/backoff.ts';
import { seed } from '../seed.ts';

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('is between zero and a bound that doubles with each failure, up to the cap', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), random, (failures, r) => {
      const ms = backoff(failures, r);
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(ms).toBeLessThanOrEqual(BACKOFF_CAP_MS);
      if (failures < 20) expect(ms).toBeLessThanOrEqual(BACKOFF_BASE_MS * 2 ** (failures - 1));
    }),
    seed(),
  );
});

test('uses the whole range: clients do not connect in step when their relay comes back', () => {
  for (const failures of [1, 3, 50]) {
    const bound = Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** (failures - 1));
    expect(backoff(failures, 0)).toBe(0);
    expect(backoff(failures, 0.5)).toBe(bound / 2);
    expect(backoff(failures, 0.999)).toBeCloseTo(bound * 0.999);
  }
});
