// Which segments are freed, and when.

import { describe, expect, test } from 'vitest';
import type { Lsn } from '../../../src/async/log/log.ts';
import { FILE_HEADER, named, opened, pathOf, SEGMENT, turns } from './bench.ts';
import { fieldsOf, headerOf } from './forge.ts';
import { entryOf, type TestOwner } from './owner.ts';
import type { SimulatedFiles } from './simulated-files.ts';
import { emptyDisk } from './torture.ts';

describe('a segment that is no longer needed', () => {
  const segment = SEGMENT - FILE_HEADER;

  /** Fills segments up to the one that begins at `until`. At the end nothing is held. */
  async function fill(owner: TestOwner, until: Lsn): Promise<void> {
    while (owner.log.end < until) await owner.send(500);
    owner.collect(Number.POSITIVE_INFINITY);
    await owner.settle();
  }

  /** Makes a checkpoint that points into these segments. */
  async function point(owner: TestOwner, ...segments: Lsn[]): Promise<void> {
    const { log, state } = owner;
    const chunks = [Buffer.from(JSON.stringify([state.count, state.next, [...state.held]]))];
    await log.checkpoint(() => ({ segments, size: 1000, chunks }));
    await turns();
  }

  const has = (files: SimulatedFiles, first: Lsn): boolean => named(files, 'wal').includes(first);

  test('stays until there are two checkpoints and the older one is not below its end', async () => {
    const files = emptyDisk();
    const owner = await opened(files);
    await fill(owner, segment);
    owner.free();
    await point(owner);
    expect(has(files, 0)).toBe(true);
    await fill(owner, 2 * segment);
    owner.free();
    await point(owner);
    // The end of the second segment is above the older checkpoint and below the newer.
    expect([has(files, 0), has(files, segment)]).toEqual([false, true]);
    await owner.send(30);
    await point(owner);
    expect(has(files, segment)).toBe(false);
    await owner.log.close();
    await opened(files.fork(), owner.decided);
  });

  test('stays while its owner has not said that it may go', async () => {
    const files = emptyDisk();
    const owner = await opened(files);
    await fill(owner, segment);
    for (let i = 0; i < 3; i++) {
      await owner.send(30);
      await point(owner);
    }
    expect(has(files, 0)).toBe(true);
    owner.log.free(0);
    await turns();
    expect(has(files, 0)).toBe(false);
  });

  test.each([
    ['older', [0], []],
    ['newer', [], [0]],
  ])('stays while the %s checkpoint points into it', async (_, older, newer) => {
    const files = emptyDisk();
    const owner = await opened(files);
    await fill(owner, segment);
    owner.log.free(0);
    for (const segments of [older, newer]) {
      await owner.send(30);
      await point(owner, ...segments);
      expect(has(files, 0)).toBe(true);
    }
    for (let i = 0; i < 2; i++) {
      await owner.send(30);
      await point(owner);
    }
    expect(has(files, 0)).toBe(false);
  });

  test('stays while it is being read, and is then freed by itself', async () => {
    const files = emptyDisk();
    const owner = await opened(files);
    await owner.send(500);
    const lsn = owner.state.held.get(1)?.lsn ?? -1;
    await fill(owner, segment);
    owner.log.free(0);
    await owner.send(30);
    await point(owner);
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    files.pause = (kind) => (kind === 'read' ? gate : undefined);
    const read = owner.log.read(lsn);
    await turns();
    await owner.send(30);
    await point(owner);
    expect(has(files, 0)).toBe(true);
    files.pause = undefined;
    release();
    expect(await read).toEqual(entryOf('SEND', 1, 500));
    await turns();
    expect(has(files, 0)).toBe(false);
    expect(owner.failure).toBeUndefined();
  });
});

// A crash leaves this if the segment after the next was made before the first commit of the next reached the disk.
test('two segments that were made in advance and are empty are filled and freed like all others', async () => {
  const files = emptyDisk();
  const first = await opened(files);
  await first.send(500);
  await first.log.close();
  const [, next = -1] = named(files, 'wal');
  const after = next + SEGMENT - FILE_HEADER;
  const header = headerOf('SEGMENT', {
    ...fieldsOf(files.contents(pathOf(next, 'wal'))),
    lsn: after,
    salt: '11',
  });
  files.setContents(pathOf(after, 'wal'), Buffer.concat([header, Buffer.alloc(SEGMENT - FILE_HEADER)]));

  const owner = await opened(files, first.decided);
  for (let i = 0; i < 40 && owner.failure === undefined; i++) {
    await owner.send(400);
    owner.collect(1);
    await owner.checkpoint();
    owner.free();
    await turns();
    const firsts = owner.log.segments().map((segment) => segment.first);
    expect(firsts).toEqual(named(files, 'wal'));
  }
  expect(owner.failure).toBeUndefined();
  expect(named(files, 'wal')).not.toContain(after);
  await owner.log.close();
  await opened(files, owner.decided);
});
