// What the relay takes within its limits: who counts for whom, and what is taken when there is more than there may be already, because the
// limits were higher before. PROTOCOL.md, "Limits".

import { describe, expect, test } from 'vitest';
import { RawClient } from '../harness.ts';
import { startTheRelay } from '../servers.ts';
import { heard, Life, send } from './house.ts';

const MINUTE = 60_000;

const answer = async (client: RawClient): Promise<string> =>
  (await heard(client, 'code')).split(':')[0] ?? '';

test('a smaller table after a restart: who makes it no larger is not refused', async () => {
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
  // In pieces: no more than a window is read at once.
  for (const part of [many.slice(0, 200), many.slice(200, 400), many.slice(400)])
    expect(new Set(await sends(before, `busy-${part[0]}`, ...part))).toEqual(new Set(['STORED']));
  const full = await before.client('alice', 'session=full try=1');
  for (let from = 0; from < 512; from += 128) {
    const ids = many.slice(from, from + 128).map((id) => `full-${id}`);
    full.type(ids.map((id) => send(id, 'bob', 'x')).join(''));
    for (const _ of ids) expect(await answer(full)).toBe('STORED');
  }
  const life = await before.again(0, { limits: { ids: 8, sessions: 2 } });
  // Nobody may be forgotten yet; but who remembers 512 ids already remembers no more for one that is new.
  expect(await sends(life, 'new', 'd')).toEqual(['REFUSED code=busy']);
  const again = await life.client('alice', 'session=full try=2');
  again.type(send('e', 'bob', 'x'));
  expect(await answer(again)).toBe('STORED');
  // Two sessions may be, with three ids: so much more is taken.
  life.clock.advance(5 * MINUTE + 1);
  expect(await sends(life, 'new-2', 'd')).toEqual(['STORED']);
  expect(await sends(life, 'newer', 'f')).toEqual(['REFUSED code=busy']);
});

describe.runIf(process.platform === 'linux')('two addresses', () => {
  test('messages count for whose name it is, whoever sends them; another name has room', async () => {
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
    // Half of all.
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
