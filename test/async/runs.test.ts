// A run of SENDs ends before anything else is decided: whatever follows it in the same bytes sees what it has done.

import { expect, test } from 'vitest';
import { aRefusal, nothingCame, restarted, startTheRelay, turns } from '../servers.ts';
import { heard, send } from './house.ts';
import { ALICE } from './talk.ts';

test('a message, and then an acknowledgement that writes a receipt to the same mailbox: two numbers', async () => {
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

test('a message to oneself, and then RECEIVE: EMPTY waits for it', async () => {
  const { greeted } = await startTheRelay();
  const alice = await greeted(ALICE);
  alice.type(`${send('1', 'alice', 'x')}RECEIVE window=1 drain=yes\n`);
  const came = [(await heard(alice)).split(':')[0], (await heard(alice)).split(':')[0]];
  expect(came.sort()).toEqual(['MESSAGE', 'STORED']);
  await nothingCame(alice);
  alice.type('ACK seq=1\n');
  expect(await heard(alice)).toBe('EMPTY');
});

/** A relay on which one SEND each of alice and carol waits for room. */
async function twoWaiting() {
  const bench = await startTheRelay();
  const senders = [await bench.greeted(ALICE), await bench.greeted('HELLO version=1 as=carol')];
  bench.log.room = 'soon';
  for (const [index, name] of ['alice', 'carol'].entries())
    senders[index]?.type(send('1', 'bob', `from ${name}`));
  await turns(20);
  return { ...bench, senders };
}

test('connections that had to wait for room go on at the same moment, each in its own run', async () => {
  const { greeted, log, senders } = await twoWaiting();
  log.room = 'yes';
  for (const sender of senders) expect(await heard(sender, 'id', 'dup')).toBe('STORED id=1');
  const bob = await greeted('HELLO version=1 as=bob');
  bob.type('RECEIVE window=8\n');
  for (let i = 0; i < 2; i++) expect(await heard(bob, 'from')).toMatch(/^MESSAGE from=(\w+): from \1$/);
});

test('a message right after one of another session that filled a segment does not find the disk full', async () => {
  const { log, senders } = await twoWaiting();
  const append = log.log.append;
  // Like a log on disk until the next segment has its name.
  log.log.append = (...parts) => {
    log.log.room = 'soon';
    setImmediate(() => {
      log.room = 'yes';
    });
    return append(...parts);
  };
  log.room = 'yes';
  for (const sender of senders) expect(await heard(sender, 'id', 'code')).toBe('STORED id=1');
});

test('an id that was used earlier in the same bytes is taken, also for a body that is too large', async () => {
  const { greeted } = await startTheRelay();
  const alice = await greeted(ALICE);
  alice.type(`${send('1', 'bob', 'x')}SEND id=1 to=bob size=1048577\n`);
  expect([await alice.next(), await alice.next()]).toEqual(
    expect.arrayContaining([aRefusal('1', 'id_reused'), [expect.stringMatching(/^STORED id=1 /), undefined]]),
  );
});

test('a run has at most 16 mailboxes, and nothing is added to one of 64 KiB', async () => {
  const { greeted, log } = await startTheRelay();
  const alice = await greeted(ALICE);
  const names = Array.from({ length: 40 }, (_, n) => `n${n}`);
  const large = [1, 200_000, 1, 1, 200_000, 1].map((size, n) => send(`large-${n}`, 'bob', 'x'.repeat(size)));
  alice.type(names.map((name) => send(name, name, 'x')).join('') + large.join(''));
  for (let i = 0; i < names.length + large.length; i++) expect(await heard(alice)).toBe('STORED');
  for (const entry of log.log.entries.filter((bytes) => bytes.includes('SEND from=alice'))) {
    const [line = ''] = entry.toString('latin1', 0, 1024).split('\n');
    expect((/first=(\S+)/.exec(line)?.[1] ?? '').split(',').length).toBeLessThanOrEqual(16);
    expect(entry.lastIndexOf('\nSEND id=')).toBeLessThan(64 * 1024 + 1024);
  }
});
