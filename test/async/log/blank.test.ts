// Segments that take their disk space only as they are written: on a disk with plenty of space, while a lot is being written.

import { expect, onTestFinished, test } from 'vitest';
import { openDiskLog } from '../../../src/async/log/disk.ts';
import { FakeClock } from '../../fake-clock.ts';
import { contentsOf, DIR, named, pathOf, turns } from './bench.ts';
import { Listener } from './real-disk.ts';
import type { SimulatedFiles } from './simulated-files.ts';
import { emptyDisk } from './torture.ts';

/** The size of an entry, in bytes: two of them fit into a segment and leave more than a block. */
const SIZE = 8192;
const ENTRY = 3000;

/** A log on this disk, and an owner that notes what it appends. */
async function open(files: SimulatedFiles, size = SIZE) {
  const clock = new FakeClock();
  const lock = async () => async () => undefined;
  const sizes = { smallest: size, largest: size };
  const owner = new Listener();
  const log = await openDiskLog({ dir: DIR, files, clock, lock, ...sizes }, owner);
  // What waits for room ends at the next attempt.
  const close = async (): Promise<void> => {
    const closed = log.close();
    await turns();
    clock.advance(1000);
    await closed;
  };
  onTestFinished(() => close());
  const entries = owner.entries.map(String);
  const append = async (size: number): Promise<void> => {
    const entry = `${entries.length} `.padEnd(size, 'x');
    log.append(Buffer.from(entry));
    entries.push(entry);
    await turns();
  };
  return { files, clock, log, owner, entries, append, close };
}

type Opened = Awaited<ReturnType<typeof open>>;

/** Goes on until there are this many segments. @param advance how much time passes before each entry, in milliseconds */
async function filled(one: Opened, advance: number, entry = ENTRY, segments = 5): Promise<Opened> {
  const { files, clock, log, owner, append } = one;
  while (named(files, 'wal').length < segments) {
    while (log.hasRoom(entry, 100) !== 'yes') await owner.change();
    clock.advance(advance);
    await append(entry);
  }
  await turns();
  return one;
}

/** The disk space that the segments take. */
const taken = (files: SimulatedFiles): number[] =>
  named(files, 'wal').map((lsn) => files.takes(pathOf(lsn, 'wal')));

/** Fills the disk, as another program would, except for this many bytes. */
function takeAll(files: SimulatedFiles, left = 0): void {
  files.capacity = left + [...contentsOf(files).keys()].reduce((sum, file) => sum + files.takes(file), 0);
}

/** Makes entries durable that cannot be refused: half of what two segments hold. */
async function goesOn({ log, owner, append }: Opened): Promise<void> {
  for (let n = 0; n < 60; n++) await append(100);
  expect(log.durable).toBe(log.end);
  expect(owner.failures).toEqual([]);
}

test('while a lot is being written, the last two segments are not fully allocated, but those before them and the reserve are', async () => {
  const { files } = await filled(await open(emptyDisk()), 0);
  expect(taken(files).slice(0, -2)).toEqual([SIZE, SIZE, SIZE]);
  for (const bytes of taken(files).slice(-2)) expect(bytes).toBeLessThan(SIZE);
  for (const [name, bytes] of contentsOf(files))
    if (name.endsWith('.free')) expect(files.takes(name)).toBeGreaterThanOrEqual(bytes.length);
});

test('while little is being written, segments are fully allocated before they are used', async () => {
  const { files } = await filled(await open(emptyDisk()), 60_000);
  expect(taken(files)).toEqual(Array(5).fill(SIZE));
});

test.each([
  ['when the load has ended', false],
  ['when the log is opened again', true],
])(
  '%s they are allocated at the next check: another program may take all that is left',
  async (_when, reopened) => {
    const before = await filled(await open(emptyDisk()), 0);
    const { files } = before;
    if (reopened) await before.close();
    const one = reopened ? await open(files) : before;
    expect(taken(files).at(-1)).toBeLessThan(SIZE);
    await one.log.usage();
    await turns();
    expect(taken(files)).toEqual(Array(5).fill(SIZE));
    takeAll(files);
    await goesOn(one);
    expect(one.log.hasRoom(ENTRY, 100)).not.toBe('yes');
    await one.close();
    expect((await open(files)).entries).toEqual(one.entries);
  },
);

test('they are also allocated under load when there is no longer plenty of space', async () => {
  const [size, much] = [1024 * 1024, 900_000];
  const one = await filled(await open(emptyDisk(), size), 0, much, 20);
  await one.log.usage();
  await filled(one, 0, much, 40);
  await one.log.usage();
  await turns();
  expect(taken(one.files).at(-1)).toBeLessThan(size);
  await filled(one, 0, much, 60);
  takeAll(one.files, 50 * size);
  await one.log.usage();
  await turns();
  expect(taken(one.files)).toEqual(Array(60).fill(size));
});

test('when allocation fails, nothing is delayed: what fits is written, and the next check tries again', async () => {
  const one = await filled(await open(emptyDisk()), 0);
  takeAll(one.files, 1024);
  await one.log.usage();
  await one.append(100);
  expect(one.log.durable).toBe(one.log.end);
  one.files.capacity = Number.POSITIVE_INFINITY;
  await one.log.usage();
  await turns();
  expect(taken(one.files)).toEqual(Array(5).fill(SIZE));
});
