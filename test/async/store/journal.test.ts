import { existsSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
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
