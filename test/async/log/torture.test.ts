// The part of scripts/torture.ts for which `npm run test:all` has time, and small runs with pairs of crashes. `npm test` tries every eighth
// of these.

import { expect, test } from 'vitest';
import { prng as randomFrom } from '../../../src/core/prng.ts';
import { ALL } from '../../cases.ts';
import { seed } from '../../seed.ts';
import { Decided, TestOwner } from './owner.ts';
import { type Crash, crash, emptyDisk, failAt, history, killAt, opening, script, steps } from './torture.ts';

const chosen = seed().seed;
const chance = (step: number): (() => number) => randomFrom(chosen + step);
/** How many times as far apart the steps are that are tried. */
const APART = ALL ? 1 : 8;
const HOW = ['before', 'after', 'half'] as const;

test('a log that is killed or loses power at a step of a long run, and again at a step of the next opening, loses nothing durable', {
  tags: ['slow'],
}, async () => {
  const count = await steps();
  expect(count).toBeGreaterThan(500);
  for (let step = 1 + (chosen % 12); step <= count; step += 12 * APART) {
    await killAt(step, false, chance(step));
    await killAt(step, true, chance(step));
  }
});

test.each(['EIO', 'ENOSPC', 'EDQUOT', 'EMFILE', 'short'] as const)(
  'a call that fails with %s ends the log or is repeated, and nothing durable is lost',
  async (fault) => {
    const count = await steps();
    for (let step = 1 + (chosen % 40); step <= count; step += 40 * APART)
      await failAt(step, fault, chance(step));
  },
);

test('a size that is requested while the last file is being made is made, too', async () => {
  // A random history found this: nothing more was made, and whoever asked for room waited for ever.
  await history(randomFrom(1319120292 * 31 + 2479));
});

test('random histories with kills and power cuts lose nothing durable', async () => {
  for (let i = 0; i < 200 / APART; i++) await history(chance(i));
});

// Random runs miss what every pair of crashes in a small run finds.
test.each([1, 3])(
  'a run of %i messages crashes at a step, and the next opening at a step',
  async (messages) => {
    const count = await steps(messages);
    for (let first = 1 + (chosen % APART); first <= count; first += APART)
      for (let second = 1 + (first % APART); second <= 24; second += APART)
        for (let way = 0; way < 36; way += messages === 1 ? 5 : 11) {
          const crashes: Crash[] = [
            { step: first, how: HOW[way % 3] ?? 'before', power: way % 2 === 0 },
            {
              step: second,
              how: HOW[Math.floor(way / 12)] ?? 'before',
              power: Math.floor(way / 6) % 2 === 0,
            },
          ];
          await crash(crashes, messages, chance(first * 100 + way));
        }
  },
);

test('a log that finds two segments made in advance fills both, and makes none with the same name', async () => {
  const files = emptyDisk();
  const decided = new Decided();
  // The second segment is begun, the third is made, and then the power goes before anything is written to the second.
  let begun = false;
  files.ignoreWriteOf = (file, position) => {
    begun ||= file.endsWith('000000000003584.wal') && position === 512;
    return begun;
  };
  const first = await new TestOwner(decided).open(opening(files));
  while (!begun) {
    await first.send(700);
    await first.settle();
  }
  files.kill();
  const next = files.fork();
  next.ignoreWriteOf = () => false;
  decided.tell(0);
  const owner = await new TestOwner(decided).open(opening(next));
  expect(owner.log.segments().map((segment) => segment.first)).toEqual([0, 3584, 11_264]);
  await script(owner, 60);
  expect(owner.failure).toBeUndefined();
  const firsts = owner.log.segments().map((segment) => segment.first);
  expect(firsts).toEqual([...new Set(firsts)]);
  await owner.log.close();
  await new TestOwner(decided).open(opening(next));
});
