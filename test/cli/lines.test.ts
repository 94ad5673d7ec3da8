// Standard input as messages, one a line: the bytes stay as they are, no more is read than is sent, and a line that is too long is refused.

import { expect, test } from 'vitest';
import { peer, runCli, start, talk } from '../harness.ts';
import { bobListens } from './talking.ts';

const MOST = 1024 * 1024;

test('the bytes of a line arrive as they were', async () => {
  const bob = start(['sync', 'receive', '--port', '0', '--count', '4']);
  const { port } = await bob.until('listening');
  const input = Buffer.from('caf\xe9\r\n\n \t\na\rb\u0085\n\xa0\n\0\xff', 'latin1');
  const sent = await runCli(['sync', 'send', '--to', `127.0.0.1:${port}`, '--lines'], { input });
  expect(sent.code).toBe(0);
  await bob.ended;
  const bodies = bob.events.flatMap((one) =>
    one.event !== 'shown' ? [] : [one.base64 ?? Buffer.from(one.text ?? '').toString('base64')],
  );
  expect(bodies.map((body) => Buffer.from(body, 'base64').toString('latin1'))).toEqual([
    'caf\xe9',
    'a\rb\u0085',
    '\xa0',
    '\0\xff',
  ]);
});

test('a line above the largest message is refused by its number, and the lines after it are sent', {
  tags: ['slow'],
}, async () => {
  const bob = await bobListens('--count', '3');
  const to = ['sync', 'send', '--to', bob.place, '--lines'];
  const input = `one\n${'x'.repeat(MOST)}\r\n${'y'.repeat(MOST + 1)}\nfour\n`;
  const sent = await runCli(to, { input });
  expect(sent.code).toBe(10);
  expect(sent.stderr).toMatch(
    /NOT DELIVERED: line 3 is longer than a message may be \(1048576 bytes\)\.\n {2}more +detour explain too_large\n/,
  );
  await bob.ended;
  expect(bob.stdout.replace(/x+/, 'x')).toBe('alice: one\nalice: x\nalice: four\n');
  // For a program it is an outcome like any other.
  const { code, stdout, stderr } = await runCli([...to, '--json'], { input: 'y'.repeat(3 * MOST) });
  expect([code, stderr]).toEqual([10, '']);
  const events = stdout
    .trimEnd()
    .split('\n')
    .map((line): { event: string } => JSON.parse(line));
  expect(events).toMatchObject([
    { event: 'notice', text: 'line 1 is longer than a message may be (1048576 bytes)' },
    { event: 'outcome', verdict: 'NOT_DELIVERED', code: 'too_large', ms: 0 },
    { event: 'verdict', verdict: 'NOT_DELIVERED', code: 'too_large', exit: 10 },
  ]);
});

/** A receiver that answers the first messages and no more. @param enough is called when the next one has come */
function answering(count: number, enough: () => void): Promise<string> {
  return peer((socket) => {
    socket.write('READY version=1 role=receiver as=bob max=1048576 window=1\n');
    let left = count;
    socket.on('data', (bytes) => {
      for (const [, id] of bytes.toString('latin1').matchAll(/^SEND id=(\S+)/gm)) {
        left -= 1;
        if (left >= 0) socket.write(`RECEIVED id=${id}\n`);
        else enough();
      }
    });
  });
}

test('a pipe is read no faster than its lines are sent', async () => {
  let enough = (): void => {};
  const waits = new Promise<void>((resolve) => {
    enough = resolve;
  });
  const alice = talk(['sync', 'send', '--to', await answering(40, enough), '--timeout', '10m', '--lines']);
  const lines = 160_000;
  alice.child.stdin?.write(`${'x'.repeat(99)}\n`.repeat(lines));
  await waits;
  // What was read is in her buffers and in those of the pipe.
  const left = alice.child.stdin?.writableLength ?? 0;
  expect(left).toBeGreaterThan(100 * lines - 2 * MOST);
});

test.skipIf(process.platform === 'win32')('Ctrl-C ends what is piped in', async () => {
  let enough = (): void => {};
  const waits = new Promise<void>((resolve) => {
    enough = resolve;
  });
  const place = await answering(1, enough);
  const busy = talk(['sync', 'send', '--to', place, '--timeout', '10m', '--lines']);
  busy.child.stdin?.write('one\ntwo\nthree\nfour\n');
  await waits;
  busy.child.kill('SIGINT');
  expect(await busy.ended).toBe(130);
  expect(busy.stderr.match(/ sent +"/g)).toHaveLength(2);
  expect(busy.stderr).toMatch(/DELIVERED in[\s\S]*UNKNOWN/);

  const bob = await bobListens();
  const idle = talk(['sync', 'send', '--to', bob.place, '--lines']);
  idle.type('one');
  await idle.until(/DELIVERED in/);
  idle.child.kill('SIGINT');
  expect(await idle.ended).toBe(130);
});
