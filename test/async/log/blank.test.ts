// Segments that take nothing of the disk before they are written: on a disk with plenty of room, while much is being written.

import { expect, onTestFinished, test } from 'vitest';
import { openDiskLog } from '../../../src/async/log/disk.ts';
import { FakeClock } from '../../fake-clock.ts';
import { contentsOf, DIR, named, pathOf, turns } from './bench.ts';
import { Listener } from './real-disk.ts';
import { emptyDisk } from './torture.ts';

/** Two entries fit into a segment, and leave more than a block. In bytes. */
const SIZE = 8192;
const ENTRY = 3000;

/** A log in whose segments much is being written: no time passes. @param advance so much time before each entry, in milliseconds */
async function filled(advance: number) {
  const files = emptyDisk();
  const clock = new FakeClock();
  const lock = async () => async () => undefined;
  const sizes = { smallest: SIZE, largest: SIZE };
  const owner = new Listener();
  const log = await openDiskLog({ dir: DIR, files, clock, lock, ...sizes }, owner);
  // What waits for room ends when it is next tried.
  const close = async (): Promise<void> => {
    const closed = log.close();
    await turns();
    clock.advance(1000);
    await closed;
  };
  onTestFinished(() => close());
  const entries: string[] = [];
  const append = async (size: number): Promise<void> => {
    const entry = `${entries.length} `.padEnd(size, 'x');
    log.append(Buffer.from(entry));
    entries.push(entry);
    await turns();
  };
  while (named(files, 'wal').length < 5) {
    while (log.hasRoom(ENTRY, 100) !== 'yes') await owner.change();
    clock.advance(advance);
    await append(ENTRY);
  }
  await turns();
  return { files, log, owner, entries, append, close };
}

const free = (files: ReturnType<typeof emptyDisk>): number =>
  files.names(DIR).filter((name) => name.endsWith('.free')).length;

test('when the disk is full all of a sudden, what cannot be refused becomes durable: a file that was kept gives up its place', async () => {
  const { files, log, owner, entries, append, close } = await filled(0);
  const kept = free(files);
  // Another program takes all there is.
  files.capacity = [...contentsOf(files).keys()].reduce((sum, file) => sum + files.takes(file), 0);
  for (let n = 0; n < 8; n++) await append(100);
  expect(log.durable).toBe(log.end);
  expect(free(files)).toBe(kept - 1);
  log.hasRoom(ENTRY, 100);
  await turns();
  expect(log.hasRoom(ENTRY, 100)).toBe('no');
  expect(owner.failures).toEqual([]);
  await close();
  files.capacity = Number.POSITIVE_INFINITY;
  const again = new Listener();
  const lock = async () => async () => undefined;
  const second = await openDiskLog({ dir: DIR, files, clock: new FakeClock(), lock }, again);
  onTestFinished(() => second.close());
  expect(again.entries.map(String)).toEqual(entries);
});

test('a segment that is full is all there, and what is kept in reserve; the last ones are not', async () => {
  const { files } = await filled(0);
  const segments = named(files, 'wal').map((lsn) => files.takes(pathOf(lsn, 'wal')));
  expect(segments.slice(0, -2)).toEqual([SIZE, SIZE, SIZE]);
  for (const taken of segments.slice(-2)) expect(taken).toBeLessThan(SIZE);
  for (const [name, bytes] of contentsOf(files))
    if (name.endsWith('.free')) expect(files.takes(name)).toBeGreaterThanOrEqual(bytes.length);
});

test('while little is being written, all are there before they are used', async () => {
  const { files } = await filled(60_000);
  for (const lsn of named(files, 'wal')) expect(files.takes(pathOf(lsn, 'wal'))).toBe(SIZE);
});
