// What is held in a nearly empty segment is moved, and the segment is freed. That changes nothing in a message, and what was acknowledged
// meanwhile does not come back. The log is in memory, its segments are small, and the test decides when something is durable.

import { expect, test } from 'vitest';
import { nothingCame, type RelayBench, restarted, startTheRelay, turns } from '../servers.ts';
import { heard, send } from './house.ts';
import { ALICE, BOB } from './talk.ts';

/** The entries of one segment, and what each counts for in bytes. */
const SEGMENT = 8;
const BYTES = 2000;

/** Makes the segments of a log small. @returns the first LSNs of the segments that the relay has freed */
async function shrink({ log: { log }, clock }: RelayBench): Promise<Set<number>> {
  const freed = new Set<number>();
  // A small disk, so that the relay keeps its log short. `used` leaves room for all that is sent.
  log.usage = async () => ({ used: -(2 ** 40), total: 4 });
  log.segments = () =>
    Array.from({ length: Math.floor(log.end / SEGMENT) + 1 }, (_, index) => index * SEGMENT)
      .filter((first) => !freed.has(first))
      .map((first) => ({ first, end: first + SEGMENT, size: BYTES }));
  log.free = (first) => void freed.add(first);
  const read = log.read.bind(log);
  log.read = async (lsn) => {
    expect(freed, `LSN ${lsn} is let go`).not.toContain(lsn - (lsn % SEGMENT));
    return read(lsn);
  };
  // The relay checks the segments every second.
  clock.advance(1000);
  await turns();
  return freed;
}

/** Fills segments with messages that come and go, and lets the relay check, until the segments of now are gone or something is moved. */
async function goOn(bench: RelayBench, freed: Set<number>, moved = false): Promise<void> {
  const { greeted, log, clock } = bench;
  const [zoe, dan] = [
    await greeted('HELLO version=1 as=zoe'),
    await greeted(`HELLO version=1 as=dan`),
  ] as const;
  dan.type('RECEIVE window=1\n');
  const { end } = log.log;
  const gone = (): boolean =>
    [...Array(Math.floor(end / SEGMENT) + 1).keys()].every((n) => freed.has(n * SEGMENT));
  for (let n = 0; moved ? !log.lines.some((line) => line.startsWith('MOVE ')) : !gone(); n++) {
    expect(n, 'nothing goes').toBeLessThan(200);
    zoe.type(send(`${end}-${n}`, 'dan', 'x'));
    await zoe.next();
    const seq = (await heard(dan, 'seq')).replace(/.*=(\d+):.*/, '$1');
    dan.type(`ACK seq=${seq}\n`);
    await nothingCame(dan);
    clock.advance(1000);
    await turns(20);
  }
  for (const client of [zoe, dan]) client.socket.destroy();
  await turns(20);
}

test('a message, a notice and a message that pretends to be one are the same after their segments are gone', async () => {
  const first = await startTheRelay();
  const freed = await shrink(first);
  const alice = await first.greeted(ALICE);
  // A client may say what it likes: it is not a notice.
  const forged = 'SEND id=3 to=carol seq=9 kind=receipt tried=yes size=6\nforged\n';
  alice.type(
    send('1', 'bob', 'x', 'notify=ann') + send('2', 'carol', 'held', 'ttl=9000 notify=ben') + forged,
  );
  for (let i = 0; i < 3; i++) expect(await heard(alice)).toBe('STORED');
  first.clock.advance(5000);
  const fay = await first.greeted('HELLO version=1 as=fay');
  fay.type(send('4', 'carol', 'beside it'));
  expect(await heard(fay)).toBe('STORED');
  const bob = await first.greeted(BOB);
  bob.type('RECEIVE window=1 drain=yes\n');
  expect(await heard(bob)).toBe('MESSAGE: x');
  bob.type('ACK seq=1\n');
  expect(await heard(bob)).toBe('EMPTY');
  const began = first.clock.epoch();
  // Moved once, and moved again: it is held in its new segment, too.
  const moves = (to: string): number =>
    first.log.lines.filter((line) => line.startsWith(`MOVE to=${to} `)).length;
  for (let round = 0; round < 2; round++) {
    const before = [moves('ann'), moves('carol')];
    await goOn(first, freed);
    expect([moves('ann') > (before[0] ?? 0), moves('carol') > (before[1] ?? 0)]).toEqual([true, true]);
  }
  // Once from memory, once read back from the log.
  for (const restart of [false, true]) {
    const { greeted, clock } = restart ? await restarted(first) : first;
    const passed = clock.epoch() - began;
    const what = ['seq', 'id', 'from', 'at', 'held', 'attempt', 'kind', 'tried'];
    const attempt = restart ? 2 : 1;
    const ann = await greeted('HELLO version=1 as=ann');
    ann.type('RECEIVE window=8\n');
    expect(await heard(ann, ...what)).toBe(
      `MESSAGE seq=1 id=1 from=relay at=${began} held=${passed} attempt=${attempt} kind=receipt: bob acknowledged 1`,
    );
    const carol = await greeted('HELLO version=1 as=carol');
    carol.type('RECEIVE window=8\n');
    const times = `from=alice at=${began - 5000} held=${passed + 5000} attempt=${attempt}`;
    expect(await heard(carol, ...what)).toBe(`MESSAGE seq=1 id=2 ${times}: held`);
    expect(await heard(carol, ...what)).toBe(`MESSAGE seq=2 id=3 ${times}: forged`);
    expect(await heard(carol, ...what)).toBe(
      `MESSAGE seq=3 id=4 from=fay at=${began} held=${passed} attempt=${attempt}: beside it`,
    );
    if (!restart) continue;
    carol.type('ACK seq=1\n');
    await nothingCame(carol);
    const ben = await greeted('HELLO version=1 as=ben');
    ben.type('RECEIVE window=8\n');
    expect(await heard(ben, 'id', 'kind')).toBe('MESSAGE id=2 kind=receipt: carol acknowledged 2');
  }
});

test('what is acknowledged while it is being moved does not come back', async () => {
  const first = await startTheRelay();
  const alice = await first.greeted(ALICE);
  alice.type(send('1', 'carol', 'a') + send('2', 'carol', 'b') + send('3', 'carol', 'c'));
  for (let i = 0; i < 3; i++) expect(await heard(alice)).toBe('STORED');
  const bench = await restarted(first);
  const { log } = bench;
  const freed = await shrink(bench);
  const carol = await bench.greeted('HELLO version=1 as=carol');
  carol.type('RECEIVE window=8\n');
  for (let seq = 1; seq <= 3; seq++) expect(await heard(carol, 'seq')).toContain(`MESSAGE seq=${seq}`);
  await goOn(bench, freed, true);
  expect(log.lines.filter((line) => line.startsWith('MOVE '))).toEqual([
    expect.stringContaining('numbers=1-3'),
  ]);
  carol.type('ACK seq=2\n');
  await nothingCame(carol);
  const again = await (await restarted(bench)).greeted('HELLO version=1 as=carol');
  again.type('RECEIVE window=8\n');
  expect(await heard(again, 'seq', 'attempt')).toBe('MESSAGE seq=3 attempt=2: c');
  await nothingCame(again);
});

test('when there is no room, two checkpoints are made, and each says which segments it points into', async () => {
  const bench = await startTheRelay();
  const { log, clock } = bench;
  await shrink(bench);
  const alice = await bench.greeted(ALICE);
  alice.type(send('1', 'carol', 'x'));
  expect(await heard(alice)).toBe('STORED');
  const checkpoint = log.log.checkpoint.bind(log.log);
  const taken: (readonly number[])[] = [];
  log.log.checkpoint = (take) =>
    checkpoint((lsn) => {
      const snapshot = take(lsn);
      taken.push(snapshot.segments);
      return snapshot;
    });
  log.room = 'no';
  clock.advance(1000);
  await turns(20);
  expect(taken).toEqual([[0], [0]]);
});
