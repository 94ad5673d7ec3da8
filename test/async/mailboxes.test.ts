// Who gets the mail of a mailbox, and which mailboxes are forgotten: over the wire and over restarts.

import { expect, test } from 'vitest';
import { State } from '../../src/async/state.ts';
import { statusPage } from '../../src/async/status.ts';
import type { RawClient } from '../harness.ts';
import { until } from '../servers.ts';
import { heard, Life, pong, send } from './house.ts';

test.each(['bob', 'w-bob'])(
  'a receiver that takes over the empty mailbox %s gets what comes later',
  async (name) => {
    const life = await Life.start();
    const first = await life.client(name, 'session=s1 try=1');
    first.type('RECEIVE window=10\n');
    await pong(first);
    const second = await life.client(name, 'session=s2 try=1');
    second.type('RECEIVE window=10\n');
    expect(await heard(first, 'code')).toBe('BYE code=replaced');
    const alice = await life.client('alice');
    alice.type(send('1', name, 'hello'));
    expect(await heard(alice, 'seq', 'present')).toBe('STORED seq=1 present=yes');
    expect(await heard(second, 'seq', 'attempt')).toBe('MESSAGE seq=1 attempt=1: hello');
  },
);

test('a reconnect of the same session takes over without a word to the previous connection', async () => {
  const life = await Life.start();
  const first = await life.client('bob', 'session=s try=1');
  first.type('RECEIVE window=10\n');
  await pong(first);
  const second = await life.client('bob', 'session=s try=2');
  second.type('RECEIVE window=10\n');
  await expect(first.next()).rejects.toThrow('the connection ended');
  const alice = await life.client('alice');
  alice.type(send('1', 'bob', 'hello'));
  expect(await heard(second)).toBe('MESSAGE: hello');
});

test('a receiver that collected from an empty mailbox and left counts as seen', async () => {
  const life = await Life.start();
  const alice = await life.client('alice');
  alice.type(send('1', 'carol', 'x'));
  expect(await heard(alice, 'present')).toBe('STORED present=never');
  const bob = await life.client('bob');
  bob.type('RECEIVE window=1 drain=yes\n');
  expect(await heard(bob)).toBe('EMPTY');
  bob.type('BYE\n');
  expect(await heard(bob)).toBe('BYE');
  alice.type(send('2', 'bob', 'x'));
  expect(await heard(alice, 'present')).toBe('STORED present=no');
});

test('after a restart the log says who collected, acknowledged or not; a forgotten name was never seen', async () => {
  const life = await Life.start();
  const alice = await life.client('alice');
  for (const name of ['bob', 'carol', 'w-1']) {
    alice.type(send(name, name, 'x'));
    expect(await heard(alice, 'present')).toBe('STORED present=never');
    const client = await life.client(name);
    client.type('RECEIVE window=1\n');
    expect(await heard(client)).toBe('MESSAGE: x');
    if (name !== 'carol') client.type('ACK seq=1\n');
    client.type('BYE\n');
    expect(await heard(client)).toBe('BYE');
  }
  const next = await life.again();
  const sender = await next.client('alice');
  for (const [name, present] of [
    ['bob', 'no'],
    ['carol', 'no'],
    ['w-1', 'never'],
    // Its numbers begin above those of the forgotten mailbox.
    ['w-1', 'never'],
    ['dave', 'never'],
  ]) {
    sender.type(send(`${name}-${next.events.length}`, name ?? '', 'y'));
    expect(await heard(sender, 'present')).toBe(`STORED present=${present}`);
  }
});

test('numbers go on over restarts and are never given out twice, even if everything was acknowledged', async () => {
  let life = await Life.start();
  for (const seq of [1, 2, 3]) {
    const alice = await life.client('alice');
    alice.type(send(`m${seq}`, 'bob', `body ${seq}`));
    expect(await heard(alice, 'seq')).toBe(`STORED seq=${seq}`);
    const bob = await life.client('bob');
    bob.type('RECEIVE window=9\n');
    expect(await heard(bob, 'seq')).toBe(`MESSAGE seq=${seq}: body ${seq}`);
    bob.type(`ACK seq=${seq}\nBYE\n`);
    expect(await heard(bob)).toBe('BYE');
    life = seq === 2 ? await life.crashed() : await life.again();
  }
  expect(life.relay.waiting()).toEqual([]);
});

test('a message that was acknowledged at the moment of a crash comes again, and the next ones after it', async () => {
  const life = await Life.start();
  const alice = await life.client('alice');
  alice.type(send('1', 'bob', 'one') + send('2', 'bob', 'two') + send('3', 'bob', 'three'));
  for (let i = 0; i < 3; i++) await alice.next();
  const bob = await life.client('bob');
  bob.type('RECEIVE window=2\n');
  expect(await heard(bob, 'seq')).toBe('MESSAGE seq=1: one');
  expect(await heard(bob, 'seq')).toBe('MESSAGE seq=2: two');
  const next = await life.crashed();
  const again = await next.client('bob');
  again.type('RECEIVE window=9\n');
  // The third one was not written to anybody, but the relay cannot know that any more.
  expect(await heard(again, 'seq', 'attempt')).toBe('MESSAGE seq=1 attempt=2: one');
  expect(await heard(again, 'seq', 'attempt')).toBe('MESSAGE seq=2 attempt=2: two');
  expect(await heard(again, 'seq', 'attempt')).toBe('MESSAGE seq=3 attempt=2: three');
});

test('an empty throwaway mailbox is forgotten, and its numbers are not given again', async () => {
  const life = await Life.start();
  const alice = await life.client('alice');
  for (const round of [1, 2]) {
    alice.type(send(`r${round}`, 'w-1', 'news'));
    expect(await heard(alice, 'seq')).toBe(`STORED seq=${round}`);
    const waiter = await life.client('w-1');
    waiter.type('RECEIVE window=1\n');
    expect(await heard(waiter, 'seq')).toBe(`MESSAGE seq=${round}: news`);
    if (round === 1) waiter.type('ACK seq=1\n');
    waiter.type('BYE\n');
    expect(await heard(waiter)).toBe('BYE');
  }
  alice.type(send('r3', 'w-1', 'news'));
  expect(await heard(alice, 'seq')).toBe('STORED seq=3');
  // Another throwaway name begins above all that were forgotten; a lasting one begins at 1.
  alice.type(send('r4', 'w-2', 'news') + send('r5', 'bob', 'news'));
  expect(await heard(alice, 'seq')).toBe('STORED seq=2');
  expect(await heard(alice, 'seq')).toBe('STORED seq=1');
});

test('a late acknowledgement for a throwaway mailbox that was forgotten and is there again removes nothing', async () => {
  const life = await Life.start();
  const alice = await life.client('alice');
  alice.type(send('1', 'w-1', 'old'));
  expect(await heard(alice, 'seq')).toBe('STORED seq=1');
  const waiter = await life.client('w-1');
  waiter.type('RECEIVE window=1\n');
  expect(await heard(waiter, 'seq')).toBe('MESSAGE seq=1: old');
  waiter.type('ACK seq=1\n');
  await pong(waiter);
  alice.type(send('2', 'w-1', 'new'));
  expect(await heard(alice, 'seq')).toBe('STORED seq=2');
  expect(await heard(waiter, 'seq')).toBe('MESSAGE seq=2: new');
  waiter.type('ACK seq=1\n');
  await pong(waiter);
  const next = await life.again();
  expect(next.relay.waiting()).toMatchObject([{ name: 'w-1', held: 1 }]);
});

test('a throwaway mailbox gets its notice even if it was forgotten before', async () => {
  let life = await Life.start();
  let alice = await life.client('alice');
  alice.type(send('1', 'bob', 'x', 'notify=w-1') + send('2', 'w-1', 'first'));
  for (let i = 0; i < 2; i++) await alice.next();
  const bob = async (): Promise<void> => {
    const client = await life.client('bob');
    client.type('RECEIVE window=1\n');
    await client.next();
    client.type('ACK seq=1\nBYE\n');
    expect(await heard(client)).toBe('BYE');
  };
  const collect = async (expected: string, seq: number): Promise<void> => {
    const waiter = await life.client('w-1');
    waiter.type('RECEIVE window=1\n');
    expect(await heard(waiter, 'seq', 'kind')).toBe(expected);
    waiter.type(`ACK seq=${seq}\nBYE\n`);
    expect(await heard(waiter)).toBe('BYE');
  };
  await collect('MESSAGE seq=1: first', 1);
  life = await life.again();
  await bob();
  await collect('MESSAGE seq=2 kind=receipt: bob acknowledged 1', 2);
  alice = await life.client('alice');
  alice.type(send('3', 'w-1', 'anew'));
  expect(await heard(alice, 'seq')).toBe('STORED seq=3');
});

test('a throwaway mailbox that was emptied just before a crash does not stay for ever', async () => {
  const life = await Life.start();
  const alice = await life.client('alice');
  alice.type(send('1', 'w-1', 'news'));
  await alice.next();
  const waiter = await life.client('w-1');
  waiter.type('RECEIVE window=1 drain=yes\n');
  await waiter.next();
  waiter.type('ACK seq=1\n');
  expect(await heard(waiter)).toBe('EMPTY');
  const next = await life.crashed();
  const later = await next.client('alice');
  later.type('STATUS\n');
  expect(await heard(later, 'names')).toMatch(/^END names=0\/\d+$/);
  later.type(send('2', 'w-1', 'news'));
  expect(await heard(later, 'seq')).toBe('STORED seq=2');
});

test('a hundred throwaway mailboxes that came and went do not count as names', {
  tags: ['slow'],
}, async () => {
  const life = await Life.start(undefined, { limits: { names: 4 } });
  const alice = await life.client('alice');
  for (let n = 1; n <= 100; n++) {
    alice.type(send(`${n}`, `w-${n}`, 'news'));
    expect(await heard(alice, 'code', 'seq')).toBe(`STORED seq=${n}`);
    const waiter = await life.client(`w-${n}`);
    waiter.type('RECEIVE window=1\n');
    expect(await heard(waiter, 'attempt')).toBe('MESSAGE attempt=1: news');
    waiter.type(`ACK seq=${n}\nBYE\n`);
    expect(await heard(waiter)).toBe('BYE');
  }
});

test('no more messages are accepted than the limit allows, but repeats and existing messages are', async () => {
  // One address gets half of the limit.
  const limits = { messages: 4 };
  let life = await Life.start(undefined, { limits });
  const stored = (client: RawClient): Promise<string> => heard(client, 'id', 'seq', 'code');
  let alice = await life.client('alice', 'session=s try=1');
  alice.type(send('1', 'bob', 'x') + send('2', 'carol', 'x', 'ttl=5'));
  expect(await stored(alice)).toBe('STORED id=1 seq=1');
  expect(await stored(alice)).toBe('STORED id=2 seq=1');
  alice.type(send('3', 'bob', 'x') + send('1', 'bob', 'x'));
  expect(await stored(alice)).toMatch(/^REFUSED id=3 code=too_many: Too many messages wait here/);
  expect(await stored(alice)).toBe('STORED id=1 seq=1');
  // What was there at the start counts for nobody. Two are left, and the address gets one of them.
  life = await life.again(0, { limits });
  alice = await life.client('alice', 'session=s try=2');
  alice.type(send('3', 'dave', 'x'));
  expect(await stored(alice)).toBe('STORED id=3 seq=1');
  alice.type(send('4', 'dave', 'x'));
  expect(await stored(alice)).toMatch(/^REFUSED id=4 code=too_many/);
  // One is collected, one expires.
  const bob = await life.client('bob');
  bob.type('RECEIVE window=9\n');
  await bob.next();
  bob.type('ACK seq=1\n');
  await pong(bob);
  await life.pass(6000);
  await until(() => life.events.some(({ event }) => event === 'expired'));
  alice.type(send('4', 'dave', 'x'));
  expect(await stored(alice)).toBe('STORED id=4 seq=2');
  alice.type(send('5', 'dave', 'x'));
  expect(await stored(alice)).toMatch(/^REFUSED id=5 code=too_many/);
});

test('mailboxes with mail are listed by name, in pages, whatever the order in which the names came', async () => {
  const life = await Life.start();
  // All numbers below 200, in no order.
  const names = Array.from({ length: 200 }, (_, i) => `n${(i * 7919) % 200}`);
  const alice = await life.client('alice');
  alice.type(names.map((name) => send(name, name, 'x')).join(''));
  for (const name of names) expect(await heard(alice, 'id')).toBe(`STORED id=${name}`);
  const bob = await life.client('n7');
  bob.type('RECEIVE window=1 drain=yes\n');
  await bob.next();
  bob.type('ACK seq=1\n');
  expect(await heard(bob)).toBe('EMPTY');
  const held = names.filter((name) => name !== 'n7').sort();
  expect(life.relay.waiting().map(({ name }) => name)).toEqual(held);
});

test('a page of mailboxes with mail begins right after a given name, however many there are', () => {
  const state = new State();
  const names = Array.from({ length: 200 }, (_, i) => `n${(i * 7919) % 200}`);
  for (const [lsn, to] of [...names, 'empty'].entries()) {
    const hash = { high: lsn, low: lsn };
    const message = { id: to, to, ttl: undefined, notify: undefined, size: 1, key: hash, proof: hash };
    const first = new Map([[to, 1]]);
    state.apply({ verb: 'SEND', from: 'alice', session: 's', first, messages: [message], at: 1, t: 0 }, lsn);
  }
  state.apply({ verb: 'ACK', to: 'empty', seq: 1, messages: [], at: 1, t: 0 }, names.length + 1);
  for (const most of [1, 3, 150, 500, Number.POSITIVE_INFINITY]) {
    const told: string[] = [];
    for (;;) {
      const page = statusPage(state, [], told.at(-1), most).map(({ name }) => name);
      expect(page.length).toBeLessThanOrEqual(most);
      if (page.length === 0) break;
      told.push(...page);
    }
    expect(told).toEqual([...names].sort());
  }
});
