import { expect, test } from 'vitest';
import { chance as randomFrom } from '../../../src/faults/chance.ts';
import { seed } from '../../seed.ts';
import { history } from './histories.ts';

const chosen = seed().seed;

test('random histories', async () => {
  for (let i = 0; i < 200; i++) await history(randomFrom(chosen + i), 60);
  expect(1).toBe(1);
});
test('random histories with losses', async () => {
  for (let i = 0; i < 100; i++) await history(randomFrom(chosen + i), 60, 2);
});
