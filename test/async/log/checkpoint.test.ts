// Making checkpoints: what is in them, when they get their names, what is thrown away, and which segments may be freed.

import { describe, expect, test } from 'vitest';
import { type LogId, type Lsn, MAX_CHUNK, type Owner, type Snapshot } from '../../../src/async/log/log.ts';
import { prng } from '../../../src/core/prng.ts';
import { contentsOf, DIR, named, opened, openingSmall, turns } from './bench.ts';
import { Decided, entryOf, type TestOwner } from './owner.ts';
import type { SimulatedFiles, StepKind } from './simulated-files.ts';
import { emptyDisk, untilKilled } from './torture.ts';

const checkpointsOf = (files: SimulatedFiles): Lsn[] => named(files, 'checkpoint');

/** An owner that records everything. */
class Listener implements Owner {
  readonly heard: string[] = [];
  async restore(_id: LogId, chunks: AsyncIterable<Buffer>): Promise<void> {
    let [text, count] = ['', 0];
    for await (const chunk of chunks) {
      text += chunk.toString('latin1');
      count += 1;
    }
    this.heard.push(`restore ${text} in ${count}`);
  }
  entry = (bytes: Buffer): void => void this.heard.push(bytes.toString('latin1'));
  lost = (): void => void this.heard.push('lost');
  durable = (): void => undefined;
  room = (): void => undefined;
  failed = (error: Error): void => void this.heard.push(`failed ${error}`);
  torn = (): void => void this.heard.push('torn');
  notice = (): void => void this.heard.push('notice');
}

/** Makes a checkpoint of these chunks in a log with one entry, and appends another. @returns what an owner hears at the next opening */
async function heardAfter(chunks: Snapshot['chunks']): Promise<string[]> {
  const files = emptyDisk();
  const log = await openingSmall(files)(new Listener());
  log.append(Buffer.from('before'));
  await log.checkpoint(() => ({ segments: [], size: 0, chunks }));
  log.append(Buffer.from('after'));
  await log.close();
  const listener = new Listener();
  await (await openingSmall(files)(listener)).close();
  return listener.heard;
}

describe('the state of a checkpoint', () => {
  const [a, b] = [Buffer.from('a'), Buffer.from('bc')];
  test.each<[string, Snapshot['chunks'], string]>([
    ['comes back chunk by chunk', [a, b], 'abc in 2'],
    ['may be empty', [], ' in 0'],
    ['may have empty chunks', [Buffer.alloc(0), a, Buffer.alloc(0), b], 'abc in 2'],
    [
      'may come asynchronously',
      (async function* () {
        await turns();
        yield a;
        await turns();
        yield b;
      })(),
      'abc in 2',
    ],
    [
      'may be generated while it is taken',
      (function* () {
        yield a;
        yield b;
      })(),
      'abc in 2',
    ],
    ['may be a chunk of the largest size', [Buffer.alloc(MAX_CHUNK, 'x')], `${'x'.repeat(MAX_CHUNK)} in 1`],
  ])('%s', async (_, chunks, heard) => {
    expect(await heardAfter(chunks)).toEqual([`restore ${heard}`, 'after']);
  });

  test('is taken synchronously, as of the end of the log, and what is appended later comes after it', async () => {
    const files = emptyDisk();
    const log = await openingSmall(files)(new Listener());
    log.append(Buffer.from('one'));
    const { end } = log;
    let taken = -1;
    const made = log.checkpoint((lsn) => {
      taken = lsn;
      return { segments: [], size: 0, chunks: [Buffer.from('one')] };
    });
    expect(taken).toBe(end);
    log.append(Buffer.from('two'));
    await made;
    await log.close();
    const listener = new Listener();
    await openingSmall(files)(listener);
    expect(listener.heard).toEqual(['restore one in 1', 'two']);
  });
});

const problem = new Error('the state cannot be read');
/** Yields chunks and then fails, synchronously or asynchronously. */
function* failing(...pieces: Buffer[]): Generator<Buffer> {
  yield* pieces;
  throw problem;
}
async function* failingLater(): AsyncGenerator<Buffer> {
  yield Buffer.from('a');
  await turns();
  throw problem;
}
const tooLarge = expect.objectContaining({
  name: 'RangeError',
  message: expect.stringContaining(`${MAX_CHUNK}`),
});

test.each<[string, () => Snapshot['chunks'], unknown]>([
  ['has a chunk above the largest size', () => [Buffer.alloc(MAX_CHUNK + 1)], tooLarge],
  ['fails at its first chunk', () => failing(), problem],
  ['fails after some chunks', () => failing(Buffer.from('a'), Buffer.from('b')), problem],
  ['fails later', failingLater, problem],
])('a checkpoint whose state %s is thrown away, and the log goes on', async (_, chunks, error) => {
  const files = emptyDisk();
  const owner = await opened(files);
  await owner.checkpoint();
  const before = checkpointsOf(files);
  const all = files.names(DIR).length;
  owner.append(entryOf('SEND', 1, 100));
  await expect(owner.log.checkpoint(() => ({ segments: [], size: 0, chunks: chunks() }))).rejects.toEqual(
    error,
  );
  await expect(
    owner.log.checkpoint(() => {
      throw problem;
    }),
  ).rejects.toThrow(problem);
  await turns();
  expect(checkpointsOf(files)).toEqual(before);
  expect(files.names(DIR).filter((name) => !/\.(wal|checkpoint|free)$/.test(name))).toEqual([]);
  expect(files.names(DIR).length).toBeLessThanOrEqual(all);
  expect(owner.failure).toBeUndefined();
  await owner.send(50);
  await owner.checkpoint();
  expect(checkpointsOf(files)).toEqual([...before, owner.log.end]);
  await owner.log.close();
  await opened(files.fork(), owner.decided);
});

test.each<[string, StepKind]>([
  ['written', 'write'],
  ['synced', 'sync'],
  ['opened', 'open'],
])('a checkpoint that cannot be %s is thrown away, and the log goes on', async (_, kind) => {
  const files = emptyDisk();
  const owner = await opened(files);
  await owner.send(100);
  await owner.settle();
  await turns();
  files.plan(1, 'EIO', { only: [kind] });
  await expect(owner.checkpoint()).rejects.toMatchObject({ code: 'EIO' });
  expect({ planned: files.planned, failure: owner.failure }).toEqual({ planned: 0, failure: undefined });
  expect(files.names(DIR).filter((name) => !/\.(wal|free)$/.test(name))).toEqual([]);
  await owner.send(100);
  await owner.checkpoint();
  await owner.log.close();
  await opened(files.fork(), owner.decided);
});

test('a checkpoint that cannot get its name ends the log, because nobody knows what the disk has then', async () => {
  const files = emptyDisk();
  const owner = await opened(files);
  // When room was asked for, a file for the checkpoint already exists.
  await owner.send(100);
  await owner.settle();
  await turns();
  files.plan(1, 'EIO', { only: ['rename'] });
  await expect(owner.checkpoint()).rejects.toMatchObject({ code: 'EIO' });
  expect(owner.failure).toMatchObject({ code: 'EIO' });
});

test('one checkpoint is made at a time, and never two of the same state', async () => {
  const files = emptyDisk();
  const owner = await opened(files);
  const first = owner.checkpoint();
  await expect(owner.checkpoint()).rejects.toThrow('already');
  await first;
  const after = contentsOf(files);
  await owner.checkpoint();
  expect(contentsOf(files)).toEqual(after);
});

test('the two newest checkpoints are kept', async () => {
  const files = emptyDisk();
  const owner = await opened(files);
  const made: number[] = [];
  for (let i = 0; i < 5; i++) {
    await owner.send(50);
    await owner.checkpoint();
    made.push(owner.log.end);
    expect(checkpointsOf(files)).toEqual(made.slice(-2));
  }
});

test('a checkpoint gets its name only when everything in it is durable', async () => {
  const files = emptyDisk();
  const owner = await opened(files);
  await owner.settle();
  await turns();
  let release = (): void => {};
  let held: Promise<void> | undefined;
  // The first sync from now on is that of the commit.
  files.pause = (kind) => {
    if (kind !== 'sync' || held !== undefined) return undefined;
    held = new Promise((resolve) => {
      release = resolve;
    });
    return held;
  };
  owner.append(entryOf('SEND', 1, 100));
  await turns();
  expect(held).toBeDefined();
  const made = owner.checkpoint();
  await turns();
  expect({ names: checkpointsOf(files), durable: owner.log.durable < owner.log.end }).toEqual({
    names: [],
    durable: true,
  });
  release();
  await made;
  expect(checkpointsOf(files)).toEqual([owner.log.end]);
  expect(owner.log.durable).toBe(owner.log.end);
});

describe.each(['kill', 'power cut'] as const)('a %s at any step of making a checkpoint', (how) => {
  test.each(['before', 'half', 'after'] as const)(
    '(%s it) leaves the old checkpoints or the new one, and never half of one',
    async (when) => {
      const outcomes = new Set<string>();
      for (let step = 1, killed = true; killed; step++) {
        const files = emptyDisk();
        const owner = await opened(files);
        for (let i = 0; i < 2; i++) {
          await owner.send(100);
          await owner.checkpoint();
        }
        await owner.send(100);
        await owner.settle();
        await turns();
        const before = checkpointsOf(files);
        const { end } = owner.log;
        files.plan(step, 'kill', { how: when });
        const dead = new Promise<true>((resolve) => {
          files.onKill = () => resolve(true);
        });
        killed = await Promise.race([dead, owner.checkpoint().then(() => false)]);
        if (how === 'kill') files.kill();
        else files.powerCut(prng(step));
        const found = checkpointsOf(files);
        const next = await opened(files.fork(), owner.decided);
        outcomes.add(found.map((lsn) => (lsn === end ? 'new' : before.indexOf(lsn))).join());
        expect({ notices: next.notices, found: found.length > 1 }).toEqual({ notices: [], found: true });
        await next.readAll();
      }
      expect(outcomes).toContain('0,1');
      expect(outcomes).toContain('1,new');
      expect([...outcomes].filter((one) => !['0,1', '0,1,new', '1,new'].includes(one))).toEqual([]);
    },
  );
});

/** A checkpoint of the owner's state that takes this many bytes. */
function largeCheckpoint({ log, text }: TestOwner, size: number): Promise<void> {
  const segments = log.segments().map(({ first }) => first);
  return log.checkpoint(() => ({ segments, size, chunks: [Buffer.from(text.padEnd(size))] }));
}

test.each(['kill', 'power cut'])(
  'on a full disk the older checkpoint is overwritten: after a %s at any step everything is there',
  async (end) => {
    const random = prng(1);
    const seen = new Set<number>();
    for (const how of ['before', 'half', 'after'] as const)
      for (let step = 1, killed = true; killed; step++) {
        const files = emptyDisk();
        const decided = new Decided();
        const owner = await opened(files, decided);
        for (let round = 0; round < 2; round++) {
          await owner.send(100);
          await owner.checkpoint();
        }
        await owner.send(100);
        await owner.settle();
        await turns();
        files.capacity = [...contentsOf(files).values()].reduce((sum, { length }) => sum + length, 0) + 2048;
        files.plan(step, 'kill', { how });
        killed = await untilKilled(files, () => largeCheckpoint(owner, 2500));
        if (end === 'kill') files.kill();
        else files.powerCut(random);
        const left = files.fork();
        left.capacity = Number.POSITIVE_INFINITY;
        seen.add(checkpointsOf(left).length);
        await (await opened(left, decided)).log.close();
      }
    expect([...seen].sort()).toEqual([1, 2]);
  },
);
