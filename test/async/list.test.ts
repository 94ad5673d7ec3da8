// The answer to LIST: what it says of each message, in which pages, and what many who ask at the same time cost.

import { expect, onTestFinished, test, vi } from 'vitest';
import type { Admission } from '../../src/async/admission.ts';
import type { Delivery } from '../../src/async/delivery.ts';
import { HeldMessages, type Place } from '../../src/async/held.ts';
import type { Machine } from '../../src/async/machine.ts';
import type { Retention } from '../../src/async/retention.ts';
import { Answers, LIST_BYTES, LIST_PAGE } from '../../src/async/status.ts';
import { HELLO_MS } from '../../src/exchange/limits.ts';
import type { Message } from '../../src/wire/verbs.ts';
import { RawClient } from '../harness.ts';
import { type RelayBench, restarted, startTheRelay, turns, until } from '../servers.ts';
import { field, heard, send } from './house.ts';
import { ALICE, BOB, message } from './talk.ts';

const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `name-${n}`);
const KEYS = ['seq', 'id', 'from', 'bytes', 'attempts', 'kind'] as const;

/** Asks for one page. @returns its lines, each as `heard` writes it */
async function list(client: RawClient, question: string): Promise<string[]> {
  client.type(`${question}\n`);
  const lines: string[] = [];
  do lines.push(await heard(client, 'name', 'held', ...KEYS));
  while (!lines.at(-1)?.startsWith('END'));
  return lines.map((line) => line.replace(/^(ITEM) held=\d+/, '$1'));
}

/** A client without a HELLO. */
async function stranger({ port }: RelayBench): Promise<RawClient> {
  const client = await RawClient.connect(port);
  await client.next();
  return client;
}

async function stores(bench: RelayBench, ...sends: string[]): Promise<void> {
  const alice = await bench.greeted('HELLO version=1 as=alice');
  alice.type(sends.join(''));
  for (const _ of sends) expect(await heard(alice)).toBe('STORED');
}

test('each message with its number, id, sender, size and attempts, also to who has not said HELLO', async () => {
  const bench = await startTheRelay();
  const anyone = await stranger(bench);
  expect(await list(anyone, 'LIST name=bob')).toEqual(['MAILBOX name=bob held=0 bytes=0', 'END']);
  await stores(bench, send('a', 'bob', 'xx', 'notify=alice'), send('b', 'bob', ''), send('c', 'carol', 'x'));
  const bob = await bench.greeted(BOB);
  bob.type('RECEIVE window=1\n');
  await message(bob);
  expect(await list(anyone, 'LIST name=bob')).toEqual([
    'MAILBOX name=bob held=2 bytes=2',
    'ITEM seq=1 id=a from=alice bytes=2 attempts=1',
    'ITEM seq=2 id=b from=alice bytes=0 attempts=0',
    'END',
  ]);
  bob.type('ACK seq=1\n');
  await message(bob);
  expect(await list(anyone, 'LIST name=bob')).toEqual([
    'MAILBOX name=bob held=1 bytes=0',
    'ITEM seq=2 id=b from=alice bytes=0 attempts=1',
    'END',
  ]);
  expect((await list(anyone, 'LIST name=alice'))[1]).toMatch(/^ITEM seq=1 id=a from=relay .* kind=receipt$/);
  // A relay that has started again knows no connections, only that there was a collector.
  const next = await restarted(bench);
  expect((await list(await stranger(next), 'LIST name=bob'))[1]).toBe(
    'ITEM seq=2 id=b from=alice bytes=0 attempts=1',
  );
  expect((await list(await stranger(next), 'LIST name=carol'))[1]).toContain('attempts=0');
});

test('the time since it was stored is measured by the clock by which messages age', async () => {
  const bench = await startTheRelay();
  await stores(bench, send('a', 'bob', 'x'));
  bench.clock.advance(5000);
  const anyone = await stranger(bench);
  anyone.type('LIST name=bob\n');
  await anyone.next();
  const [line] = await anyone.next();
  expect(field(line, 'held')).toBe('5000');
  expect(field(line, 'at')).toMatch(/^\d{13}$/);
});

test('comes in pages, of up to LIST_PAGE messages and LIST_BYTES of bodies, but at least one message', async () => {
  const bench = await startTheRelay();
  const half = 'x'.repeat(LIST_BYTES / 2 + 1);
  const most = Array.from({ length: LIST_PAGE + 2 }, (_, n) => send(`${n}`, 'bob', 'x'));
  await stores(bench, ...most.slice(0, 200));
  await stores(
    bench,
    ...most.slice(200),
    send('p', 'carol', half),
    send('q', 'carol', half),
    send('r', 'carol', ''),
  );
  const { greeted } = await restarted(bench);
  const anyone = await greeted(ALICE);
  const numbers = async (question: string): Promise<number[]> =>
    (await list(anyone, question)).flatMap((line) =>
      line.startsWith('ITEM') ? [Number(field(line, 'seq'))] : [],
    );
  const first = await numbers('LIST name=bob');
  expect(first).toEqual(Array.from({ length: LIST_PAGE }, (_, n) => n + 1));
  expect(await numbers(`LIST name=bob after=${LIST_PAGE}`)).toEqual([LIST_PAGE + 1, LIST_PAGE + 2]);
  expect(await numbers(`LIST name=bob after=${LIST_PAGE + 2}`)).toEqual([]);
  expect(await numbers('LIST name=carol')).toEqual([1]);
  expect(await numbers('LIST name=carol after=1')).toEqual([2, 3]);
});

test('waits until what it tells is durable, and comes between STORED and BYE', async () => {
  const bench = await startTheRelay();
  const alice = await bench.greeted(ALICE);
  bench.log.held = true;
  alice.type(`${send('1', 'bob', 'x')}LIST name=bob\nBYE\n`);
  await until(() => bench.log.pending > 0);
  await turns(20);
  expect(alice.frames.map(({ verb }) => verb)).toEqual(['READY']);
  bench.log.release();
  const verbs: string[] = [];
  for (let i = 0; i < 5; i++) verbs.push(await heard(alice));
  expect(verbs).toEqual(['STORED', 'MAILBOX', 'ITEM', 'END', 'BYE']);
});

/** A relay that must read back every message from its log. It counts the reads, and how many are under way at the same time. */
async function reading(
  bench: RelayBench,
): Promise<{ bench: RelayBench; count: { all: number; most: number }; fail: () => void }> {
  const next = await restarted(bench);
  const { log } = next.log;
  const read = log.read.bind(log);
  const count = { all: 0, most: 0 };
  let now = 0;
  let failing = false;
  vi.spyOn(log, 'inMemory').mockReturnValue(undefined);
  const spy = vi.spyOn(log, 'read').mockImplementation(async (lsn) => {
    if (failing) throw new Error('EIO');
    count.all += 1;
    now += 1;
    count.most = Math.max(count.most, now);
    await turns(1);
    now -= 1;
    return read(lsn);
  });
  onTestFinished(() => void spy.mockRestore());
  return {
    bench: next,
    count,
    fail: () => {
      failing = true;
    },
  };
}

test('a message that cannot be read is listed without its id and sender', async () => {
  const bench = await startTheRelay();
  await stores(bench, send('a', 'bob', 'xx'));
  const { bench: next, fail } = await reading(bench);
  fail();
  expect(await list(await stranger(next), 'LIST name=bob')).toEqual([
    'MAILBOX name=bob held=1 bytes=2',
    'ITEM seq=1 bytes=2 attempts=0',
    'END',
  ]);
});

test.each([
  ['moved by compaction', 9, ['MAILBOX', 'ITEM seq=1 id=a', 'END']],
  ['acknowledged', undefined, ['MAILBOX', 'END']],
] as const)('a message that is %s while it is being read', async (_, to, answer) => {
  const place = (lsn: number): Place => ({ lsn, index: 0, size: 2, at: 1000, notify: false });
  let now: Place | undefined = place(1);
  const box = { name: 'bob', acknowledged: 0, count: 1, bytes: 2, held: new HeldMessages() };
  box.held.put(1, place(1));
  const machine = {
    name: 'relay',
    now: 5000,
    times: () => ({ at: 5000, t: 5000 }),
    state: { mailboxes: new Map([['bob', box]]), place: () => now },
    whenDurable: (done: () => void) => done(),
    records: {
      async read({ lsn }: Place) {
        if (lsn === 9) return { id: 'a', from: 'alice', t: 1000 };
        now = to && place(to);
        throw new Error('ENOENT: the segment was freed');
      },
    },
  } as unknown as Machine;
  const delivery = { attempts: () => 0, collector: () => undefined } as unknown as Delivery;
  const answers = new Answers(machine, delivery, {} as Admission, {} as Retention);
  const told: string[] = [];
  const send = (frame: Message): void =>
    void told.push(frame.verb === 'ITEM' ? `ITEM seq=${frame.seq} id=${frame.id}` : frame.verb);
  await new Promise<void>((done) => answers.ask({ verb: 'LIST', name: 'bob' }, { open: true, send }, done));
  expect(told).toEqual(answer);
});

test('many who ask at the same time are answered one after the other, keep no newcomer waiting, and cost nothing once they have gone', async () => {
  const bench = await startTheRelay();
  const alice = await bench.greeted(ALICE);
  // Several times as much as the relay keeps in memory of what it has read.
  for (let n = 0; n < 400; n++) {
    alice.type(send(`${n}`, 'bob', 'x'.repeat(100_000)));
    await alice.next();
  }
  const { bench: next, count } = await reading(bench);
  const guests = await Promise.all(names(10).map((name) => next.greeted(`HELLO version=1 as=${name}`)));
  const strangers = await Promise.all(names(10).map(() => stranger(next)));
  const ended = (): number => guests.filter(({ frames }) => frames.at(-1)?.verb === 'END').length;
  for (const [n, client] of [...guests, ...strangers].entries())
    client.type(`LIST name=bob after=${n * 18}\n`);
  await until(() => count.all > 0);
  // They are being served now.
  await list(await stranger(next), 'STATUS');
  expect(ended()).toBeLessThan(10);
  // Who has not said HELLO by now has lost its connection.
  next.clock.advance(HELLO_MS);
  await until(() => ended() === 10);
  await list(await stranger(next), 'LIST name=nobody');
  expect(count.most).toBe(1);
  // An answer has ten messages, because they are large.
  expect(count.all).toBeGreaterThanOrEqual(10 * 10);
  expect(count.all).toBeLessThan(12 * 10);
});
