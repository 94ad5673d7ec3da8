// `detour async list`: the table, and the events of --json; and the library's function, which asks for page after page.

import { expect, onTestFinished, test } from 'vitest';
import { deposit, list, memoryLog, openDepositor, startRelay } from '../../src/index.ts';
import { runInside } from './inside.ts';

async function relay(): Promise<string> {
  const started = await startRelay({ log: memoryLog(), port: 0 });
  onTestFinished(() => started.close());
  return `127.0.0.1:${started.port}`;
}

test('a row for each message, and no text of any', async () => {
  const place = await relay();
  await deposit(place, 'bob', 'a secret', { as: 'anna', id: 'a-1' });
  await deposit(place, 'bob', 'x', { as: 'w-0123', id: 'b-1' });
  const { code, stdout } = await runInside(['async', 'list', 'bob', '--relay', place]);
  expect(code).toBe(0);
  const rows = stdout.replaceAll(/\d\d:\d\d:\d\d +[\d.]+ m?s/g, 'TIME');
  expect(rows).toMatch(/^NUMBER +FROM +BYTES +SINCE +AGE +ATTEMPTS +ID\n/);
  expect(rows).toMatch(/^1 +anna +8 +TIME +0 +a-1\n2 +w-0123 +1 +TIME +0 +b-1$/m);
  expect(rows).toContain('bob: 2 messages, 9 bytes; nobody collects.\n');
  expect(rows).toContain('w-*: the private return mailbox of a sender who waits');
  expect(rows).not.toContain('secret');
  const first = await runInside(['async', 'list', '--relay', place, '--limit', '1']);
  expect(first.stdout).toContain('To go on: --after 1');
  expect(first.stdout).not.toContain('w-');
  const none = await runInside(['async', 'list', 'carol', '--relay', place]);
  expect(none.stdout).toMatch(/^carol has no mail at the relay on \S+, and nobody collects\.\n$/);
});

test('--json has one line for the mailbox and one for each message', async () => {
  const place = await relay();
  await deposit(place, 'bob', 'hello', { as: 'anna', id: 'a-1' });
  const { stdout } = await runInside(['async', 'list', 'bob', '--relay', place, '--json']);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toMatchObject([
    { event: 'status', name: 'bob', held: 1, bytes: 5, connected: 'no' },
    { event: 'listed', name: 'bob', seq: 1, id: 'a-1', from: 'anna', size: 5, attempts: 0 },
  ]);
  expect(lines).toHaveLength(2);
});

test('the library asks for as many pages as it needs', async () => {
  const place = await relay();
  const alice = openDepositor(place, { as: 'alice' });
  await Promise.all(Array.from({ length: 300 }, (_, n) => alice.deposit('bob', `${n}`)));
  await alice.close();
  const numbers = async (options = {}): Promise<number[]> =>
    (await list(place, 'bob', options)).messages.map(({ number }) => number);
  expect(await numbers({ limit: 1000 })).toEqual(Array.from({ length: 300 }, (_, n) => n + 1));
  expect(await numbers({ after: 298 })).toEqual([299, 300]);
  expect(await numbers()).toHaveLength(100);
  expect(await list(place, 'carol')).toMatchObject({
    name: 'carol',
    held: 0,
    connected: false,
    messages: [],
  });
  await expect(list(place, 'Bob')).rejects.toMatchObject({ code: 'usage' });
  await expect(list('127.0.0.1:1', 'bob')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});
