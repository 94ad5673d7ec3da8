// Random histories of the relay, compared with the truth: whatever happens, what it says is true. CASES sets how many, SEED repeats them.

import { expect, test } from 'vitest';
import { prng } from '../../src/core/prng.ts';
import { cases } from '../cases.ts';
import { seed } from '../seed.ts';
import { history } from './relay-histories.ts';

const CASES = cases(60, 5);
const STEPS = 60;
const chosen = seed().seed;

test(`whatever happens, what a relay says is true, ${CASES} times`, async () => {
  const all = { moves: 0, gone: 0 };
  for (let i = 0; i < CASES; i++) {
    let failure: unknown;
    const cleared = await history(prng(chosen + i), STEPS).catch((error: unknown) => {
      failure = error;
    });
    expect(failure, `SEED=${chosen + i} CASES=1`).toBeUndefined();
    all.moves += cleared?.moves ?? 0;
    all.gone += cleared?.gone ?? 0;
  }
  // Otherwise the histories would prove nothing about compaction.
  if (CASES >= 30) expect([all.moves > 0, all.gone > 0]).toEqual([true, true]);
});
