// The variables that a class sets once in each terminal.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCli, talk, tempDir } from '../harness.ts';

test('names, addresses and the journal come from the environment, and the first line says so', {
  tags: ['slow'],
}, async () => {
  const journal = join(tempDir(), 'journal');
  const relay = talk(['async', 'relay'], { DETOUR_PORT: '0', DETOUR_JOURNAL: journal });
  const [, place = ''] = await relay.until(/relay listens on (\S+),/);
  expect(relay.stderr).toMatch(/^DETOUR_PORT=0, DETOUR_JOURNAL=\S+ \(from the environment\)\n/);
  const env = { DETOUR_RELAY: place, DETOUR_AS: 'anna', DETOUR_TO: 'ben' };
  const sent = await runCli(['async', 'send', 'hello'], { env });
  expect(sent).toMatchObject({ code: 0, stderr: expect.stringContaining('number 1 for ben') });
  const collected = await runCli(['async', 'receive'], { env: { ...env, DETOUR_AS: 'ben' } });
  expect(collected).toMatchObject({ code: 0, stdout: 'anna: hello\n' });
  const printed = await runCli(['journal'], { env: { DETOUR_JOURNAL: journal } });
  expect(printed.stdout).toContain('SEND from=anna');
});

test('a flag wins over the environment, and an empty variable counts as not set', async () => {
  const env = { DETOUR_AS: 'anna', DETOUR_TO: '', DETOUR_PORT: '' };
  const { code, stderr } = await runCli(['sync', 'send', '--to', '127.0.0.1:1', '--as', 'eve', 'hello'], {
    env,
  });
  expect(code).toBe(10);
  expect(stderr).not.toContain('environment');
});

test('--json is events only', async () => {
  const { stdout, stderr } = await runCli(['sync', 'send', '--to', '127.0.0.1:1', '--json', 'hello'], {
    env: { DETOUR_AS: 'anna' },
  });
  expect(stderr).toBe('');
  expect(stdout).toContain('"actor":"anna"');
});

test('a value that is not valid, such as that of the other mode, is told with the name of its variable', async () => {
  for (const [args, env, says] of [
    [
      ['sync', 'send', 'hi'],
      { DETOUR_TO: 'bob' },
      /'bob' from env 'DETOUR_TO' .*"bob" is a name, but an address/,
    ],
    [
      ['async', 'send', 'hi'],
      { DETOUR_TO: '127.0.0.1:9' },
      /from env 'DETOUR_TO' .* is an address, but a name/,
    ],
    [['sync', 'receive'], { DETOUR_AS: 'x\u001b[2J' }, /'x\\x1b\[2J' from env 'DETOUR_AS'/],
  ] as const) {
    const { code, stderr } = await runCli([...args], { env });
    expect([code, stderr]).toEqual([2, expect.stringMatching(says)]);
  }
});

test('the processes of a stage are not renamed by it', { tags: ['slow'] }, async () => {
  const env = { DETOUR_AS: 'eve', DETOUR_TO: 'nowhere', DETOUR_PORT: '1' };
  expect(await runCli(['demo', '1', '--fast'], { env })).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('All verdicts as expected'),
  });
});
