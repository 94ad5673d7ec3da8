// What a receiver says at Ctrl-C while it works: what is finished first, how long that takes, and what another Ctrl-C does.

import { expect, test } from 'vitest';
import { ACKNOWLEDGED, ANSWERED, Working } from '../../src/cli/working.ts';
import { FakeClock } from '../fake-clock.ts';
import { runCli } from '../harness.ts';
import { bobListens } from './talking.ts';

test('one message, several, none', async () => {
  const clock = new FakeClock();
  const working = new Working(clock, ANSWERED);
  const work = (ms: number) => () => new Promise<void>((resolve) => void clock.after(ms, resolve));
  expect(working.lines(1)).toEqual([]);
  const first = working.during('alice', 8000, work(8000));
  clock.advance(3000);
  expect(working.lines(1)).toEqual([
    'finishing first: the message from alice is answered in at most 5 s.',
    'Ctrl-C again stops at once: what is not answered by then ends as UNKNOWN for its sender.',
  ]);
  expect(working.lines(2)).toEqual(['stopped at once: the message from alice is not answered.']);
  const second = working.during('carol', 9000, work(9000));
  // Without --work it is over too soon to be worth a word.
  const quick = working.during('dave', 0, work(1));
  expect(working.lines(1)[0]).toBe('finishing first: 2 messages are answered in at most 9 s.');
  clock.advance(5000);
  await Promise.all([first, quick]);
  expect(working.lines(1)[0]).toBe('finishing first: the message from carol is answered in at most 4 s.');
  clock.advance(4000);
  await second;
  expect(working.lines(1)).toEqual([]);
});

test('work that fails is over', async () => {
  const working = new Working(new FakeClock(), ACKNOWLEDGED);
  const failed = working.during('alice', 8000, () => Promise.reject(new Error('no')));
  expect(working.lines(1)[1]).toMatch(/what is not acknowledged by then stays at the relay and comes again/);
  await expect(failed).rejects.toThrow('no');
  expect(working.lines(1)).toEqual([]);
});

test.skipIf(process.platform === 'win32')('Ctrl-C, twice, at a bob that works', async () => {
  const bob = await bobListens('--work', '1h');
  const sent = runCli(['sync', 'send', '--to', bob.place, '--timeout', '10m', 'hello']);
  await bob.until(/answers in/);
  bob.child.kill('SIGINT');
  await bob.until(
    /finishing first: the message from alice is answered in at most 60 min\.\n {2}Ctrl-C again/,
  );
  bob.child.kill('SIGINT');
  expect(await bob.ended).toBe(130);
  expect(bob.stderr).toMatch(/stopped at once: the message from alice is not answered\.\n$/);
  expect((await sent).code).toBe(20);
});
