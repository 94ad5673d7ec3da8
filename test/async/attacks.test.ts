// A lot of everything, sent by strangers. What it costs the relay is counted, not timed. scripts/torture/attacks.ts does the same at full
// size and measures time and memory.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HeldMessages } from '../../src/async/held.ts';
import { openDiskLog } from '../../src/async/log/disk.ts';
import type { OpenLog } from '../../src/async/log/log.ts';
import { Machine } from '../../src/async/machine.ts';
import type { State } from '../../src/async/state.ts';
import { FakeClock } from '../fake-clock.ts';
import { type RawClient, tempDir } from '../harness.ts';
import { restarted, startTheRelay, turns } from '../servers.ts';
import { heard, Life, send } from './house.ts';
import { TestLog } from './memory-log.ts';

const MINUTE = 60_000;

/** Sends messages in one write and waits until all are stored. */
async function stores(client: RawClient, count: number, message: (n: number) => string): Promise<void> {
  client.type(Array.from({ length: count }, (_, n) => message(n)).join(''));
  for (let n = 0; n < count; n++) expect(await heard(client)).toBe('STORED');
}

/** Replays a log, as a start does. */
async function stateOf(open: OpenLog): Promise<State> {
  const nothing = (): void => {};
  const listener = { durable: nothing, room: nothing, failed: nothing, torn: nothing, notice: nothing };
  const machine = new Machine('relay', new FakeClock(), listener);
  await machine.open(open);
  await machine.log.close();
  return machine.state;
}

/** The memory that the index of held messages takes, in bytes. */
const bytesOf = (held: HeldMessages): number =>
  held.freeze().reduce((sum, { words }) => sum + words.buffer.byteLength, 0);

test('a held message takes little more than 16 bytes of memory, even after a restart and even if its mailbox has no other', async () => {
  const life = await Life.start(join(tempDir(), 'journal'));
  const alice = await life.client('alice');
  await stores(alice, 3000, (n) => send(`${n}`, n % 2 === 0 ? 'bob' : 'carol', 'x'.repeat(128)));
  await stores(alice, 500, (n) => send(`more-${n}`, `name-${n}`, ''));
  await life.stop();
  const { count, mailboxes } = await stateOf((owner) => openDiskLog({ dir: life.dir }, owner));
  expect(count).toBe(3500);
  for (const { name, held, count: waiting } of mailboxes.values())
    expect(bytesOf(held), name).toBeLessThanOrEqual(Math.max(64, 24 * waiting));
  const much = new HeldMessages();
  const place = { lsn: 1, index: 0, size: 128, at: 1_700_000_000_000, notify: false };
  for (let seq = 1; seq <= 100_000; seq++) much.put(seq, place);
  expect(bytesOf(much)).toBeLessThanOrEqual(24 * 100_000);
});

test('an id that many sessions repeat has one record, which is found immediately', async () => {
  const bench = await startTheRelay();
  for (let n = 0; n < 300; n++) {
    const client = await bench.greeted(`HELLO version=1 as=alice session=s${n} try=1`);
    client.type(send('1', 'bob', 'x'));
    expect(await heard(client, 'seq', 'dup')).toBe(`STORED seq=1${n === 0 ? '' : ' dup=yes'}`);
    client.socket.destroy();
  }
  const { ids } = await stateOf(new TestLog(bench.log).open);
  expect([ids.sessions.length, ids.links, ids.count, ids.most]).toEqual([300, 300, 1, 1]);
});

test('a message that one session sends again and again costs one log entry a minute', async () => {
  const { greeted, log, clock } = await startTheRelay();
  const alice = await greeted('HELLO version=1 as=alice session=s try=1');
  const again = (): string => send('1', 'bob', 'x');
  const entries = (verb: string): number => log.lines.filter((line) => line.startsWith(`${verb} `)).length;
  await stores(alice, 1000, again);
  expect([entries('SEND'), entries('REPEAT')]).toEqual([1, 0]);
  for (let minute = 1; minute <= 3; minute++) {
    clock.advance(MINUTE + 1);
    await stores(alice, 500, again);
    expect([entries('SEND'), entries('REPEAT')]).toEqual([1, minute]);
  }
});

test('names that were used once do not use up the limit: a new one begins at 1, or above those that were forgotten', {
  tags: ['slow'],
}, async () => {
  const bench = await startTheRelay({ limits: { names: 24_000 } });
  const alice = await bench.greeted('HELLO version=1 as=alice');
  const use = async (count: number, prefix: string): Promise<void> => {
    await stores(alice, count, (n) => send(`${prefix}${n}`, `${prefix}${n}`, '', 'ttl=1'));
    while (bench.relay.waiting().some(({ name }) => name.startsWith(prefix))) {
      bench.clock.advance(1000);
      await turns();
    }
  };
  await use(5100, 'a');
  alice.type(send('first', 'first', ''));
  expect(await heard(alice, 'id', 'seq')).toBe('STORED id=first seq=1');
  await use(5100, 'b');
  alice.type(send('second', 'second', '') + send('old', 'first', ''));
  expect(await heard(alice, 'id', 'seq')).toBe('STORED id=second seq=2');
  expect(await heard(alice, 'id', 'seq')).toBe('STORED id=old seq=2');
});

test('a receiver does not have to wait for many expired messages before the next one', async () => {
  const bench = await startTheRelay();
  const alice = await bench.greeted('HELLO version=1 as=alice');
  await stores(alice, 3000, (n) => send(`${n}`, 'bob', '', 'ttl=1'));
  await stores(alice, 1, () => send('last', 'bob', 'at last'));
  while (bench.relay.waiting()[0]?.held !== 1) {
    bench.clock.advance(1000);
    await turns();
  }
  for (const restart of [false, true]) {
    const { greeted } = restart ? await restarted(bench) : bench;
    const bob = await greeted('HELLO version=1 as=bob');
    bob.type('RECEIVE window=1\n');
    expect(await heard(bob, 'seq', 'id')).toBe('MESSAGE seq=3001 id=last: at last');
  }
  const state = await stateOf(new TestLog(bench.log).open);
  expect(state.mailboxes.get('bob')?.held.freeze()).toHaveLength(1);
});

test('recipients that come back at the same time to a lot of mail keep nobody waiting: a newcomer is greeted in between', async () => {
  const bench = await startTheRelay();
  const names = Array.from({ length: 10 }, (_, n) => `name-${n}`);
  for (const name of names) {
    const alice = await bench.greeted('HELLO version=1 as=alice');
    await stores(alice, 600, (n) => send(`${name}-${n}`, name, 'x'.repeat(100)));
  }
  const all = await Promise.all(names.map((name) => bench.greeted(`HELLO version=1 as=${name}`)));
  bench.events.length = 0;
  for (const client of all) client.type('RECEIVE window=4096 drain=yes\n');
  // They are being served now.
  await all[0]?.next();
  await bench.greeted('HELLO version=1 as=newcomer');
  const sent = bench.events.flatMap((event) => (event.event === 'sent' ? [event.verb] : []));
  const before = sent.slice(0, sent.indexOf('READY')).filter((verb) => verb === 'MESSAGE').length;
  expect(before).toBeGreaterThan(0);
  expect(before).toBeLessThan(6000);
});
