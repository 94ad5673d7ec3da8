import { copyFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { JournalOptions } from '../../../src/async/store/journal.ts';
import { fastScratch, type Opened, opened } from './bench.ts';
import { Model, recoveredState } from './model.ts';

const S = 4096;

async function living(
  dir: string,
  options: Partial<JournalOptions> = {},
): Promise<Opened & { readonly model: Model }> {
  const model = new Model();
  const life = await opened(dir, { segmentBytes: S, ...options }, model);
  model.reborn(life.journal, life.recovered);
  return { ...life, model };
}

function onDisk(dir: string): number {
  return readdirSync(dir).reduce(
    (sum, name) => sum + (statSync(path.join(dir, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}

function segments(dir: string): string[] {
  return readdirSync(dir).filter((name) => name.endsWith('.segment'));
}

// Mail that comes and is collected at once: all of it is garbage soon.
async function traffic(model: Model, messages: number, each: () => void = () => {}): Promise<void> {
  for (let n = 0; n < messages; n++) {
    model.send('carol', 'x'.repeat(500));
    await model.settled();
    model.ack('carol', (model.mailbox('carol')?.next ?? 1) - 1);
    await model.settled();
    each();
  }
}

test('one recipient who never comes does not pin the disk', async () => {
  const dir = fastScratch();
  const { model, journal } = await living(dir);
  for (let n = 1; n <= 20; n++) model.send('bob', `${n} `.repeat(150));
  await model.settled();
  const live = 20 * 600;
  let most = 0;
  await traffic(model, 400, () => {
    most = Math.max(most, onDisk(dir));
  });
  // Twice what is held, three segments of slack, the one being written, two spares; the rest is what comes while one is being cleared away.
  // In all it was 400 times 560 bytes.
  expect(most).toBeLessThan(2 * live + 12 * S);
  expect(model.moves).toBeGreaterThanOrEqual(20);
  expect(await model.wrongBodies()).toEqual([]);
  await journal.close();
  const again = await opened(dir, { segmentBytes: S });
  expect(await recoveredState(again.journal, again.recovered)).toEqual(model.state());
});

test('once all is collected the files go', async () => {
  const dir = fastScratch();
  const { model } = await living(dir);
  for (let n = 1; n <= 200; n++) model.send('bob', 'x'.repeat(500));
  await model.settled();
  expect(onDisk(dir)).toBeGreaterThan(100_000);
  model.ack('bob', 200);
  await model.settled();
  while (segments(dir).length > 5) await new Promise((resolve) => setTimeout(resolve, 1));
});

test('numbering, watermark, tried and remembered ids outlive every segment in which they stood', async () => {
  const dir = fastScratch();
  const { model, journal } = await living(dir);
  model.send('ann', 'collected', 's1');
  model.send('ann', 'held');
  model.open('ann');
  model.ack('ann', 1);
  await model.settled();
  await traffic(model, 100);
  expect(existsSync(path.join(dir, '00000001.segment'))).toBe(false);
  await journal.close();
  const again = await opened(dir, { segmentBytes: S });
  expect(again.recovered.mailboxes.get('ann')).toMatchObject({
    next: 3,
    watermark: 1,
    tried: 2,
    messages: [{ seq: 2 }],
  });
  expect(again.recovered.remembered).toMatchObject([{ id: 'i0', session: 's1', to: 'ann', seq: 1, size: 9 }]);
});

test('a name that was forgotten and came back has its new messages, not the old ones of the same number', async () => {
  const dir = fastScratch();
  const { model, journal } = await living(dir);
  model.send('w-1', 'old');
  await model.settled();
  model.ack('w-1', 1);
  model.forget('w-1');
  // Into another segment, which goes later than the one with the old message.
  await traffic(model, 10);
  expect(segments(dir)).toContain('00000001.segment');
  model.send('w-1', 'new');
  await model.settled();
  await traffic(model, 100);
  expect(existsSync(path.join(dir, '00000001.segment'))).toBe(false);
  expect(await model.wrongBodies()).toEqual([]);
  await journal.close();
  const again = await opened(dir, { segmentBytes: S });
  expect(await recoveredState(again.journal, again.recovered)).toEqual(model.state());
});

test('a body that is being read while its segment goes is read', async () => {
  const { model, journal } = await living(fastScratch());
  for (let n = 1; n <= 8; n++) model.send('bob', `${n} `.repeat(200));
  await model.settled();
  const reads: Promise<string[]>[] = [];
  await traffic(model, 150, () => {
    reads.push(model.wrongBodies('bob'));
  });
  expect((await Promise.all(reads)).flat()).toEqual([]);
  expect(model.moves).toBeGreaterThan(8);
  await journal.close();
});

test('a segment that was let go and that a crash brought back does not count', async () => {
  const dir = fastScratch();
  const { model, journal } = await living(dir);
  model.send('bob', 'expires');
  await model.settled();
  const old = path.join(fastScratch(), 'old');
  copyFileSync(path.join(dir, '00000001.segment'), old);
  model.expire('bob', 1);
  await traffic(model, 100);
  await journal.close();
  const file = path.join(dir, '00000001.segment');
  expect(existsSync(file)).toBe(false);
  writeFileSync(file, readFileSync(old));
  const again = await opened(dir, { segmentBytes: S });
  expect(await recoveredState(again.journal, again.recovered)).toEqual(model.state());
  expect(existsSync(file)).toBe(false);
});

test('many short lives do not leave many files', async () => {
  const dir = fastScratch();
  for (let n = 1; n <= 40; n++) {
    const { model, journal } = await living(dir, { segmentBytes: 16 * 1024 });
    model.open('bob');
    model.send('bob', String(n));
    await model.settled();
    // One turn for clearing away what an earlier life left.
    while (segments(dir).length > 24) await new Promise((resolve) => setTimeout(resolve, 1));
    await journal.close();
  }
  expect(segments(dir).length).toBeLessThanOrEqual(25);
});

test('a damaged old segment stays, and so does the relay', async () => {
  const dir = fastScratch();
  const { model, journal, events, failures } = await living(dir);
  model.send('bob', 'precious');
  await model.settled();
  const file = path.join(dir, '00000001.segment');
  await traffic(model, 8);
  const bytes = readFileSync(file);
  bytes.write('q', bytes.indexOf('precious'));
  writeFileSync(file, bytes);
  await traffic(model, 100);
  expect(failures).toEqual([]);
  expect(events.filter(({ event }) => event === 'notice')).toHaveLength(1);
  expect(readFileSync(file).equals(bytes)).toBe(true);
  await expect(
    journal.read({
      segment: 1,
      offset: bytes.indexOf('SEND'),
      length: bytes.indexOf('qrecious') + 9 - bytes.indexOf('SEND'),
    }),
  ).rejects.toMatchObject({
    code: 'damaged',
    message: expect.stringContaining('00000001.segment, at byte'),
  });
});
