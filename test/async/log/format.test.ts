import { expect, test } from 'vitest';
import {
  COMMIT_HEADER,
  CommitBuilder,
  commitAt,
  isEnd,
  laterCommit,
  RECORD_HEADER,
  recordIntact,
  seedOf,
} from '../../../src/async/log/format.ts';

const seed = seedOf('90ab12cd34ef5678');

function commit(lsn: number, number: number, entries: readonly string[], from = seed): Buffer {
  const builder = new CommitBuilder(lsn, from);
  for (const entry of entries) builder.add([Buffer.from(entry)], entry.length);
  return builder.seal(number, 1_000_000);
}

test('a commit is found where it was written, with its records, and the end after it', () => {
  const bytes = commit(70_000, 7, ['one', 'two']);
  const found = commitAt(bytes, 0, 70_000, seed);
  expect(found).toMatchObject({ head: { number: 7, size: bytes.length - COMMIT_HEADER }, intact: true });
  expect(found.records.map((record) => record.bytes.toString())).toEqual(['one', 'two']);
  expect(found.records.map(({ lsn }) => lsn)).toEqual([70_032, 70_032 + RECORD_HEADER + 3]);
  expect(isEnd(bytes, bytes.length - COMMIT_HEADER)).toBe(true);
});

test('anywhere else it is not a commit: the CRC is right, but the LSN is not', () => {
  expect(commitAt(commit(70_000, 7, ['one']), 0, 70_001, seed)).toMatchObject({
    head: undefined,
    intact: false,
  });
});

// This is what a recycled file held before, or what a message spells whose sender cannot know the salt.
test('with another salt, or none, it is not a commit', () => {
  expect(seedOf('90ab12cd34ef5678')).not.toBe(seedOf('90ab12cd34ef5679'));
  for (const other of [0, seedOf(''), seedOf('90ab12cd34ef5679')]) {
    const bytes = commit(70_000, 7, ['one'], other);
    expect(commitAt(bytes, 0, 70_000, seed).head).toBeUndefined();
    expect(laterCommit(bytes, 0, 70_000, seed, 0)).toBeUndefined();
  }
});

test('records of an earlier commit in the same place do not count as its own', () => {
  // A new header with older records: a crash can leave this of a commit that was begun twice.
  const older = commit(70_000, 7, ['one', 'old']);
  const bytes = commit(70_000, 7, ['one', 'new']);
  older.copy(bytes, COMMIT_HEADER, COMMIT_HEADER);
  const found = commitAt(bytes, 0, 70_000, seed);
  expect(found.records.every(({ intact }) => intact)).toBe(true);
  expect(found).toMatchObject({ head: { number: 7 }, intact: false });
});

test('a record is read only at its own LSN', () => {
  const bytes = commit(70_000, 7, ['one']).subarray(COMMIT_HEADER, COMMIT_HEADER + RECORD_HEADER + 3);
  expect(recordIntact(bytes, 70_032, seed)).toBe(true);
  expect(recordIntact(bytes, 70_033, seed)).toBe(false);
});

test('a later commit is found by its higher number, wherever it begins; one with a lower number is not', () => {
  const bytes = Buffer.concat([Buffer.alloc(50, 'x'), commit(70_050, 9, ['one'])]);
  expect(laterCommit(bytes, 0, 70_000, seed, 8)).toBe(50);
  expect(laterCommit(bytes, 0, 70_000, seed, 9)).toBeUndefined();
  expect(laterCommit(bytes, 51, 70_000, seed, 8)).toBeUndefined();
});
