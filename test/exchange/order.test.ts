// What a PONG proves: the program has read everything that was sent before the PING. The third rung of the ladder relies on this, so it is
// tested on both servers, for every kind of SEND. PROTOCOL.md, "PING".

import { expect, test } from 'vitest';
import type { Event } from '../../src/core/event.ts';
import { MAX_BODY } from '../../src/wire/frame.ts';
import { startBob, startTheRelay, turns, until } from '../servers.ts';

const verbs = (events: readonly Event[]): string[] =>
  events.flatMap((event) =>
    event.event === 'received' || event.event === 'sent' ? [`${event.event} ${event.verb}`] : [],
  );

/** A SEND whose body is `size` bytes long. */
const send = (id: string, size: number, more = ''): string =>
  `SEND id=${id}${more} size=${size}\n${'x'.repeat(size)}\n`;

test.each([0, 5, 70_000, MAX_BODY])(
  'a receiver that says PONG has been given a SEND of %d bytes but has not handled it',
  async (size) => {
    const bench = await startBob(true);
    const client = await bench.greeted();
    const bytes = `${send('1', size)}PING\n`;
    // However it is split: without the last byte of the SEND, nothing is answered.
    const end = bytes.length - 'PING\n'.length;
    client.type(bytes.slice(0, end - 1));
    await until(() => client.socket.writableLength === 0);
    await turns();
    client.type(bytes.slice(end - 1));
    expect(await client.next()).toEqual(['PONG', undefined]);
    expect(verbs(bench.events).slice(-2)).toEqual(['received PING', 'sent PONG']);
    expect(verbs(bench.events)).toContain('received SEND');
    const { body, done } = await bench.handling();
    expect(body).toHaveLength(size);
    done();
    expect(await client.next()).toEqual(['RECEIVED id=1', undefined]);
  },
);

test('a SEND beyond the window: neither it nor the PING after it is answered until there is room', async () => {
  const bench = await startBob(true);
  const client = await bench.greeted();
  client.type(`${send('1', 3)}PING\n${send('2', 3)}PING\n`);
  expect(await client.next()).toEqual(['PONG', undefined]);
  const one = await bench.handling();
  await turns(20);
  expect(client.frames).toHaveLength(2);
  one.done();
  // These two may come in either order: the second was given to the program before its PONG was sent.
  const next = [await client.next(), await client.next()].map(([line]) => line).sort();
  expect(next).toEqual(['PONG', 'RECEIVED id=1']);
  expect((await bench.handling()).id).toBe('2');
});

test('a body above the limit is read to its end, refused, and only then is there a PONG', async () => {
  const { greeted } = await startBob(true);
  const client = await greeted();
  client.type(`${send('1', 2 * MAX_BODY)}PING\n`);
  expect((await client.next())[0]).toMatch(/^REFUSED id=1 code=too_large/);
  expect(await client.next()).toEqual(['PONG', undefined]);
});

test('a relay whose disk does not answer says that it has read the SEND, but does not say STORED', async () => {
  const { greeted, events, log } = await startTheRelay();
  log.held = true;
  const client = await greeted('HELLO version=1 as=alice session=s try=1');
  client.type(`${send('1', 70_000, ' to=bob')}PING\n`);
  expect(await client.next()).toEqual(['PONG', undefined]);
  expect(verbs(events).slice(-3)).toEqual(['received SEND', 'received PING', 'sent PONG']);
  await turns(20);
  expect(client.frames).toHaveLength(2);
  log.release();
  expect((await client.next())[0]).toMatch(/^STORED id=1 seq=1/);
});
