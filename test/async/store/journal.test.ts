import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { holdLock } from '../../../src/net/lock.ts';
import { durably, held, opened, scratch, send } from './bench.ts';

describe('a journal that is closed and opened again', () => {
  test('brings back what was held, with its bodies, and not what was acknowledged or expired', async () => {
    const dir = scratch();
    const first = await opened(dir);
    await durably(first.journal, [
      send('bob', 1, 'one'),
      send('bob', 2, 'two', { ttl: 60, notify: 'alice' }),
    ]);
    await durably(first.journal, [
      send('bob', 3, 'three', { session: 's1' }),
      send('carol', 1, '', { notice: 'bounce', tried: 'no' }),
    ]);
    await durably(first.journal, [
      { kind: 'open', to: 'bob' },
      { kind: 'ack', to: 'bob', seq: 1 },
      { kind: 'expire', to: 'bob', seq: 3 },
    ]);
    await first.journal.close();

    const { journal, recovered, events } = await opened(dir);
    expect(held(recovered)).toEqual(['bob/2', 'carol/1']);
    expect(recovered.mailboxes.get('bob')).toMatchObject({ next: 4, watermark: 1, tried: 3, open: false });
    expect(recovered.mailboxes.get('carol')).toMatchObject({ next: 2, watermark: 0, tried: 0, open: false });
    expect(recovered.remembered).toMatchObject([
      { session: 's1', from: 'alice', id: 'bob-3', to: 'bob', seq: 3, size: 5 },
    ]);
    const [two] = recovered.mailboxes.get('bob')?.messages ?? [];
    expect(two).toMatchObject({ id: 'bob-2', from: 'alice', ttl: 60, notify: 'alice', size: 3 });
    expect(two && (await journal.read(two.ref)).toString()).toBe('two');
    expect(events).toContainEqual({ event: 'recovered', messages: 2, mailboxes: 2, dir });
    expect(journal.token).toBe(first.journal.token);
  });

  test('keeps its promises over many segments', async () => {
    const dir = scratch();
    const first = await opened(dir);
    const texts = Array.from({ length: 60 }, (_, i) => `${i} `.repeat(100));
    const refs = (
      await Promise.all(texts.map((text, i) => durably(first.journal, [send('bob', i + 1, text)])))
    ).flat();
    expect(new Set(refs.map((ref) => ref.segment)).size).toBeGreaterThan(2);
    await first.journal.close();
    const { journal, recovered } = await opened(dir);
    const messages = recovered.mailboxes.get('bob')?.messages ?? [];
    const bodies = await Promise.all(messages.map(({ ref }) => journal.read(ref)));
    expect(bodies.map(String)).toEqual(texts);
  });
});

test('what is appended together and in one turn is durable in order', async () => {
  const { journal } = await opened(scratch());
  const order: number[] = [];
  await Promise.all(
    [0, 1, 2, 3].map(
      (i) =>
        new Promise<void>((done) =>
          journal.append([send('bob', i + 1, 'x')], () => done(void order.push(i))),
        ),
    ),
  );
  expect(order).toEqual([0, 1, 2, 3]);
});

test('a body that was just written need not be read', async () => {
  const { journal } = await opened(scratch());
  const [ref] = await durably(journal, [send('bob', 1, 'hello')]);
  expect(ref && journal.recent(ref)?.toString()).toBe('hello');
});

test('a file in place of the directory is said to be one', async () => {
  const dir = `${scratch()}/file`;
  writeFileSync(dir, '');
  await expect(opened(dir)).rejects.toMatchObject({ code: 'not_a_directory' });
  expect(existsSync(dir)).toBe(true);
});

test('of two that open at once in spite of the lock, one at most goes on, and nothing is lost', async () => {
  const dir = scratch();
  const first = await opened(dir);
  await durably(first.journal, [send('bob', 1, 'one')]);
  await first.journal.close();
  for (let round = 0; round < 10; round++) {
    const both = await Promise.allSettled([opened(dir), opened(dir), opened(dir)]);
    const codes = both.map((result) => (result.status === 'rejected' ? result.reason.code : 'open'));
    expect(codes.filter((code) => code === 'open').length, codes.join()).toBeLessThanOrEqual(1);
    expect(codes.filter((code) => code !== 'open' && code !== 'locked')).toEqual([]);
    for (const result of both) if (result.status === 'fulfilled') await result.value.journal.close();
    const next = await opened(dir);
    expect(held(next.recovered)).toEqual(['bob/1']);
    await next.journal.close();
  }
});

test("a value that would break the grammar is the caller's defect and is not written", async () => {
  const dir = scratch();
  const { journal } = await opened(dir);
  expect(() => journal.append([send('bob', 1, 'one'), send('b b', 1, 'two')])).toThrow(RangeError);
  expect(() => journal.append([{ kind: 'ack', to: 'bob', seq: Number.NaN }])).toThrow(RangeError);
  await durably(journal, [send('bob', 1, 'three')]);
  await journal.close();
  expect(held((await opened(dir)).recovered)).toEqual(['bob/1']);
});

test('a message larger than a segment has a segment of its own', async () => {
  const dir = scratch();
  const { journal } = await opened(dir);
  await durably(journal, [send('bob', 1, 'small')]);
  await durably(journal, [send('bob', 2, 'x'.repeat(100_000))]);
  await durably(journal, [send('bob', 3, 'small')]);
  await journal.close();
  const again = await opened(dir);
  const sizes = again.recovered.mailboxes.get('bob')?.messages.map(({ size }) => size);
  expect(sizes).toEqual([5, 100_000, 5]);
});

test('a journal that another holds is said to be locked', async () => {
  const dir = scratch();
  const first = await opened(dir, { lock: holdLock });
  await expect(opened(dir, { lock: holdLock })).rejects.toMatchObject({ code: 'locked' });
  await first.journal.close();
  await opened(dir, { lock: holdLock });
});

test.skipIf(process.platform === 'win32' || process.getuid?.() === 0)(
  'a directory that may not be written is said so',
  async () => {
    const dir = scratch();
    chmodSync(dir, 0o500);
    await expect(opened(dir)).rejects.toMatchObject({
      code: 'EACCES',
      message: expect.stringContaining(dir),
    });
  },
);
