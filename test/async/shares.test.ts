// No address takes everything: of messages, names, ids and sessions each gets at most half of what is free, so that another one always has
// room. On Linux a computer has all addresses of 127.0.0.0/8. PROTOCOL.md, "Limits".

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RelayLimits } from '../../src/async/admission.ts';
import { FORGET_MS } from '../../src/async/ids.ts';
import type { RawClient } from '../harness.ts';
import { seed } from '../seed.ts';
import { type RelayBench, restarted, startTheRelay, turns } from '../servers.ts';
import { heard, send } from './house.ts';

const [FIRST, SECOND, THIRD] = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];

let ids = 0;

/** Sends one message in its own session. @returns the code of REFUSED, or `stored` */
async function sends(bench: RelayBench, from: string, to: string, more = ''): Promise<string> {
  const client = await bench.greeted(`HELLO version=1 as=a${++ids} session=s try=1`, from);
  client.type(send('1', to, 'x', more));
  const answer = await heard(client, 'code');
  client.socket.destroy();
  return /code=(\w+)/.exec(answer)?.[1] ?? 'stored';
}

/** How many messages an address can send one after another, and with which code the next is refused. */
async function most(bench: RelayBench, from: string, to: (n: number) => string, more?: string) {
  for (let count = 0; ; count++) {
    const answer = await sends(bench, from, to(count), more);
    if (answer !== 'stored') return [count, answer];
  }
}

const usage = async (bench: RelayBench, key: keyof RelayLimits): Promise<string | undefined> => {
  const client = await bench.greeted('HELLO version=1 as=looking');
  client.type('STATUS after=z\n');
  const [line] = await client.next();
  return new RegExp(` ${key}=(\\d+)/`).exec(line)?.[1];
};

/** Collects everything that a recipient has. */
async function collects(bench: RelayBench, name: string): Promise<void> {
  const client = await bench.greeted(`HELLO version=1 as=${name}`);
  client.type('RECEIVE window=1 drain=yes\n');
  for (;;) {
    const seq = /^MESSAGE seq=(\d+)/.exec(await heard(client, 'seq'))?.[1];
    if (seq === undefined) return;
    client.type(`ACK seq=${seq}\n`);
  }
}

describe.skipIf(process.platform !== 'linux').each<[keyof RelayLimits, (n: number) => string, string]>([
  ['messages', (n) => `bob-${n % 3}-${ids}`, 'too_many'],
  ['names', (n) => `name-${n}-${ids}`, 'too_many'],
  ['ids', () => 'bob', 'busy'],
  ['sessions', () => 'bob', 'busy'],
])('of all %s', (key, to, code) => {
  test('one address gets half, the next half of the rest, and there is always room for another', async () => {
    const bench = await startTheRelay({ limits: { [key]: 24 } });
    expect(await most(bench, FIRST, to)).toEqual([12, code]);
    expect(await most(bench, SECOND, to)).toEqual([6, code]);
    expect(await most(bench, FIRST, to)).toEqual([0, code]);
    expect(await sends(bench, THIRD, to(1))).toBe('stored');
    expect(await usage(bench, key)).toBe('19');
  });

  test('what a client sends in one write is counted as if it came piece by piece', async () => {
    const bench = await startTheRelay({ limits: { [key]: 24 } });
    const clients = await Promise.all(
      Array.from({ length: key === 'sessions' ? 20 : 1 }, (_, n) =>
        bench.greeted(`HELLO version=1 as=a${n} session=s try=1`, FIRST),
      ),
    );
    const each = 20 / clients.length;
    const all = (client: RawClient): string =>
      Array.from({ length: each }, (_, n) => send(`${n}`, `${to(n)}-${clients.indexOf(client)}`, 'x')).join(
        '',
      );
    for (const client of clients) client.type(all(client));
    const answers: string[] = [];
    for (const client of clients) for (let n = 0; n < each; n++) answers.push(await heard(client, 'code'));
    expect(answers.filter((answer) => answer === 'STORED')).toHaveLength(12);
    expect(await sends(bench, SECOND, to(1))).toBe('stored');
  });

  test('what was there before a restart counts for no address, and is not free', async () => {
    const before = await startTheRelay({ limits: { [key]: 24 } });
    expect(await most(before, FIRST, to)).toEqual([12, code]);
    const bench = await restarted(before, { [key]: 24 });
    expect(await most(bench, FIRST, (n) => `new-${to(n)}`)).toEqual([6, code]);
    expect(await sends(bench, SECOND, 'another')).toBe('stored');
  });
});

describe.skipIf(process.platform !== 'linux')('a mailbox', () => {
  test('counts for the address that first sent to it, whoever sends to it later', async () => {
    const bench = await startTheRelay({ limits: { messages: 24 } });
    expect(await most(bench, FIRST, () => 'bob')).toEqual([12, 'too_many']);
    // It would be one more for the first address.
    expect(await sends(bench, SECOND, 'bob')).toBe('too_many');
    expect(await sends(bench, SECOND, 'carol')).toBe('stored');
  });

  test('so the mail that a name gets does not use up the share of its senders', async () => {
    const bench = await startTheRelay({ limits: { messages: 24 } });
    expect(await sends(bench, SECOND, 'bob')).toBe('stored');
    expect(await most(bench, FIRST, () => 'bob')).toEqual([11, 'too_many']);
    // This is everything in a mailbox of the second address, which has none left; the first still has its whole share.
    expect(await most(bench, FIRST, () => 'carol')).toEqual([6, 'too_many']);
  });

  test('is given back when it is collected: messages immediately, a throwaway name when it is forgotten', async () => {
    const bench = await startTheRelay({ limits: { messages: 24, names: 24 } });
    expect(await most(bench, FIRST, (n) => `w-${n}`)).toEqual([12, 'too_many']);
    for (let n = 0; n < 5; n++) await collects(bench, `w-${n}`);
    expect(await usage(bench, 'names')).toBe('7');
    expect(await most(bench, FIRST, (n) => `w-again-${n}`)).toEqual([5, 'too_many']);
  });

  test('is given back when its messages expire, too', async () => {
    const bench = await startTheRelay({ limits: { messages: 24 } });
    expect(await most(bench, FIRST, () => 'w-bob', 'ttl=5')).toEqual([12, 'too_many']);
    while (bench.relay.waiting().length > 0) {
      bench.clock.advance(1000);
      await turns();
    }
    expect(await most(bench, FIRST, () => 'bob')).toEqual([12, 'too_many']);
  });
});

describe.skipIf(process.platform !== 'linux')('a name that waits for a notice', () => {
  test('counts for the address that named it, from the SEND until it has collected the notice', async () => {
    const bench = await startTheRelay({ limits: { names: 24 } });
    let n = 0;
    for (; n < 6; n++) expect(await sends(bench, FIRST, `w-${n}`, `notify=w-told-${n}`)).toBe('stored');
    expect(await sends(bench, FIRST, 'w-more')).toBe('too_many');
    // Its own mailbox is forgotten, and the receipt takes the place of the promise.
    await collects(bench, 'w-0');
    expect(await sends(bench, FIRST, 'w-again')).toBe('stored');
    expect(await sends(bench, FIRST, 'w-third')).toBe('too_many');
    await collects(bench, 'w-told-0');
    expect(await sends(bench, FIRST, 'w-third')).toBe('stored');
    expect(await sends(bench, FIRST, 'w-fourth')).toBe('too_many');
  });
});

describe.skipIf(process.platform !== 'linux')('sessions', () => {
  test.each([
    ['ids', { ids: 24 }],
    ['sessions', { sessions: 24 }],
  ])('give back their %s when they are forgotten', async (_what, limits) => {
    const bench = await startTheRelay({ limits });
    expect(await most(bench, FIRST, () => 'bob')).toEqual([12, 'busy']);
    bench.clock.advance(FORGET_MS + 1);
    for (let n = 0; n < 10; n++) expect(await sends(bench, SECOND, 'bob')).toBe('stored');
    // As if it had never had any: it gets as many as are still free then.
    expect(await most(bench, FIRST, () => 'bob')).toEqual([7, 'busy']);
  });

  test('that repeat an id take no more than their share either, but are still answered', async () => {
    const bench = await startTheRelay({ limits: { sessions: 24 } });
    for (let n = 0; n < 30; n++) {
      const client = await bench.greeted(`HELLO version=1 as=alice session=s${n} try=1`, FIRST);
      client.type(send('1', 'bob', 'x'));
      expect(await heard(client, 'seq', 'dup')).toBe(`STORED seq=1${n === 0 ? '' : ' dup=yes'}`);
      client.socket.destroy();
    }
    expect(await usage(bench, 'sessions')).toBe('12');
    expect(await sends(bench, SECOND, 'bob')).toBe('stored');
  });
});

test.skipIf(process.platform !== 'linux')(
  'whatever three addresses send and their recipients collect, a newcomer is stored',
  async () => {
    const step = fc.record({
      from: fc.constantFrom(FIRST, SECOND, THIRD),
      to: fc.constantFrom('w-1', 'w-2', 'w-3', 'w-4', 'bob', 'carol', 'dan', 'erin'),
      told: fc.constantFrom('', '', 'notify=w-5', 'notify=frank'),
      collect: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
    });
    const limits = { messages: 16, names: 16, ids: 64, sessions: 64 };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 40 }), async (steps) => {
        const bench = await startTheRelay({ limits });
        for (const { from, to, told, collect } of steps) {
          if (collect) await collects(bench, to);
          else await sends(bench, from, to, told);
        }
        expect(await sends(bench, '127.0.0.9', 'w-new')).toBe('stored');
      }),
      { numRuns: 15, ...seed() },
    );
  },
);
