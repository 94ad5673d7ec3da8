// The log on this computer's file system, with its own lock.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { Folder } from '../../../src/async/log/files.ts';
import type { Room } from '../../../src/async/log/log.ts';
import { Pool } from '../../../src/async/log/pool.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { systemFiles } from '../../../src/core/files.ts';
import { refusal, turns } from './bench.ts';
import { headerOf } from './forge.ts';
import { durably, filesIn, opened, SMALL, scratch, whenThereIsRoom } from './real-disk.ts';

test('what was appended comes back after closing and opening again, with its number, its state and its names', async () => {
  const dir = path.join(scratch(), 'new', 'folder');
  const first = await opened(dir);
  expect(first.owner).toMatchObject({ entries: [], state: '' });
  const lsns = await durably(first, 'one', 'two');
  expect((await first.log.read(lsns[1] ?? -1)).toString()).toBe('two');
  await first.log.checkpoint(() => ({
    segments: [0],
    size: 9,
    chunks: [Buffer.from('one and '), Buffer.from('two')],
  }));
  const [three = -1] = await durably(first, 'three');
  // Closing makes durable what is not yet.
  first.log.append(Buffer.from('fo'), Buffer.from('ur'));
  await first.log.close();

  const second = await opened(dir);
  expect(second.owner.state).toBe('one and two');
  expect(second.owner.entries.map(String)).toEqual(['three', 'four']);
  expect(second.owner.said).toEqual([]);
  expect(second.log.end).toBe(first.log.end);
  expect(second.log.durable).toBe(first.log.end);
  expect(second.owner.id).toEqual(first.owner.id);
  for (const [lsn, text] of [
    [lsns[0], 'one'],
    [lsns[1], 'two'],
    [three, 'three'],
  ] as const)
    expect((await second.log.read(lsn ?? -1)).toString()).toBe(text);
});

test('two logs have different stores and keys', async () => {
  const [a, b] = [await opened(scratch(), SMALL), await opened(scratch(), SMALL)];
  expect(a.owner.id.store).not.toBe(b.owner.id.store);
  expect(a.owner.id.key).toMatch(/^[0-9a-f]{32}$/);
  expect(a.owner.id.key).not.toBe(b.owner.id.key);
});

test('opening a log that is open fails with locked, until it is closed', async () => {
  const dir = scratch();
  const first = await opened(dir, SMALL);
  const before = filesIn(dir);
  expect((await refusal(opened(dir, SMALL))).code).toBe('locked');
  expect(filesIn(dir)).toEqual(before);
  await durably(first, 'one');
  await first.log.close();
  expect((await opened(dir, SMALL)).owner.entries.map(String)).toEqual(['one']);
});

test('an entry has from one byte to maxEntry, and nothing else is appended', async () => {
  const dir = scratch();
  const first = await opened(dir);
  const { maxEntry, end } = first.log;
  expect(maxEntry).toBeGreaterThan(1024 * 1024);
  for (const parts of [
    [],
    [Buffer.alloc(0)],
    [Buffer.alloc(maxEntry + 1)],
    [Buffer.alloc(maxEntry), Buffer.alloc(1)],
  ])
    expect(() => first.log.append(...parts)).toThrow(RangeError);
  expect(first.log.end).toBe(end);
  const sizes = [1, 2, maxEntry];
  const entries = sizes.map((size) => Buffer.alloc(size, `${size}`));
  const lsns = await durably(first, ...entries);
  await first.log.close();
  const second = await opened(dir);
  expect(second.owner.entries.map(({ length }) => length)).toEqual(sizes);
  for (const [index, entry] of entries.entries()) {
    expect(second.owner.entries[index]?.equals(entry)).toBe(true);
    expect((await second.log.read(lsns[index] ?? -1)).equals(entry)).toBe(true);
  }
});

test('while the next segment is being claimed, the end of this one is kept for what cannot wait', async () => {
  const log = await opened(scratch(), { smallest: 4096, largest: 16_384 });
  const entry = Buffer.alloc(100);
  await whenThereIsRoom(log, entry);
  const spare: number[] = [];
  // Each time as much as there is room for immediately, so that no file is made meanwhile.
  for (let burst = 0; burst < 40; burst++) {
    while (log.log.hasRoom(entry.length, 1000) === 'yes') log.log.append(entry);
    spare.push(log.log.spare);
    await log.owner.change();
  }
  expect(Math.min(...spare)).toBeGreaterThanOrEqual(4096 / 8);
  // If this did not happen, the test would show nothing.
  expect(Math.min(...spare)).toBeLessThan(4096 / 4);
});

test('thousands of entries of one byte come back in order', async () => {
  const dir = scratch();
  const first = await opened(dir);
  const bytes = Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 7) % 251));
  for (const [index, byte] of bytes.entries()) {
    first.log.append(Buffer.of(byte));
    if (index % 100 === 0) await first.owner.change();
  }
  await first.log.close();
  expect(Buffer.concat((await opened(dir)).owner.entries).equals(bytes)).toBe(true);
});

test('a new log takes less than 2 MB of the disk, and only its owner may read it', async () => {
  const dir = path.join(scratch(), 'log');
  await durably(await opened(dir), 'one');
  const stats = filesIn(dir).map((name) => statSync(path.join(dir, name)));
  const taken = stats.reduce((sum, { blocks }) => sum + blocks * 512, 0);
  expect(taken).toBeGreaterThan(1_000_000);
  expect(taken).toBeLessThan(2_000_000);
  if (process.platform === 'win32') return;
  expect(stats.map(({ mode }) => (mode & 0o777).toString(8))).toEqual(stats.map(() => '600'));
  expect((statSync(dir).mode & 0o777).toString(8)).toBe('700');
});

describe('a folder is refused and left as it is', () => {
  const version = { version: 3, lsn: 0, size: 4096, salt: '11', store: '22', key: '33', more: 'so' };
  test.each<[string, string, (dir: string) => unknown]>([
    [
      'if something else is in it',
      'not_a_journal',
      (dir) => writeFileSync(`${dir}/letter.txt`, 'Dear reader'),
    ],
    [
      'if it is a journal of detour 0.1',
      'old_journal',
      (dir) => writeFileSync(path.join(dir, '00000001.segment'), 'SEGMENT version=1'),
    ],
    [
      'if its log is of a later version',
      'new_journal',
      (dir) => writeFileSync(`${dir}/000000000000000.wal`, headerOf('SEGMENT', version)),
    ],
    [
      'if the header of a segment is damaged',
      'damaged_journal',
      (dir) => writeFileSync(`${dir}/000000000000000.wal`, 'SEGMENT version=3 crc=1\n'),
    ],
    [
      'if a folder has the name of a free file',
      'not_a_journal',
      (dir) => mkdirSync(`${dir}/0123456789abcdef.free`),
    ],
  ])('%s: %s', async (_, code, make) => {
    const dir = scratch();
    await make(dir);
    const contents = (): unknown[] =>
      filesIn(dir).map((name) => [
        name,
        statSync(`${dir}/${name}`).isFile() && readFileSync(`${dir}/${name}`, 'latin1'),
      ]);
    const before = contents();
    // Twice, to see that the lock is released.
    for (let i = 0; i < 2; i++) {
      const error = await refusal(opened(dir, SMALL));
      expect(error.code, error.message).toBe(code);
      if (code === 'old_journal') expect(error.hint).toContain('detour 0.1');
    }
    expect(contents()).toEqual(before);
  });

  test.skipIf(process.platform === 'win32')(
    'if a pipe has the name of a segment: opening does not wait for its other end',
    async () => {
      const dir = scratch();
      execFileSync('mkfifo', [`${dir}/000000000000000.wal`]);
      expect((await refusal(opened(dir, SMALL))).code).toBe('not_a_journal');
    },
  );

  test('if it is a file: not_a_directory', async () => {
    const file = path.join(scratch(), 'file');
    writeFileSync(file, 'x');
    for (const dir of [file, path.join(file, 'below')])
      expect((await refusal(opened(dir, SMALL))).code).toBe('not_a_directory');
    expect(readFileSync(file, 'latin1')).toBe('x');
  });
});

test('a folder is not refused for a hidden file, or for what a log leaves next to its files', async () => {
  const dir = scratch();
  for (const name of ['.gitkeep', '000000000000000.wal.512.torn', '000000000000000.wal.lost'])
    writeFileSync(`${dir}/${name}`, 'x');
  await durably(await opened(dir, SMALL), 'one');
});

test('what is appended in one turn is one commit, and what is appended while that is written is the next', async () => {
  const dir = scratch();
  // Each write of a commit waits until the test lets it through.
  const held: (() => void)[] = [];
  const writes: number[] = [];
  let holding = false;
  const files = {
    ...systemFiles,
    open: async (...[file, how]: Parameters<typeof systemFiles.open>) => {
      const inner = await systemFiles.open(file, how);
      const write = inner.writeDurably.bind(inner);
      const writeDurably: typeof write = async (bytes, position) => {
        if (holding) {
          writes.push(bytes.length);
          await new Promise<void>((resolve) => held.push(resolve));
        }
        return await write(bytes, position);
      };
      return Object.assign(inner, { writeDurably });
    },
  };
  const open = await opened(dir, { files });
  holding = true;
  const append = (count: number): void => {
    for (let i = 0; i < count; i++) open.log.append(Buffer.from('entry'));
  };
  append(10);
  expect(writes).toEqual([]);
  while (writes.length < 1) await turns();
  append(20);
  await turns();
  append(30);
  await turns();
  expect([writes.length, open.log.durable]).toEqual([1, 0]);
  held.shift()?.();
  while (writes.length < 2) await turns();
  expect(open.log.durable).toBeGreaterThan(0);
  holding = false;
  held.shift()?.();
  await open.log.close();
  // The size of a commit of n entries: its header, n records, and the zeros after it.
  expect(writes).toEqual([10, 50].map((count) => 32 + count * (8 + 5) + 32));
  expect((await opened(dir)).owner.entries).toHaveLength(60);
});

test('a log that was opened again grows with what must be appended, even if nobody asked for room', async () => {
  const dir = scratch();
  const first = await opened(dir, SMALL);
  for (let i = 0; i < 10; i++) await whenThereIsRoom(first, Buffer.alloc(1000, 'x'));
  await first.log.close();
  const second = await opened(dir, SMALL);
  for (let i = 0; i < 200; i++) {
    // Like the relay: what cannot be refused waits when even the reserve is used up.
    while (second.log.spare < 200) await second.owner.change();
    await durably(second, Buffer.alloc(100, 'y'));
  }
  await second.log.close();
  expect((await opened(dir, SMALL)).owner.entries).toHaveLength(210);
});

test('many entries of many segments are read at the same time, and no file is left open', async () => {
  const dir = scratch();
  const openFiles = (): number =>
    process.platform === 'linux'
      ? readdirSync('/proc/self/fd').filter((fd) => {
          try {
            return readlinkSync(`/proc/self/fd/${fd}`).startsWith(dir);
          } catch {
            return false;
          }
        }).length
      : 0;
  const open = await opened(dir, SMALL);
  const entries: [number, string][] = [];
  for (let i = 0; i < 250; i++) {
    const lsn = await whenThereIsRoom(open, Buffer.alloc(1000, `${i} `));
    entries.push([lsn ?? -1, `${i} `]);
    await durably(open);
  }
  expect(open.log.segments().length).toBeGreaterThan(64);
  await turns();
  const before = openFiles();
  expect(before).toBeLessThan(10);
  for (let round = 0; round < 3; round++) {
    const read = await Promise.all(entries.map(([lsn]) => open.log.read(lsn)));
    for (const [index, bytes] of read.entries())
      expect(bytes.equals(Buffer.alloc(1000, entries[index]?.[1] ?? '')), `entry ${index}`).toBe(true);
    expect(openFiles()).toBeLessThan(100);
  }
  await open.log.close();
  expect(openFiles()).toBe(0);
});

test('a checkpoint of the present size is made although there is no room for the file that a larger one would need', async () => {
  const { log, owner } = await opened(scratch(), { ...SMALL, maxBytes: 20_000 });
  const askedFor = async (checkpoint: number, answer: Room): Promise<void> => {
    while (log.hasRoom(10, checkpoint) !== answer) await owner.change();
  };
  await askedFor(1000, 'yes');
  await askedFor(10_000, 'no');
  for (const text of ['one', 'two', 'three']) {
    log.append(Buffer.from(text));
    await log.checkpoint(() => ({ segments: [], size: 300, chunks: [Buffer.from(text)] }));
  }
  // The larger request is forgotten.
  await askedFor(1000, 'yes');
  expect((await log.usage()).total).toBe(20_000);
});

test('on a full disk a checkpoint replaces the older one, if there is no other space for it', async () => {
  const dir = scratch();
  let room = Number.POSITIVE_INFINITY;
  const open = await opened(dir, { ...SMALL, files: { ...systemFiles, free: async () => room } });
  const { log, owner } = open;
  const checkpoint = async (text: string, size: number): Promise<void> => {
    log.append(Buffer.from(text));
    await log.checkpoint(() => ({ segments: [], size, chunks: [Buffer.from(text.padEnd(size))] }));
  };
  while (log.hasRoom(10, 1000) !== 'yes') await owner.change();
  await checkpoint('one', 200);
  await checkpoint('two', 200);
  room = 0;
  for (const text of ['three', 'four', 'five']) await checkpoint(text, 1500);
  await log.close();
  expect((await opened(dir)).owner.state).toBe('five'.padEnd(1500));
});

test('a free file that is taken while the space on the disk is checked is not removed to make room for another', async () => {
  const dir = scratch();
  let asked: (() => void) | undefined;
  const said = new Promise<number>((resolve) => {
    asked = () => resolve(500);
  });
  const folder = new Folder(dir, { ...systemFiles, free: () => said }, systemClock);
  const pool = new Pool(folder);
  const file = { path: path.join(dir, `${'0'.repeat(16)}.free`), size: 1000 };
  writeFileSync(file.path, Buffer.alloc(1000));
  pool.add(file);
  const made = pool.make(1200);
  await turns();
  expect(pool.take(900)).toEqual(file);
  asked?.();
  await expect(made).rejects.toThrow('no room on the disk');
  expect(filesIn(dir)).toEqual([path.basename(file.path)]);
});
