// `--later`: a receiver whose process is running, and which comes when a line is typed.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCli, start, tempDir } from '../../harness.ts';

test('sync receive --later listens when a line is typed, not before', async () => {
  const bob = start(['sync', 'receive', '--port', '0', '--later']);
  await bob.until('notice', ({ text }) => text === 'ready');
  expect(bob.events.map(({ event }) => event)).toEqual(['notice']);
  bob.child.stdin?.write('come\n');
  const { port } = await bob.until('listening');
  const { code } = await runCli(['sync', 'send', '--to', `127.0.0.1:${port}`, 'hello']);
  expect(code).toBe(0);
  // After that it takes commands as usual.
  bob.child.stdin?.write('kill\n');
  await bob.until('stopping', ({ why }) => why === 'kill');
});

test('async receive --later connects when a line is typed, not before', async () => {
  const relay = start(['async', 'relay', '--port', '0', '--journal', join(tempDir(), 'journal')]);
  const { port } = await relay.until('listening');
  const bob = start(['async', 'receive', '--relay', `127.0.0.1:${port}`, '--follow', '--later']);
  await bob.until('notice', ({ text }) => text === 'ready');
  expect(bob.events.map(({ event }) => event)).toEqual(['notice']);
  bob.child.stdin?.write('come\n');
  await bob.until('sent', ({ verb }) => verb === 'RECEIVE');
});

test('a receiver on standby ends when its input ends', async () => {
  const bob = start(['sync', 'receive', '--port', '0', '--later']);
  await bob.until('notice');
  bob.child.stdin?.end();
  expect(await bob.ended).toBe(0);
});
