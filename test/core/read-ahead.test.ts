// One read brings what comes after it, too. What was kept is never mistaken for what is in the file now.

import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type FileSystem, systemFiles } from '../../src/core/files.ts';
import { ReadAhead } from '../../src/core/read-ahead.ts';
import { tempDir } from '../harness.ts';

/** Files that record how many bytes each read asked for. */
function noting(): { files: FileSystem; asked: number[] } {
  const asked: number[] = [];
  const files: FileSystem = {
    ...systemFiles,
    open: async (file, how) => {
      const open = await systemFiles.open(file, how);
      const read: typeof open.read = (into, at) => {
        asked.push(into.length);
        return open.read(into, at);
      };
      return { ...open, read };
    },
  };
  return { files, asked };
}

const KB = 1024;

/** A file of this many bytes, each with the low bits of its offset. */
function aFile(size: number): string {
  const file = join(tempDir(), 'file');
  writeFileSync(file, bytes(0, size));
  return file;
}

const bytes = (from: number, to: number): Buffer =>
  Buffer.from(Array.from({ length: to - from }, (_, n) => (from + n) % 251));

test('the first read at an offset is small, one that continues it is large, and both are kept', async () => {
  const { files, asked } = noting();
  const ahead = new ReadAhead(files);
  const file = aFile(600 * KB);
  expect(ahead.kept(file, 0)).toHaveLength(0);
  expect(await ahead.read(file, 100, 8)).toEqual(bytes(100, 100 + 8 * KB));
  expect(ahead.kept(file, 200)).toEqual(bytes(200, 100 + 8 * KB));
  expect(ahead.kept(file, 99)).toHaveLength(0);
  expect(ahead.kept(file, 100 + 8 * KB)).toHaveLength(0);
  await ahead.read(file, 9 * KB, 8);
  expect(ahead.kept(file, 260 * KB)).toEqual(bytes(260 * KB, 265 * KB));
  await ahead.read(file, 500, 300 * KB);
  expect(asked).toEqual([8 * KB, 256 * KB, 300 * KB]);
  expect(ahead.kept(file, 290 * KB)).toHaveLength(0);
  expect(await ahead.read(file, 599 * KB, 8)).toHaveLength(KB);
});

test('reading the same again reads the file; sixteen reads are kept', async () => {
  const { files } = noting();
  const ahead = new ReadAhead(files);
  const file = aFile(10);
  await ahead.read(file, 0, 20);
  appendFileSync(file, bytes(10, 20));
  expect(ahead.kept(file, 0)).toEqual(bytes(0, 10));
  expect(await ahead.read(file, 0, 20)).toEqual(bytes(0, 20));
  expect(ahead.kept(file, 0)).toEqual(bytes(0, 20));
  const others = Array.from({ length: 16 }, () => aFile(1));
  for (const other of others) await ahead.read(other, 0, 1);
  expect(ahead.kept(file, 0)).toHaveLength(0);
  for (const other of others) expect(ahead.kept(other, 0)).toEqual(bytes(0, 1));
});
