// Where a name `w-…` is shown, the first time in a run it is said what that is.

import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { deposit, startRelay } from '../../../src/index.ts';
import { runCli, tempDir } from '../../harness.ts';
import { runInside } from '../inside.ts';

const NOTE = 'w-*: the private return mailbox of a sender who waits for a receipt (--wait)';
const times = (text: string): number => text.split(NOTE).length - 1;

test('by journal and status, once, and not to programs', async () => {
  const dir = join(tempDir(), 'journal');
  const relay = await startRelay({ journal: dir, port: 0 });
  onTestFinished(() => relay.close());
  const place = `127.0.0.1:${relay.port}`;
  await deposit(place, 'bob', 'one');
  const before = await runInside(['journal', dir]);
  expect(times(before.stderr + before.stdout)).toBe(0);
  await deposit(place, 'bob', 'two', { notify: 'w-01' });
  await deposit(place, 'w-01', 'three', { notify: 'w-02' });
  const read = await runInside(['journal', dir]);
  expect([times(read.stderr), times(read.stdout)]).toEqual([1, 0]);
  const json = await runInside(['journal', dir, '--json']);
  expect(times(json.stderr + json.stdout)).toBe(0);
  const status = await runInside(['async', 'status', '--relay', place]);
  expect(times(status.stdout)).toBe(1);
});

test('by trace, if a frame that is drawn names one', { tags: ['slow'] }, async () => {
  const dir = tempDir();
  const relay = await startRelay({ journal: join(dir, 'journal'), port: 0 });
  onTestFinished(() => relay.close());
  const send = async (file: string, ...more: string[]): Promise<string> => {
    const log = join(dir, file);
    await runCli(['async', 'send', '--relay', `127.0.0.1:${relay.port}`, '--log', log, ...more, 'hello']);
    const { stderr } = await runInside(['trace', log]);
    return stderr;
  };
  expect(times(await send('plain.log'))).toBe(0);
  expect(times(await send('waits.log', '--wait', '100ms'))).toBe(1);
});
