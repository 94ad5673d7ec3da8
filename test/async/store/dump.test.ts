import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import { type JournalItem, readJournal } from '../../../src/async/store/dump.ts';
import { FakeClock } from '../../fake-clock.ts';
import { durably, fastScratch, opened, send } from './bench.ts';
import { Model } from './model.ts';

const clock = new FakeClock();

async function all(dir: string): Promise<JournalItem[]> {
  const items: JournalItem[] = [];
  for await (const item of readJournal(dir, { clock })) items.push(item);
  return items;
}

function words(item: JournalItem): string {
  return item.kind === 'commit'
    ? `commit ${item.n}: ${item.records.map(({ record }) => record.kind).join(' ')}`.trim()
    : item.kind;
}

test('a journal is read while it is being written, without its lock, commit by commit', async () => {
  const dir = fastScratch();
  const { journal } = await opened(dir);
  await durably(journal, [send('bob', 1, 'hello'), { kind: 'open', to: 'bob' }]);
  await durably(journal, [{ kind: 'ack', to: 'bob', seq: 1 }]);
  const items = await all(dir);
  expect(items.map(words)).toEqual(['segment', 'commit 1: life', 'commit 2: send open', 'commit 3: ack']);
  const commit = items[2];
  if (commit?.kind !== 'commit') throw new Error('no commit');
  const bytes = readFileSync(commit.file);
  expect(bytes.toString('latin1', commit.offset, commit.offset + 10)).toBe('COMMIT n=2');
  const [first] = commit.records;
  expect(first && bytes.subarray(first.offset, first.offset + first.length).equals(first.bytes)).toBe(true);
  expect(first?.bytes.toString()).toMatch(/^SEND to=bob seq=1 .* size=5\nhello\n$/);
});

test('a large commit is read whole', async () => {
  const dir = fastScratch();
  const { journal } = await opened(dir);
  await durably(journal, [send('bob', 1, 'x'.repeat(300_000))]);
  expect((await all(dir)).map(words)).toContain('commit 2: send');
});

test('a torn tail is said, damage is an error with its place', async () => {
  const dir = fastScratch();
  const { journal } = await opened(dir);
  await durably(journal, [send('bob', 1, 'one')]);
  await durably(journal, [send('bob', 2, 'two')]);
  const file = path.join(dir, '00000001.segment');
  const bytes = readFileSync(file);
  await journal.close();
  const other = fastScratch();
  const last = bytes.lastIndexOf('COMMIT');
  writeFileSync(path.join(other, '00000001.segment'), bytes.subarray(0, last + 20));
  expect((await all(other)).at(-1)).toEqual({
    kind: 'unfinished',
    file: path.join(other, '00000001.segment'),
    offset: last,
  });
  // A later segment that goes on behind the lost commit shows that it was lost.
  const again = await opened(dir);
  await again.journal.close();
  const whole = readFileSync(file);
  const at = whole.lastIndexOf('COMMIT', whole.indexOf('two'));
  whole.write('q', whole.indexOf('two'));
  writeFileSync(file, whole);
  await expect(all(dir)).rejects.toMatchObject({
    code: 'damaged',
    message: expect.stringContaining(`${file}, at byte ${at}: commit 3 should stand here`),
  });
});

test('with an intact commit behind it a broken one is damage, as the relay says it; without, it may be in flight', async () => {
  const dir = fastScratch();
  const { journal } = await opened(dir);
  for (const [index, body] of ['one', 'two', 'three'].entries())
    await durably(journal, [send('bob', index + 1, body)]);
  const file = path.join(dir, '00000001.segment');
  const whole = readFileSync(file);
  await journal.close();
  const second = whole.lastIndexOf('COMMIT', whole.indexOf('two'));
  const third = whole.lastIndexOf('COMMIT', whole.indexOf('three'));
  // Bytes where the header was, bytes in the body, and zeros, which look like the end of all commits.
  for (const [at, bytes] of [
    [second + 9, 'XXXX'],
    [whole.indexOf('two'), 'q'],
    [second, '\0'.repeat(20)],
  ] as const) {
    const broken = Buffer.from(whole);
    broken.write(bytes, at, 'latin1');
    writeFileSync(file, broken);
    const refusal = {
      code: 'damaged',
      message: expect.stringContaining(`${file}, at byte ${second}: commit 3 is`),
    };
    await expect(opened(dir), 'the relay').rejects.toMatchObject(refusal);
    await expect(all(dir), 'from outside').rejects.toMatchObject(refusal);
  }

  writeFileSync(file, whole.subarray(0, third - 4));
  const stop = new AbortController();
  const hands = new FakeClock();
  const items = readJournal(dir, { follow: true, signal: stop.signal, clock: hands });
  for (const word of ['segment', 'commit 1: life', 'commit 2: send']) {
    const { value } = await items.next();
    expect(value && words(value)).toBe(word);
  }
  const next = items.next();
  await vi.waitFor(() => expect(hands.pending).toBe(1));
  hands.advance(100);
  await vi.waitFor(() => expect(hands.pending).toBe(1));
  writeFileSync(file, whole);
  hands.advance(100);
  const { value } = await next;
  expect(value && words(value)).toBe('commit 3: send');
  await items.return(undefined);
});

test('a journal that is followed goes on from segment to segment, and stops when asked', async () => {
  const dir = fastScratch();
  const model = new Model();
  const { journal, recovered } = await opened(dir, { segmentBytes: 1024 }, model);
  model.reborn(journal, recovered);
  const stop = new AbortController();
  const hands = new FakeClock();
  const seen: string[] = [];
  let came = (): void => {};
  const reading = (async () => {
    for await (const item of readJournal(dir, { follow: true, signal: stop.signal, clock: hands })) {
      seen.push(words(item));
      came();
    }
  })();
  const until = async (text: string): Promise<void> => {
    while (!seen.includes(text)) {
      hands.advance(100);
      await Promise.race([
        new Promise<void>((resolve) => (came = resolve)),
        new Promise((resolve) => setImmediate(resolve)),
      ]);
    }
  };
  await until('commit 1: life');
  for (let n = 1; n <= 12; n++) {
    model.send('bob', 'x'.repeat(200));
    await model.settled();
    await until(`commit ${n + 1}: send`);
  }
  expect(seen.filter((word) => word === 'segment').length).toBeGreaterThan(2);
  expect(seen.filter((word) => word.startsWith('commit'))).toHaveLength(13);
  stop.abort();
  await reading;
});

test('a reader who is overtaken by clearing away sees no damage, and in the end all that is held', async () => {
  const dir = fastScratch();
  const model = new Model();
  const { journal, recovered } = await opened(dir, { segmentBytes: 2048 }, model);
  model.reborn(journal, recovered);
  model.send('bob', 'held');
  const goOn = async (): Promise<void> => {
    for (let n = 0; n < 8; n++) {
      model.send('carol', 'x'.repeat(400));
      await model.settled();
      model.ack('carol', (model.mailbox('carol')?.next ?? 1) - 1);
      await model.settled();
    }
  };
  await goOn();
  let rounds = 0;
  let jumped = false;
  let seen = 0;
  let last = 0;
  for await (const item of readJournal(dir, { clock })) {
    if (item.kind === 'segment') {
      jumped ||= last > 0 && item.header.k > last + 1;
      last = item.header.k;
    }
    if (item.kind === 'commit')
      seen += item.records.filter(({ record }) => record.kind === 'send' && record.to === 'bob').length;
    // While one item is looked at, the journal goes on, and the file under the reader may become another.
    if (rounds++ < 20) await goOn();
  }
  expect(jumped, 'something was cleared away under the reader').toBe(true);
  expect(seen).toBeGreaterThanOrEqual(1);
});
