// A relay whose journal is damaged does not start. With salvage it goes on without what cannot be read, and tells each mailbox what that was.
// Everything else is delivered.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Loss } from '../../src/async/salvage.ts';
import { readJournal } from '../../src/cli/journal-reader.ts';
import { collected, damage, filled, NAMES, ROUNDS, start } from './damaged.ts';

test('a bit flips in three segments: the messages of three runs are lost and reported, all others come, and the next start needs no salvage', {
  tags: ['slow'],
}, async () => {
  const dir = await filled();
  const lost = await damage(dir);
  await expect(start(dir)).rejects.toMatchObject({ code: 'damaged_journal' });

  const losses: Loss[] = [];
  const relay = await start(dir, losses);
  // Each round gave each name one message, so the number of a message is its round, counted from 1.
  const named = losses.flatMap(({ to, gone, unknown }) => [
    ...gone.map((seq) => `${to}-${seq - 1}`),
    ...unknown.flatMap(({ first, last }) =>
      Array.from({ length: last - first + 1 }, (_, index) => `${to}-${first + index - 1}`),
    ),
  ]);
  expect(named.sort()).toEqual(lost.sort());
  await relay.close();
  // The journal says once where the bad parts are, for people.
  const told: string[] = [];
  for await (const item of readJournal(dir))
    if (item.kind === 'commit')
      for (const { bytes } of item.entries)
        if (bytes.toString('latin1', 0, 5) === 'LOST ') told.push(bytes.toString('latin1'));
  expect(told.map((text) => text.match(/\nPART from=\d+ to=\d+/g)?.length)).toEqual([3]);

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

test('a message below a checkpoint that cannot be read any more: salvage reports it as lost, and everything else comes', {
  tags: ['slow'],
}, async () => {
  const dir = await filled();
  // The relay makes checkpoints.
  await damage(dir);
  await (await start(dir, [])).close();
  const [id, partner] = ['name3-35', 'name2-35'];
  for (const name of readdirSync(dir).filter((one) => one.endsWith('.wal'))) {
    const bytes = readFileSync(join(dir, name));
    const at = bytes.indexOf('name3 35 ....');
    if (at === -1) continue;
    bytes[at + 10] = (bytes[at + 10] ?? 0) ^ 1;
    writeFileSync(join(dir, name), bytes);
  }
  // A start does not read below the checkpoint.
  await (await start(dir)).close();
  const losses: Loss[] = [];
  await (await start(dir, losses)).close();
  expect(losses.map(({ to, gone }) => [to, gone])).toEqual([
    ['name2', [36]],
    ['name3', [36]],
  ]);
  const relay = await start(dir);
  for (const [name, lost] of [
    ['name2', partner],
    ['name3', id],
  ] as const) {
    const { ids, told } = await collected(relay, name);
    expect(ids).not.toContain(lost);
    expect(ids.at(-1)).toBe(`${name}-${ROUNDS - 1}`);
    expect(told.at(-1)).toContain('Lost: 36.');
  }
});

test('with salvage, a sound journal starts as usual', async () => {
  const dir = await filled();
  const losses: Loss[] = [];
  const relay = await start(dir, losses);
  expect(losses).toEqual([]);
  expect((await collected(relay, 'name3')).ids).toHaveLength(ROUNDS);
});
