// What the relay answers to RECEIVE and ACK, typed as bytes, and when it says EMPTY. The log is in memory, and the test decides when
// something is durable.

import { describe, expect, test } from 'vitest';
import { DetourError } from '../../src/core/error.ts';
import type { RawClient } from '../harness.ts';
import { anError, nothingCame, restarted, startTheRelay, turns, until } from '../servers.ts';
import { heard, send } from './house.ts';
import { ALICE, BOB, message, stored } from './talk.ts';

describe('RECEIVE', () => {
  test('brings what waits, in order, as much as the window allows, and more for each message that is acknowledged', async () => {
    const { greeted } = await startTheRelay();
    await stored(await greeted(ALICE), 'a', 'b', 'c', 'd', 'e');
    const bob = await greeted(BOB);
    bob.type('RECEIVE window=2\n');
    expect(await message(bob)).toBe('1 1 a');
    expect(await message(bob)).toBe('2 1 b');
    await nothingCame(bob);
    bob.type('ACK seq=1\n');
    expect(await message(bob)).toBe('3 1 c');
    await nothingCame(bob);
    bob.type('ACK seq=3\n');
    expect(await message(bob)).toBe('4 1 d');
    expect(await message(bob)).toBe('5 1 e');
  });

  test('does not bring what expires while it is being read from the disk, but brings the next', async () => {
    const first = await startTheRelay();
    const sender = await first.greeted(ALICE);
    sender.type(send('1', 'bob', 'short', 'ttl=5 notify=alice') + send('2', 'bob', 'long'));
    expect(await heard(sender, 'seq')).toBe('STORED seq=1');
    expect(await heard(sender, 'seq')).toBe('STORED seq=2');
    const { greeted, log, clock } = await restarted(first);
    const reads: (() => void)[] = [];
    const read = log.log.read.bind(log.log);
    log.log.read = async (lsn) => {
      await new Promise<void>((done) => reads.push(done));
      return read(lsn);
    };
    const bob = await greeted(BOB);
    bob.type('RECEIVE window=8\n');
    await until(() => reads.length === 1);
    clock.advance(6_000);
    log.log.read = read;
    for (const done of reads) done();
    // It is removed at the next check for expiry.
    for (; bob.frames.length === 1; await turns()) clock.advance(1_000);
    expect(await message(bob)).toBe('2 1 long');
    const alice = await greeted(ALICE);
    alice.type('RECEIVE window=8\n');
    // It was never written to bob, so tried=no is a NOT DELIVERED.
    expect(await heard(alice, 'id', 'kind', 'tried')).toMatch(/^MESSAGE id=1 kind=bounce tried=no/);
  });

  test('brings what comes later, when it is durable', async () => {
    const { greeted, log } = await startTheRelay();
    const bob = await greeted(BOB);
    bob.type('RECEIVE window=8\n');
    await nothingCame(bob);
    log.held = true;
    const alice = await greeted(ALICE);
    alice.type(send('1', 'bob', 'x'));
    await until(() => log.pending === 1);
    await nothingCame(bob);
    log.release();
    const [line, body] = await bob.next();
    expect(line).toMatch(/^MESSAGE seq=1 id=1 from=alice at=\d{13} held=\d+ attempt=1 size=1$/);
    expect(body).toBe('x');
  });

  test('with limit brings that many in all, and as many again after another RECEIVE', async () => {
    const { greeted } = await startTheRelay();
    await stored(await greeted(ALICE), 'a', 'b', 'c');
    const bob = await greeted(BOB);
    bob.type('RECEIVE window=8 limit=1\n');
    expect(await message(bob)).toBe('1 1 a');
    bob.type('ACK seq=1\n');
    await nothingCame(bob);
    bob.type('RECEIVE window=1 limit=5\n');
    expect(await message(bob)).toBe('2 1 b');
    await nothingCame(bob);
    bob.type('ACK seq=2\n');
    expect(await message(bob)).toBe('3 1 c');
  });

  test('again on the same connection leaves what is in flight', async () => {
    const { greeted } = await startTheRelay();
    await stored(await greeted(ALICE), 'a', 'b');
    const bob = await greeted(BOB);
    bob.type('RECEIVE window=1\n');
    expect(await message(bob)).toBe('1 1 a');
    bob.type('RECEIVE window=2\n');
    expect(await message(bob)).toBe('2 1 b');
    await nothingCame(bob);
  });

  test('brings again what was not acknowledged, in order, and says so', async () => {
    const { greeted } = await startTheRelay();
    await stored(await greeted(ALICE), 'a', 'b', 'c');
    for (const attempt of [1, 2, 3]) {
      const bob = await greeted('HELLO version=1 as=bob');
      bob.type('RECEIVE window=2\n');
      expect(await message(bob)).toBe(`1 ${attempt} a`);
      expect(await message(bob)).toBe(`2 ${attempt} b`);
      bob.socket.destroy();
    }
    const bob = await greeted('HELLO version=1 as=bob');
    bob.type('RECEIVE window=3\n');
    expect(await message(bob)).toBe('1 4 a');
    expect(await message(bob)).toBe('2 4 b');
    expect(await message(bob)).toBe('3 1 c');
  });

  test('distinguishes sixteen connections that were sent something, and never counts one too few', async () => {
    const { greeted } = await startTheRelay();
    const bodies = Array.from({ length: 18 }, (_, n) => `${n + 1}`);
    await stored(await greeted(ALICE), ...bodies);
    // The connection that was sent the most is the first.
    for (const window of [17, ...Array.from({ length: 16 }, (_, n) => n + 1)]) {
      const bob = await greeted('HELLO version=1 as=bob');
      bob.type(`RECEIVE window=${window}\n`);
      for (let seq = 1; seq <= window; seq++) expect(await message(bob)).toMatch(`${seq} `);
      bob.socket.destroy();
    }
    const bob = await greeted('HELLO version=1 as=bob');
    bob.type('RECEIVE window=18\n');
    const attempts: number[] = [];
    for (const _ of bodies) attempts.push(Number((await message(bob)).split(' ')[1]));
    expect(attempts).toEqual([17, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
  });

  test('has at most 4,096 messages in flight, whatever its window', async () => {
    const { greeted } = await startTheRelay();
    const alice = await greeted(ALICE);
    for (let sent = 0; sent <= 4096; sent += 241) {
      const ids = Array.from({ length: Math.min(241, 4097 - sent) }, (_, n) => `${sent + n}`);
      alice.type(ids.map((id) => send(id, 'bob', '')).join(''));
      for (const _ of ids) await alice.next();
    }
    const bob = await greeted(BOB);
    bob.type('RECEIVE window=999999\n');
    for (let seq = 1; seq <= 4096; seq++) await bob.next();
    await nothingCame(bob);
    bob.type('ACK seq=1\n');
    expect(await message(bob)).toBe('4097 1 ');
  });

  test('reads bodies back from the disk when they are not in memory any more, in order', async () => {
    const first = await startTheRelay();
    await stored(await first.greeted(ALICE), 'a', 'b', 'c');
    const { greeted } = await restarted(first);
    const bob = await greeted(BOB);
    bob.type('RECEIVE window=8 drain=yes\n');
    for (const expected of ['1 1 a', '2 1 b', '3 1 c']) expect(await message(bob)).toBe(expected);
    bob.type('ACK seq=3\n');
    expect(await bob.next()).toEqual(['EMPTY', undefined]);
  });

  test('reads a body again a second later if that failed for a temporary reason', async () => {
    const first = await startTheRelay();
    await stored(await first.greeted(ALICE), 'a', 'b');
    const { greeted, log, clock } = await restarted(first);
    const read = log.log.read.bind(log.log);
    let failed = 0;
    log.log.read = async () => {
      failed += 1;
      throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
    };
    const bob = await greeted(BOB);
    bob.type('RECEIVE window=8\n');
    await until(() => failed === 1);
    await nothingCame(bob);
    log.log.read = read;
    clock.advance(999);
    await turns();
    await nothingCame(bob);
    clock.advance(1);
    expect(await message(bob)).toBe('1 1 a');
    expect(await message(bob)).toBe('2 1 b');
  });

  test('from a mailbox with a damaged message: ERROR code=damaged, now and later, and nothing is skipped', async () => {
    const first = await startTheRelay();
    await stored(await first.greeted(ALICE), 'a');
    await stored(await first.greeted('HELLO version=1 as=alice'), 'b');
    const { greeted, log } = await restarted(first);
    const bad = log.log.entries.findIndex((entry) => entry.includes('id=id-a'));
    const read = log.log.read.bind(log.log);
    log.log.read = async (lsn) => {
      if (lsn === bad) throw new DetourError('damaged', '0.wal, byte 42: the crc is wrong');
      return read(lsn);
    };
    for (const _ of [1, 2]) {
      const bob = await greeted('HELLO version=1 as=bob');
      bob.type('RECEIVE window=8\n');
      const [line, body] = await bob.next();
      expect([line, body]).toEqual(anError('damaged'));
      expect(body).toContain('0.wal, byte 42');
      await bob.end();
      expect(bob.frames.map(({ verb }) => verb)).toEqual(['READY', 'ERROR']);
    }
    const anyone = await greeted(ALICE.replace('try=1', 'try=2'));
    anyone.type('STATUS\n');
    expect(await heard(anyone, 'name', 'held', 'connected')).toBe('MAILBOX name=bob held=2 connected=no');
  });

  test('from another session: the previous one gets BYE code=replaced, and what it had comes again', async () => {
    const { greeted } = await startTheRelay();
    const alice = await greeted(ALICE);
    await stored(alice, 'a');
    const old = await greeted(BOB);
    old.type('RECEIVE window=8\n');
    expect(await message(old)).toBe('1 1 a');
    const young = await greeted('HELLO version=1 as=bob session=c try=1');
    young.type('RECEIVE window=8\n');
    expect(await old.next()).toEqual(['BYE code=replaced by=127.0.0.1', undefined]);
    await old.end();
    expect(await message(young)).toBe('1 2 a');
    await stored(alice, 'b');
    expect(await message(young)).toBe('2 1 b');
  });

  test('from another session, on a mailbox that never had mail: the new one gets what comes', async () => {
    const { greeted } = await startTheRelay();
    const old = await greeted(BOB);
    old.type('RECEIVE window=8\n');
    await nothingCame(old);
    const young = await greeted('HELLO version=1 as=bob session=c try=1');
    young.type('RECEIVE window=8\n');
    expect(await old.next()).toEqual(['BYE code=replaced by=127.0.0.1', undefined]);
    const alice = await greeted(ALICE);
    alice.type(send('1', 'bob', 'x'));
    expect(await alice.next()).toEqual(['STORED id=1 seq=1 present=yes', undefined]);
    expect(await message(young)).toBe('1 1 x');
  });

  test('a replaced connection first gets the answers to what it has sent', async () => {
    const { greeted, log } = await startTheRelay();
    const old = await greeted(BOB);
    old.type('RECEIVE window=8\n');
    await nothingCame(old);
    log.held = true;
    old.type(send('1', 'alice', 'x'));
    await until(() => log.pending > 0);
    const young = await greeted('HELLO version=1 as=bob session=c try=1');
    young.type('RECEIVE window=8\n');
    await nothingCame(young);
    log.release();
    expect(await old.next()).toEqual(['STORED id=1 seq=1 present=never', undefined]);
    expect(await old.next()).toEqual(['BYE code=replaced by=127.0.0.1', undefined]);
  });

  test('from the same session with a higher try: the ghost is closed without a word', async () => {
    const { greeted } = await startTheRelay();
    await stored(await greeted(ALICE), 'a');
    const old = await greeted(BOB);
    old.type('RECEIVE window=8\n');
    await message(old);
    const young = await greeted('HELLO version=1 as=bob session=b try=2');
    young.type('RECEIVE window=8\n');
    await old.end();
    expect(old.frames.map(({ verb }) => verb)).toEqual(['READY', 'MESSAGE']);
    expect(await message(young)).toBe('1 2 a');
  });
});

describe('ACK', () => {
  test.each([
    ['above what was sent', 'RECEIVE window=1\n', 'ACK seq=2\n', true],
    ['far above', 'RECEIVE window=1\n', 'ACK seq=999999999999999\n', true],
    ['without RECEIVE', '', 'ACK seq=1\n', true],
    ['of what is already acknowledged', 'RECEIVE window=1 limit=1\n', 'ACK seq=1\nACK seq=1\n', false],
  ])('%s', async (_what, before, bytes, bad) => {
    const { greeted } = await startTheRelay();
    await stored(await greeted(ALICE), 'a', 'b');
    const bob = await greeted(BOB);
    bob.type(before);
    if (before !== '') expect(await message(bob)).toBe('1 1 a');
    bob.type(bytes);
    if (bad) {
      expect(await bob.next()).toEqual(anError('bad_ack'));
      await bob.end();
    } else await nothingCame(bob);
    // Whatever the ACK was, only what had been sent is gone.
    const later = await greeted('HELLO version=1 as=bob');
    later.type('RECEIVE window=8\n');
    expect(await message(later)).toBe(bad ? `1 ${before === '' ? 1 : 2} a` : '2 1 b');
  });

  test.each(['bob', 'w-bob'])(
    'of what %s has acknowledged, on a connection that is not collecting',
    async (name) => {
      const { greeted } = await startTheRelay();
      const alice = await greeted(ALICE);
      alice.type(send('1', name, 'x'));
      expect(await heard(alice)).toBe('STORED');
      const first = await greeted(`HELLO version=1 as=${name}`);
      first.type('RECEIVE window=1 drain=yes\n');
      expect(await message(first)).toBe('1 1 x');
      first.type('ACK seq=1\n');
      expect(await first.next()).toEqual(['EMPTY', undefined]);
      const late = await greeted(`HELLO version=1 as=${name}`);
      late.type('ACK seq=1\n');
      await nothingCame(late);
      late.type('ACK seq=2\n');
      expect(await late.next()).toEqual(anError('bad_ack'));
    },
  );

  test('for a mailbox that never existed', async () => {
    const { greeted } = await startTheRelay();
    const carol = await greeted('HELLO version=1 as=carol');
    carol.type('ACK seq=1\n');
    expect(await carol.next()).toEqual(anError('bad_ack'));
  });
});

describe('EMPTY', () => {
  test('comes immediately when nothing is held, and only once', async () => {
    const { greeted } = await startTheRelay();
    const bob = await greeted(BOB);
    bob.type('RECEIVE window=8 drain=yes\n');
    expect(await bob.next()).toEqual(['EMPTY', undefined]);
    const alice = await greeted(ALICE);
    await stored(alice, 'a');
    expect(await message(bob)).toBe('1 1 a');
    bob.type('ACK seq=1\n');
    await turns();
    await nothingCame(bob);
  });

  test('comes when everything that was held is durably acknowledged; what came later does not count', async () => {
    const { greeted, log } = await startTheRelay();
    const alice = await greeted(ALICE);
    await stored(alice, 'a', 'b');
    const bob = await greeted(BOB);
    bob.type('RECEIVE window=8 drain=yes\n');
    await message(bob);
    await message(bob);
    await stored(alice, 'c');
    expect(await message(bob)).toBe('3 1 c');
    bob.type('ACK seq=1\n');
    await turns();
    await nothingCame(bob);
    log.held = true;
    bob.type('ACK seq=2\n');
    await until(() => log.undurable > 0);
    await nothingCame(bob);
    log.release();
    expect(await bob.next()).toEqual(['EMPTY', undefined]);
  });
});

describe('the end of a collector is reported', () => {
  type Bench = Awaited<ReturnType<typeof startTheRelay>>;
  type End = (bob: RawClient, bench: Bench) => void;
  const left = ({ events }: Bench): unknown[] =>
    events.filter((event) => event.event === 'mailbox' && event.state !== 'collecting');

  test.for<[string, End, string]>([
    ['BYE', (bob) => bob.type('BYE\n'), 'bye'],
    ['FIN without BYE', (bob) => bob.socket.end(), 'fin'],
    ['RST', (bob) => bob.socket.resetAndDestroy(), 'ECONNRESET'],
    ['ERROR from the client', (bob) => bob.type('ERROR code=failed size=1\nx\n'), 'error'],
    ['ERROR from the relay', (bob) => bob.type('ACK seq=9\n'), 'error'],
    ['a newer connection', (_, { greeted }) => void greeted(BOB.replace('try=1', 'try=2')), 'superseded'],
    ['a relay that stops', (_, { relay }) => void relay.close(), 'stopped'],
  ])('%s', async ([, end, how]) => {
    const bench = await startTheRelay();
    await stored(await bench.greeted(ALICE), 'a', 'b', 'c', 'd');
    const bob = await bench.greeted(BOB);
    bob.type('RECEIVE window=2\n');
    for (let i = 0; i < 2; i += 1) await message(bob);
    bob.type('ACK seq=1\n');
    await message(bob);
    end(bob, bench);
    await until(() => left(bench).length > 0);
    expect(left(bench)).toEqual([{ event: 'mailbox', name: 'bob', state: 'left', how, again: 2, held: 3 }]);
  });

  test('silence', async () => {
    const bench = await startTheRelay();
    await stored(await bench.greeted(ALICE), 'a');
    const bob = await bench.greeted(`${BOB} heartbeat=1`);
    bob.type('RECEIVE window=2\n');
    await message(bob);
    for (let i = 0; i < 4; i += 1) {
      bench.clock.advance(1_000);
      await turns();
    }
    expect(left(bench)).toEqual([expect.objectContaining({ state: 'left', how: 'silent', again: 1 })]);
  });

  test('after his last acknowledgement, which is durable later', async () => {
    const bench = await startTheRelay();
    await stored(await bench.greeted(ALICE), 'a', 'b');
    const bob = await bench.greeted(BOB);
    bob.type('RECEIVE window=2\n');
    for (let i = 0; i < 2; i += 1) await message(bob);
    bench.log.held = true;
    bob.type('ACK seq=1\nBYE\n');
    await turns(10);
    expect(left(bench)).toEqual([]);
    bench.log.release();
    await until(() => left(bench).length > 0);
    expect(bench.events.filter(({ event }) => event === 'acknowledged' || event === 'mailbox')).toEqual([
      { event: 'mailbox', name: 'bob', state: 'collecting' },
      { event: 'acknowledged', to: 'bob', seq: 1, held: 1 },
      { event: 'mailbox', name: 'bob', state: 'left', how: 'bye', again: 1, held: 1 },
    ]);
  });

  test('when another takes over, before that one collects', async () => {
    const bench = await startTheRelay();
    await stored(await bench.greeted(ALICE), 'a');
    const bob = await bench.greeted(BOB);
    bob.type('RECEIVE window=2\n');
    await message(bob);
    const other = await bench.greeted(BOB.replace('session=b', 'session=c'));
    other.type('RECEIVE window=2\n');
    await message(other);
    expect(bench.events.filter(({ event }) => event === 'mailbox')).toEqual([
      { event: 'mailbox', name: 'bob', state: 'collecting' },
      { event: 'mailbox', name: 'bob', state: 'replaced', again: 1, held: 1 },
      { event: 'mailbox', name: 'bob', state: 'collecting' },
    ]);
  });
});
