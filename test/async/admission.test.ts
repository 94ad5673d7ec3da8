// What the relay accepts within its limits: what counts for whom, and what it accepts when more is there than the limits allow, because they
// were higher before. PROTOCOL.md, "Limits".

import { describe, expect, test } from 'vitest';
import { RawClient } from '../harness.ts';
import { nothingCame, startTheRelay } from '../servers.ts';
import { field, heard, Life, send } from './house.ts';

const MINUTE = 60_000;

const answer = async (client: RawClient): Promise<string> =>
  (await heard(client, 'code')).split(':')[0] ?? '';

test('a smaller table after a restart: a SEND that does not enlarge it is not refused', async () => {
  const before = await Life.start();
  const sends = async (life: Life, session: string, ...ids: string[]): Promise<string[]> => {
    const client = await life.client('alice', `session=${session} try=1`);
    client.type(ids.map((id) => send(id, 'bob', 'x')).join(''));
    const answers: string[] = [];
    for (const _ of ids) answers.push(await answer(client));
    client.socket.destroy();
    return answers;
  };
  const many = Array.from({ length: 512 }, (_, n) => `many-${n}`);
  const stored = (await sends(before, 'silent', 'a', 'b')).concat(await sends(before, 'silent-2', 'c'));
  expect(stored).toEqual(['STORED', 'STORED', 'STORED']);
  before.clock.advance(6 * MINUTE);
  // One at a time, because no more than a window is read at once.
  for (const part of [many.slice(0, 200), many.slice(200, 400), many.slice(400)])
    expect(new Set(await sends(before, `busy-${part[0]}`, ...part))).toEqual(new Set(['STORED']));
  const full = await before.client('alice', 'session=full try=1');
  for (let from = 0; from < 512; from += 128) {
    const ids = many.slice(from, from + 128).map((id) => `full-${id}`);
    full.type(ids.map((id) => send(id, 'bob', 'x')).join(''));
    for (const _ of ids) expect(await answer(full)).toBe('STORED');
  }
  const life = await before.again(0, { limits: { ids: 8, sessions: 2 } });
  // No session may be forgotten yet. But one that remembers 512 ids drops one for each new one, so it needs no more room.
  expect(await sends(life, 'new', 'd')).toEqual(['REFUSED code=busy']);
  const again = await life.client('alice', 'session=full try=2');
  again.type(send('e', 'bob', 'x'));
  expect(await answer(again)).toBe('STORED');
  // Two sessions with three ids may be forgotten: there is room for that much.
  life.clock.advance(5 * MINUTE + 1);
  expect(await sends(life, 'new-2', 'd')).toEqual(['STORED']);
  expect(await sends(life, 'newer', 'f')).toEqual(['REFUSED code=busy']);
});

test('a name that waits for a notice counts, even if its mailbox was forgotten, until it has been told', async () => {
  const { greeted } = await startTheRelay();
  const alice = await greeted('HELLO version=1 as=alice');
  const names = async (): Promise<string | undefined> => {
    alice.type('STATUS after=z\n');
    return field((await alice.next())[0], 'names')?.split('/')[0];
  };
  const collects = async (name: string, seq: number): Promise<void> => {
    const client = await greeted(`HELLO version=1 as=${name}`);
    client.type('RECEIVE window=1 drain=yes\n');
    expect(await heard(client, 'seq')).toContain(`MESSAGE seq=${seq}:`);
    client.type(`ACK seq=${seq}\n`);
    expect(await heard(client)).toBe('EMPTY');
  };
  alice.type(send('1', 'bob', 'x', 'notify=w-1'));
  expect([await answer(alice), await names()]).toEqual(['STORED', '2']);
  alice.type(send('2', 'w-1', 'x'));
  expect([await answer(alice), await names()]).toEqual(['STORED', '2']);
  await collects('w-1', 1);
  expect(await names()).toBe('2');
  await collects('bob', 1);
  expect(await names()).toBe('2');
  await collects('w-1', 2);
  // The mailbox of bob is empty and is kept.
  expect(await names()).toBe('1');
});

test('messages in one write count, and collected messages no longer do', async () => {
  const { greeted } = await startTheRelay({ limits: { messages: 8 } });
  const alice = await greeted('HELLO version=1 as=alice');
  const bob = await greeted('HELLO version=1 as=bob');
  bob.type('RECEIVE window=8\n');
  for (const first of [1, 6]) {
    // Half of all names.
    alice.type([0, 1, 2, 3, 4].map((n) => send(`${first + n}`, 'bob', 'x')).join(''));
    expect(await answer(alice)).toBe('REFUSED code=too_many');
    for (let n = 0; n < 4; n++) expect(await answer(alice)).toBe('STORED');
    let seq: string | undefined;
    for (let n = 0; n < 4; n++) seq = field((await bob.next())[0], 'seq');
    bob.type(`ACK seq=${seq}\n`);
    await nothingCame(bob);
  }
});

test('names from before a restart count for no address, whoever sends to them', async () => {
  const before = await Life.start();
  const alice = await before.client('alice');
  alice.type(send('1', 'bob', 'x') + send('2', 'carol', 'x'));
  expect([await answer(alice), await answer(alice)]).toEqual(['STORED', 'STORED']);
  const life = await before.again(0, { limits: { names: 4 } });
  const again = await life.client('alice');
  again.type(send('3', 'bob', 'x') + send('4', 'carol', 'x') + send('5', 'dave', 'x'));
  expect([await answer(again), await answer(again), await answer(again)]).toEqual(Array(3).fill('STORED'));
  again.type(send('6', 'erin', 'x'));
  expect(await answer(again)).toBe('REFUSED code=too_many');
});

describe.runIf(process.platform === 'linux')('two addresses', () => {
  test('messages count for the address that first used the name, whoever sends them; another name has room', async () => {
    const { port } = await startTheRelay({ limits: { messages: 8 } });
    const client = async (name: string, from: string): Promise<RawClient> => {
      const one = await RawClient.connect(port, '127.0.0.1', from);
      await one.next();
      one.type(`HELLO version=1 as=${name}\n`);
      return one;
    };
    const alice = await client('alice', '127.0.0.1');
    const mallory = await client('mallory', '127.0.0.2');
    alice.type(send('1', 'bob', 'x'));
    expect(await answer(alice)).toBe('STORED');
    // Half of all messages.
    for (const [id, expected] of [
      ['2', 'STORED'],
      ['3', 'STORED'],
      ['4', 'STORED'],
      ['5', 'REFUSED code=too_many'],
    ] as const) {
      mallory.type(send(id, 'bob', 'x'));
      expect(await answer(mallory)).toBe(expected);
    }
    alice.type(send('5', 'bob', 'x') + send('6', 'carol', 'x'));
    expect([await answer(alice), await answer(alice)]).toEqual([
      'REFUSED code=too_many',
      'REFUSED code=too_many',
    ]);
    for (const [id, expected] of [
      ['6', 'STORED'],
      ['7', 'STORED'],
      ['8', 'REFUSED code=too_many'],
    ] as const) {
      mallory.type(send(id, 'dan', 'x'));
      expect(await answer(mallory)).toBe(expected);
    }
  });
});
