// Deleting a log: what goes and what stays, and a crash at every step of it.

import { expect, test } from 'vitest';
import { deleteLog } from '../../../src/async/log/clear.ts';
import { prng } from '../../../src/core/prng.ts';
import { contentsOf, DIR, differing, opened, openingSmall, refusal } from './bench.ts';
import { Decided, TestOwner } from './owner.ts';
import type { SimulatedFiles } from './simulated-files.ts';
import { emptyDisk, untilKilled } from './torture.ts';

const yes = async (): Promise<boolean> => true;
const lock = async (): Promise<() => Promise<void>> => async () => undefined;
const remove = (files: SimulatedFiles, confirm = yes) => deleteLog(DIR, confirm, files, lock);

/** A closed log of several segments with two checkpoints. */
async function filled(decided = new Decided()): Promise<SimulatedFiles> {
  const files = emptyDisk();
  const owner = await opened(files, decided);
  for (let i = 0; i < 12; i++) {
    await owner.send(600);
    await owner.settle();
    if (i % 5 === 4) await owner.checkpoint();
  }
  await owner.log.close();
  return files;
}

test('the files of the log go, also copies of damaged parts; files of others stay', async () => {
  const files = await filled();
  for (const copy of ['000000000000000.wal.600.torn', '000000000000000.wal.lost'])
    files.setContents(`${DIR}/${copy}`, Buffer.from('a copy'));
  for (const other of ['notes.txt', 'old.torn', '12.wal', 'abc.new'])
    files.setContents(`${DIR}/${other}`, Buffer.from('of somebody else'));
  expect(files.names(DIR).length).toBeGreaterThan(10);
  expect(await remove(files)).toBe('deleted');
  const rest = [...files.names(DIR)].sort();
  expect(rest.filter((name) => !name.endsWith('.free'))).toEqual([
    '12.wal',
    'abc.new',
    'notes.txt',
    'old.torn',
  ]);
  expect(rest.filter((name) => name.endsWith('.free'))).toHaveLength(1);
  // Although only files of others are left, a new log can begin here, and it can be deleted again.
  const owner = await opened(files);
  await owner.settle();
  await owner.log.close();
  expect(await remove(files)).toBe('deleted');
});

test('without a yes nothing changes, and without a log nobody is asked', async () => {
  const files = await filled();
  const before = contentsOf(files);
  expect(await remove(files, async () => false)).toBe('kept');
  const failing = (): Promise<boolean> => Promise.reject(new Error('asked'));
  await expect(remove(files, failing)).rejects.toThrow('asked');
  expect(differing(before, contentsOf(files))).toEqual([]);
  expect(await remove(emptyDisk(), failing)).toBe('none');
});

test('a folder with something else in it is refused, even if a name in it is that of a segment', async () => {
  const files = emptyDisk();
  files.setContents(`${DIR}/thesis.txt`, Buffer.from('of somebody else'));
  expect((await refusal(remove(files))).code).toBe('not_a_journal');
  files.setContents(`${DIR}/000000000000000.wal`, Buffer.alloc(4096, 'x'));
  expect((await refusal(remove(files))).code).toBe('not_a_journal');
  expect(files.names(DIR)).toHaveLength(2);
});

test('a crash at any step leaves the old log, or one that opens empty', async () => {
  const decided = new Decided();
  const full = await filled(decided);
  const count = decided.states.size - 1;
  const whole = full.fork();
  await remove(whole);
  const steps = whole.steps;
  expect(steps).toBeGreaterThan(15);
  const seen = { old: 0, empty: 0 };
  for (let step = 1; step <= steps; step++) {
    for (const [power, how] of [
      [false, 'before'],
      [false, 'after'],
      [true, 'before'],
      [true, 'after'],
    ] as const) {
      const files = full.fork();
      files.plan(step, 'kill', { how });
      await untilKilled(files, () => remove(files));
      if (power) files.powerCut(prng(step));
      const next = files.fork();
      // Either the next relay begins with it as it is, or it is to be deleted again.
      const again = next.fork();
      expect(await remove(again, yes), `step ${step}`).toMatch(/^(deleted|none)$/);
      expect(again.names(DIR).filter((name) => !/^[0-9a-f]{16}\.free$/.test(name))).toEqual([]);
      const came: number[] = [];
      const owner = new TestOwner(new Decided());
      Object.assign(owner.decided, { check: () => came.push(owner.state.count) });
      await owner.open(openingSmall(next));
      expect([0, count], `step ${step}`).toContain(came[0]);
      expect(owner.lostParts).toEqual([]);
      seen[came[0] === 0 ? 'empty' : 'old'] += 1;
      await owner.log.close();
    }
  }
  expect(seen.old).toBeGreaterThan(3);
  expect(seen.empty).toBeGreaterThan(30);
});
