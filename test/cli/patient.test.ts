// `send --patient` as a person sees it: who decides the connect, and the result. (test/sync and test/async test that no time ends it;
// test/facts that the kernel does.)

import { expect, test } from 'vitest';
import { runCli } from '../harness.ts';
import { bobListens } from './talking.ts';

test.each([
  ['sync', '--to'],
  ['async', '--relay'],
])('%s: the kernel decides, and the time it took is reported', async (mode, to) => {
  const { code, stderr } = await runCli([mode, 'send', to, '127.0.0.1:1', '--patient', 'hello']);
  expect(code).toBe(10);
  expect(stderr).toMatch(/ connecting +until the kernel gives up/);
  expect(stderr).toMatch(/ ECONNREFUSED +the kernel decided that, after \d/);
  expect(stderr).toMatch(/NOT DELIVERED, for certain\./);
  if (process.platform === 'linux') expect(stderr).toMatch(/until the kernel gives up: \d+ s or more/);
  // This is not a terminal, so nothing is drawn over other output.
  expect(stderr).not.toMatch(/\r|no answer yet/);
});

test('a connect that succeeds is reported as usual, and the deadline counts from there', {
  tags: ['slow'],
}, async () => {
  const bob = await bobListens('--work', '1h');
  const { code, stderr } = await runCli([
    ...['sync', 'send', '--to', bob.place, '--patient', '--timeout', '1500ms'],
    'hello',
  ]);
  expect(code).toBe(20);
  expect(stderr).toMatch(/ connecting .*\n.* connected .*\n.* READY /);
  expect(stderr).toMatch(/UNKNOWN/);
  expect(stderr).not.toMatch(/the kernel decided/);
});
