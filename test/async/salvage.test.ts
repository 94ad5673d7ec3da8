// A relay whose journal is damaged: it does not start; with salvage it goes on without what cannot be read, and says to each mailbox what
// that was. All else is delivered.

import { expect, test } from 'vitest';
import type { Loss } from '../../src/async/salvage.ts';
import { collected, damage, filled, NAMES, ROUNDS, start } from './damaged.ts';

test('a bit flips in three segments: the messages of three runs are lost and named, all others come, and the next start needs no salvage', async () => {
  const dir = await filled();
  const lost = await damage(dir);
  await expect(start(dir)).rejects.toMatchObject({ code: 'damaged_journal' });

  const losses: Loss[] = [];
  const relay = await start(dir, losses);
  // Each round gave each name one message, so a message's number is its round, counted from 1.
  const named = losses.flatMap(({ to, gone, unknown }) => [
    ...gone.map((seq) => `${to}-${seq - 1}`),
    ...unknown.flatMap(({ first, last }) =>
      Array.from({ length: last - first + 1 }, (_, index) => `${to}-${first + index - 1}`),
    ),
  ]);
  expect(named.sort()).toEqual(lost.sort());
  await relay.close();

  const next = await start(dir);
  for (const name of NAMES) {
    const { ids, told } = await collected(next, name);
    const all = Array.from({ length: ROUNDS }, (_, round) => `${name}-${round}`);
    expect(ids).toEqual(all.filter((id) => !lost.includes(id)));
    const numbers = lost.filter((id) => id.startsWith(`${name}-`)).map((id) => Number(id.split('-')[1]) + 1);
    expect(told).toHaveLength(numbers.length > 0 ? 1 : 0);
    for (const number of numbers) expect(told[0]).toContain(`${number}`);
  }
});

test('with salvage a sound journal starts as ever', async () => {
  const dir = await filled();
  const losses: Loss[] = [];
  const relay = await start(dir, losses);
  expect(losses).toEqual([]);
  expect((await collected(relay, 'name3')).ids).toHaveLength(ROUNDS);
});
