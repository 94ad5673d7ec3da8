// Repeats are recognised by their id: over the wire, while the first copy is on its way to the disk, after restarts and crashes, from other
// sessions, and for as long as is promised. PROTOCOL.md, "Repeats".

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { RawClient } from '../harness.ts';
import { heard, Life, pong, SMALL_DISK, send } from './house.ts';

const MINUTE = 60_000;

const stored = (client: RawClient): Promise<string> => heard(client, 'id', 'seq', 'dup', 'code');

test('a repeat is answered with the first number, also after a restart and a crash', async () => {
  let life = await Life.start();
  for (const end of ['restart', 'crash', 'none']) {
    const alice = await life.client('alice', `session=s try=${end.length}`);
    alice.type(send('1', 'bob', 'hello'));
    expect(await stored(alice)).toBe(`STORED id=1 seq=1${end === 'restart' ? '' : ' dup=yes'}`);
    alice.type(send('1', 'bob', 'hello'));
    expect(await stored(alice)).toBe('STORED id=1 seq=1 dup=yes');
    if (end === 'restart') life = await life.again();
    if (end === 'crash') life = await life.crashed();
  }
  expect(life.relay.waiting()).toMatchObject([{ name: 'bob', held: 1 }]);
});

test('a repeat is known after the message was acknowledged, even from another session and after a restart', async () => {
  const life = await Life.start();
  const alice = await life.client('alice', 'session=s1 try=1');
  alice.type(send('1', 'bob', 'hello'));
  await alice.next();
  const bob = await life.client('bob');
  bob.type('RECEIVE window=1 drain=yes\n');
  await bob.next();
  bob.type('ACK seq=1\n');
  expect(await heard(bob)).toBe('EMPTY');
  const next = await life.again();
  const again = await next.client('alice', 'session=s2 try=1');
  again.type(send('1', 'bob', 'hello'));
  expect(await stored(again)).toBe('STORED id=1 seq=1 dup=yes');
  expect(next.relay.waiting()).toEqual([]);
});

test('many copies at the same time, over several connections, make one message, and none is answered before it is durable', async () => {
  const life = await Life.start();
  const clients = await Promise.all([1, 2, 3].map(() => life.client('alice')));
  for (const client of clients) client.type(send('1', 'bob', 'hello').repeat(5));
  const answers: string[] = [];
  for (const client of clients) for (let i = 0; i < 5; i++) answers.push(await stored(client));
  expect(answers.filter((answer) => answer === 'STORED id=1 seq=1')).toHaveLength(1);
  expect(answers.filter((answer) => answer === 'STORED id=1 seq=1 dup=yes')).toHaveLength(14);
  const next = await life.crashed();
  expect(next.relay.waiting()).toMatchObject([{ name: 'bob', held: 1 }]);
});

test.each([
  ['another recipient', send('1', 'carol', 'hello')],
  ['another body', send('1', 'bob', 'hallo')],
  ['another length', send('1', 'bob', 'hello!')],
])('the same id with %s is refused, also after a restart', async (_, other) => {
  let life = await Life.start();
  const alice = await life.client('alice');
  alice.type(send('1', 'bob', 'hello'));
  expect(await stored(alice)).toBe('STORED id=1 seq=1');
  alice.type(other);
  expect((await stored(alice)).split(':')[0]).toBe('REFUSED id=1 code=id_reused');
  life = await life.again();
  const again = await life.client('alice');
  again.type(other);
  expect((await stored(again)).split(':')[0]).toBe('REFUSED id=1 code=id_reused');
});

test('ids are unique per sender only', async () => {
  const life = await Life.start();
  const alice = await life.client('alice');
  const carol = await life.client('carol');
  alice.type(send('1', 'bob', 'hello'));
  expect(await stored(alice)).toBe('STORED id=1 seq=1');
  carol.type(send('1', 'bob', 'hello'));
  expect(await stored(carol)).toBe('STORED id=1 seq=2');
});

test('an id is known for ten minutes after the last SEND of its session, and forgotten some time later', async () => {
  const life = await Life.start();
  const alice = await life.client('alice', 'session=s try=1');
  alice.type(send('1', 'bob', 'one'));
  await alice.next();
  life.clock.advance(9 * MINUTE);
  alice.type(send('2', 'bob', 'two'));
  await alice.next();
  life.clock.advance(10 * MINUTE);
  const other = await life.client('alice');
  other.type(send('1', 'bob', 'one'));
  expect(await stored(other)).toBe('STORED id=1 seq=1 dup=yes');
  life.clock.advance(12 * MINUTE);
  const carol = await life.client('carol');
  carol.type(send('3', 'bob', 'three'));
  expect(await stored(carol)).toBe('STORED id=3 seq=3');
  other.type(send('2', 'bob', 'two'));
  expect(await stored(other)).toBe('STORED id=2 seq=4');
});

test.each([
  ['an hour forward', 60 * MINUTE, false],
  ['a day back', -24 * 60 * MINUTE, false],
  ['an hour forward over a restart', 60 * MINUTE, true],
  ['a day back over a restart', -24 * 60 * MINUTE, true],
])('the clock is set %s: an id is known for ten minutes of running time', async (_, moved, restart) => {
  const before = await Life.start();
  const alice = await before.client('alice', 'session=s try=1');
  alice.type(send('1', 'bob', 'one'));
  expect(await stored(alice)).toBe('STORED id=1 seq=1');
  if (!restart) before.clock.set(moved);
  const life = restart ? await before.again(moved) : before;
  // A message from anybody lets the relay forget.
  const others = async (id: string): Promise<void> => {
    const carol = await life.client('carol');
    carol.type(send(id, 'dave', 'x'));
    expect(await stored(carol)).toBe(`STORED id=${id} seq=${id}`);
  };
  await others('1');
  await life.pass(10 * MINUTE);
  await others('2');
  const other = await life.client('alice', 'session=t try=1');
  other.type(send('1', 'bob', 'one'));
  expect(await stored(other)).toBe('STORED id=1 seq=1 dup=yes');
  // It is not known much longer.
  life.clock.advance(12 * MINUTE);
  await others('3');
  other.type(send('1', 'bob', 'one'));
  expect(await stored(other)).toBe('STORED id=1 seq=2');
});

test.each([
  ['the session that sent it', 's1'],
  ['another session', 's2'],
])('repeats by %s keep an id known for ten more minutes, also over restarts', async (_, session) => {
  let life = await Life.start();
  const alice = await life.client('alice', 'session=s1 try=1');
  alice.type(send('1', 'bob', 'one'));
  expect(await stored(alice)).toBe('STORED id=1 seq=1');
  const again = await life.client('alice', `session=${session} try=2`);
  await pong(again);
  for (let minute = 0; minute < 11; minute++) {
    life.clock.advance(MINUTE + 1);
    again.type(send('1', 'bob', 'one'));
    expect(await stored(again)).toBe('STORED id=1 seq=1 dup=yes');
  }
  life = await life.again();
  life.clock.advance(9 * MINUTE);
  // A message from anybody lets the relay forget.
  const carol = await life.client('carol');
  carol.type(send('1', 'dave', 'x'));
  expect(await stored(carol)).toBe('STORED id=1 seq=1');
  life = await life.crashed();
  const third = await life.client('alice');
  third.type(send('1', 'bob', 'one'));
  expect(await stored(third)).toBe('STORED id=1 seq=1 dup=yes');
});

test('an id that was forgotten and used again stands for the new message, also after a restart', async () => {
  let life = await Life.start();
  const alice = await life.client('alice', 'session=s1 try=1');
  alice.type(send('1', 'bob', 'same'));
  await alice.next();
  life.clock.advance(12 * MINUTE);
  const carol = await life.client('carol');
  carol.type(send('1', 'bob', 'from carol'));
  expect(await stored(carol)).toBe('STORED id=1 seq=2');
  const later = await life.client('alice', 'session=s2 try=1');
  later.type(send('1', 'bob', 'same'));
  expect(await stored(later)).toBe('STORED id=1 seq=3');
  life = await life.again();
  const again = await life.client('alice');
  again.type(send('1', 'bob', 'same'));
  expect(await stored(again)).toBe('STORED id=1 seq=3 dup=yes');
});

test.each([
  ['all files there', {}, 10, true],
  ['old files cleared away meanwhile', SMALL_DISK, 20_000, false],
])(
  'the wall clock set back, and a restart: the last ids of a session are still known (%s)',
  async (_, disk, size, first) => {
    const life = await Life.start(undefined, disk);
    const alice = await life.client('alice', 'session=s try=1');
    const bob = await life.client('bob');
    bob.type('RECEIVE window=100\n');
    const body = 'x'.repeat(size);
    const ids = Array.from({ length: 700 }, (_, i) => `${i}`);
    for (let from = 0; from < ids.length; from += 100) {
      if (from === 400) life.clock.set(-3_600_000);
      const some = ids.slice(from, from + 100);
      alice.type(some.map((id) => send(id, 'bob', body)).join(''));
      for (const id of some) expect(await stored(alice)).toBe(`STORED id=${id} seq=${Number(id) + 1}`);
      for (const id of some) expect(await heard(bob, 'id')).toBe(`MESSAGE id=${id}: ${body}`);
      bob.type(`ACK seq=${from + 100}\n`);
      await pong(bob);
      await life.pass(1000);
    }
    await pong(bob);
    const next = await life.again(0, disk);
    expect(existsSync(join(life.dir, `${'0'.repeat(15)}.wal`))).toBe(first);
    const again = await next.client('alice', 'session=other try=1');
    const last = ids.slice(-512).reverse();
    again.type(last.map((id) => send(id, 'bob', body)).join(''));
    for (const id of last) expect(await stored(again)).toBe(`STORED id=${id} seq=${Number(id) + 1} dup=yes`);
  },
);

test('a ghost connection cannot act after its successor', async () => {
  const life = await Life.start();
  const successor = await life.client('alice', 'session=s try=2');
  successor.type(send('1', 'bob', 'hello'));
  expect(await stored(successor)).toBe('STORED id=1 seq=1');
  const ghost = await life.client('alice', 'session=s try=1');
  ghost.type(send('0', 'bob', 'late'));
  expect((await heard(ghost, 'code')).split(':')[0]).toBe('ERROR code=stale');
  expect(life.relay.waiting()).toMatchObject([{ name: 'bob', held: 1 }]);
});
