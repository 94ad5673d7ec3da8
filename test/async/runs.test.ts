// A run of SENDs ends before anything else is decided: whatever comes behind it in the same piece of bytes sees what it has done.

import { expect, test } from 'vitest';
import { nothingCame, restarted, startTheRelay } from '../servers.ts';
import { heard, send } from './house.ts';
import { ALICE } from './talk.ts';

test('a message, and behind it the acknowledgement that writes a receipt to the same mailbox: two numbers', async () => {
  const bench = await startTheRelay();
  const zoe = await bench.greeted('HELLO version=1 as=zoe');
  zoe.type(send('1', 'alice', 'x', 'notify=ann'));
  expect(await heard(zoe)).toBe('STORED');
  const alice = await bench.greeted(ALICE);
  alice.type('RECEIVE window=1\n');
  expect(await heard(alice)).toBe('MESSAGE: x');
  alice.type(`${send('2', 'ann', 'y')}ACK seq=1\n`);
  expect(await heard(alice, 'id', 'seq')).toBe('STORED id=2 seq=1');
  const next = await restarted(bench);
  const ann = await next.greeted('HELLO version=1 as=ann');
  ann.type('RECEIVE window=8\n');
  expect(await heard(ann, 'seq', 'id', 'from')).toBe('MESSAGE seq=1 id=2 from=alice: y');
  expect(await heard(ann, 'seq', 'id', 'from')).toBe('MESSAGE seq=2 id=1 from=relay: alice acknowledged 1');
});

test('a message to oneself, and RECEIVE behind it: EMPTY waits for it', async () => {
  const { greeted } = await startTheRelay();
  const alice = await greeted(ALICE);
  alice.type(`${send('1', 'alice', 'x')}RECEIVE window=1 drain=yes\n`);
  const came = [(await heard(alice)).split(':')[0], (await heard(alice)).split(':')[0]];
  expect(came.sort()).toEqual(['MESSAGE', 'STORED']);
  await nothingCame(alice);
  alice.type('ACK seq=1\n');
  expect(await heard(alice)).toBe('EMPTY');
});

test('a run has at most 16 mailboxes, and at most 64 KiB or one message', async () => {
  const { greeted, log } = await startTheRelay();
  const alice = await greeted(ALICE);
  const names = Array.from({ length: 40 }, (_, n) => `n${n}`);
  alice.type(names.map((name) => send(name, name, 'x')).join(''));
  for (const name of names) expect(await heard(alice, 'id')).toBe(`STORED id=${name}`);
  const large = Array.from({ length: 10 }, (_, n) => `large-${n}`);
  alice.type(large.map((id) => send(id, 'bob', 'x'.repeat(30_000))).join(''));
  for (const id of large) expect(await heard(alice, 'id')).toBe(`STORED id=${id}`);
  for (const entry of log.log.entries.filter((bytes) => bytes.includes('SEND from=alice'))) {
    const [line = ''] = entry.toString('latin1').split('\n');
    expect((/first=(\S+)/.exec(line)?.[1] ?? '').split(',').length).toBeLessThanOrEqual(16);
    expect(entry.length).toBeLessThan(64 * 1024 + 31_000);
  }
});
