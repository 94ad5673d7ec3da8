// What cannot be refused waits while there is no room for it, not even in the reserve: acknowledgements and expiries. And how many of them
// one entry holds. The log is in memory, and the test decides how much room it has.

import { expect, test } from 'vitest';
import type { Log } from '../../src/async/log/log.ts';
import { aRefusal, nothingCame, type RelayBench, restarted, startTheRelay, turns } from '../servers.ts';
import { field, heard, send } from './house.ts';
import { ALICE, BOB, message, stored } from './talk.ts';

/** The durable entries with this verb, in order: the first line of each. */
const entries = ({ log }: RelayBench, verb: string): string[] =>
  log.lines.filter((line) => line.startsWith(`${verb} `)).map((line) => line.split(' |')[0] ?? '');

test('an acknowledgement waits for room, and BYE and EMPTY wait for it', async () => {
  const bench = await startTheRelay();
  const { greeted, log, clock } = bench;
  await stored(await greeted(ALICE), 'a', 'b');
  const bob = await greeted(BOB);
  bob.type('RECEIVE window=8 drain=yes\n');
  expect([await message(bob), await message(bob)]).toEqual(['1 1 a', '2 1 b']);
  log.log.spare = 0;
  bob.type('ACK seq=1\nACK seq=2\n');
  await nothingCame(bob);
  bob.type('BYE\n');
  clock.advance(1000);
  await turns(20);
  expect(bob.frames.at(-1)?.verb).toBe('PONG');
  expect(entries(bench, 'ACK')).toEqual([]);
  log.log.spare = Number.POSITIVE_INFINITY;
  clock.advance(1000);
  expect(await bob.next()).toEqual(['BYE', undefined]);
  expect(entries(bench, 'ACK')).toEqual(['ACK to=bob seq=2']);
});

test('an acknowledgement that waited for room removes nothing if a later session was faster', async () => {
  const bench = await startTheRelay();
  const { greeted, log, clock } = bench;
  await stored(await greeted(ALICE), 'a', 'b');
  const first = await greeted(BOB);
  first.type('RECEIVE window=1\n');
  expect(await message(first)).toBe('1 1 a');
  log.log.spare = 0;
  first.type('ACK seq=1\n');
  await nothingCame(first);
  const second = await greeted('HELLO version=1 as=bob session=c try=1');
  second.type('RECEIVE window=8\n');
  expect([await message(second), await message(second)]).toEqual(['1 2 a', '2 1 b']);
  log.log.spare = Number.POSITIVE_INFINITY;
  second.type('ACK seq=2\n');
  await nothingCame(second);
  clock.advance(1000);
  await turns(20);
  expect(entries(bench, 'ACK')).toEqual(['ACK to=bob seq=2']);
});

test('an expiry waits for room, and is tried again', async () => {
  const bench = await startTheRelay();
  const { greeted, log, clock } = bench;
  const alice = await greeted(ALICE);
  alice.type(send('1', 'bob', 'x', 'ttl=5 notify=alice'));
  expect(await heard(alice)).toBe('STORED');
  log.log.spare = 0;
  for (let second = 0; second < 8; second++, await turns()) clock.advance(1000);
  expect(entries(bench, 'EXPIRE')).toEqual([]);
  log.log.spare = Number.POSITIVE_INFINITY;
  for (let second = 0; second < 3; second++, await turns()) clock.advance(1000);
  expect(entries(bench, 'EXPIRE')).toEqual(['EXPIRE to=bob numbers=1']);
  alice.type('RECEIVE window=1\n');
  expect(await heard(alice, 'id', 'kind')).toContain('MESSAGE id=1 kind=bounce');
});

test('a message that cannot be read when its ttl ends expires later and delays no other', async () => {
  const first = await startTheRelay();
  const alice = await first.greeted(ALICE);
  alice.type(send('1', 'bob', 'x', 'ttl=5'));
  expect(await heard(alice)).toBe('STORED');
  alice.type(send('2', 'carol', 'x', 'ttl=6'));
  expect(await heard(alice)).toBe('STORED');
  const bench = await restarted(first);
  const { log, clock } = bench;
  const read = log.log.read.bind(log.log);
  const bad = log.log.entries.findIndex((entry) => entry.includes('id=1'));
  log.log.read = async (lsn) => {
    if (lsn === bad) throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
    return read(lsn);
  };
  for (let second = 0; second < 10; second++, await turns()) clock.advance(1000);
  expect(entries(bench, 'EXPIRE')).toEqual(['EXPIRE to=carol numbers=1']);
  log.log.read = read;
  for (let second = 0; second < 62; second++, await turns()) clock.advance(1000);
  expect(entries(bench, 'EXPIRE')).toEqual(['EXPIRE to=carol numbers=1', 'EXPIRE to=bob numbers=1']);
});

test('one entry holds at most 200 receipts, and at most 40 bounces', async () => {
  const bench = await startTheRelay();
  const { greeted, clock } = bench;
  const alice = await greeted(ALICE);
  for (const [count, to, more] of [
    [250, 'bob', 'notify=ann'],
    [90, 'carol', 'ttl=5 notify=ben'],
  ] as const) {
    const ids = Array.from({ length: count }, (_, n) => `${to}-${n}`);
    alice.type(ids.map((id) => send(id, to, 'x', more)).join(''));
    for (const id of ids) expect(field((await alice.next())[0], 'id')).toBe(id);
  }
  const bob = await greeted(BOB);
  bob.type('RECEIVE window=300 drain=yes\n');
  for (let seq = 1; seq <= 250; seq++) expect(await heard(bob, 'seq')).toBe(`MESSAGE seq=${seq}: x`);
  bob.type('ACK seq=250\n');
  expect(await heard(bob)).toBe('EMPTY');
  expect(entries(bench, 'ACK')).toEqual(['ACK to=bob seq=200', 'ACK to=bob seq=250']);
  for (let second = 0; second < 8; second++, await turns(20)) clock.advance(1000);
  const bounces = bench.log.lines
    .filter((line) => line.startsWith('EXPIRE '))
    .map((line) => line.split(' | '));
  expect(bounces.map(({ length }) => length - 1).filter((count) => count > 40)).toEqual([]);
  const waiting = bench.relay.waiting().map(({ name, held }) => `${name} ${held}`);
  expect(waiting).toEqual(['ann 250', 'ben 90']);
});

test('the check for room includes what the run has taken, a notice, and a checkpoint of now', async () => {
  const { greeted, log } = await startTheRelay();
  const alice = await greeted(ALICE);
  const seam: Log = log.log;
  seam.hasRoom = (bytes, checkpoint) => (checkpoint > 0 && bytes <= 5000 ? 'yes' : 'no');
  const large = (id: string, size: number): string => send(id, 'bob', 'x'.repeat(size));
  // The message alone would fit, but not with its notice.
  alice.type(large('1', 4000));
  expect(await alice.next()).toEqual(aRefusal('1', 'disk_full'));
  // Each would fit, but not both.
  alice.type(large('2', 2000) + large('3', 2000));
  expect(await alice.next()).toEqual(aRefusal('3', 'disk_full'));
  expect(await heard(alice, 'id')).toBe('STORED id=2');
  seam.hasRoom = (_bytes, checkpoint) => (checkpoint > 0 ? 'no' : 'yes');
  alice.type(large('4', 1));
  expect(await alice.next()).toEqual(aRefusal('4', 'disk_full'));
});
