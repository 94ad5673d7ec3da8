// Is the other program alive? Over real sockets, on a clock that the test turns. PROTOCOL.md, "Heartbeats".

import { expect, test } from 'vitest';
import { nothingCame, startBob, turns } from '../servers.ts';

test('a client that did not ask for heartbeats gets no PING', async () => {
  const { greeted, clock } = await startBob();
  const client = await greeted();
  await nothingCame(client);
  clock.advance(3_600_000);
  await turns();
  await nothingCame(client);
});

test('PING after one heartbeat without a byte; after three the connection is closed', async () => {
  const { greeted, clock, events } = await startBob();
  const client = await greeted('HELLO version=1 as=alice heartbeat=10');
  await nothingCame(client);
  for (const _ of [1, 2]) {
    clock.advance(9_999);
    await turns();
    const before = client.frames.length;
    clock.advance(1);
    expect(await client.next()).toEqual(['PING', undefined]);
    expect(client.frames).toHaveLength(before + 1);
  }
  clock.advance(9_999);
  await turns();
  expect(client.closed).toBe(false);
  clock.advance(1);
  await client.end();
  expect(events).toContainEqual({ event: 'silent', conn: 1, ms: 30_000 });
});

test('a timer that fires a little early causes no third PING and no wait for another whole heartbeat', async () => {
  const { greeted, clock, events } = await startBob();
  const client = await greeted('HELLO version=1 as=alice heartbeat=10');
  await nothingCame(client);
  clock.advance(10_000);
  expect(await client.next()).toEqual(['PING', undefined]);
  clock.early = 0.5;
  clock.advance(10_000);
  expect(await client.next()).toEqual(['PING', undefined]);
  clock.advance(9_999.5);
  await turns();
  expect(client.closed).toBe(false);
  clock.advance(0.5);
  await expect(client.next()).rejects.toThrow(/connection ended/);
  expect(events).toContainEqual({ event: 'silent', conn: 1, ms: 30_000 });
});

test('any byte is a sign of life, PONG or not', async () => {
  const { greeted, clock } = await startBob();
  const client = await greeted('HELLO version=1 as=alice heartbeat=1');
  await nothingCame(client);
  for (const bytes of ['PONG\n', 'SEND id=1 ', 'size=1\n', 'a\n', 'PONG\n', 'PONG\n']) {
    clock.advance(1000);
    expect((await client.next())[0]).toMatch(/^(PING|RECEIVED id=1)$/);
    client.type(bytes);
    await turns();
  }
  expect(client.closed).toBe(false);
});

test('a server that was frozen itself sends PING before it gives up on a client', async () => {
  const { greeted, clock } = await startBob();
  const client = await greeted('HELLO version=1 as=alice heartbeat=10');
  await nothingCame(client);
  // As after a freeze: the timer is late by a minute, and nothing came because no PING was sent.
  clock.late(60_000);
  await turns();
  expect(await client.next()).toEqual(['PING', undefined]);
  client.type('PONG\n');
  await turns();
  clock.advance(10_000);
  expect(await client.next()).toEqual(['PING', undefined]);
  expect(client.closed).toBe(false);
});

test('a client whose SENDs are not read yet does not count as silent', async () => {
  const bench = await startBob(true);
  const client = await bench.greeted('HELLO version=1 as=alice heartbeat=1');
  client.type('SEND id=1 size=1\na\nSEND id=2 size=1\nb\n');
  const one = await bench.handling();
  for (let i = 0; i < 20; i += 1) {
    bench.clock.advance(1000);
    await turns();
  }
  expect(client.frames).toHaveLength(1);
  one.done();
  expect(await client.next()).toEqual(['RECEIVED id=1', undefined]);
  (await bench.handling()).done();
  expect(await client.next()).toEqual(['RECEIVED id=2', undefined]);
  bench.clock.advance(1000);
  await turns();
  expect(client.closed).toBe(false);
});

test('a client that has sent FIN gets no more PINGs, but still its answer', async () => {
  const bench = await startBob(true);
  const client = await bench.greeted('HELLO version=1 as=alice heartbeat=1');
  client.type('SEND id=1 size=1\na\n');
  client.socket.end();
  const one = await bench.handling();
  await turns(20);
  for (let i = 0; i < 10; i += 1) {
    bench.clock.advance(1000);
    await turns();
  }
  one.done();
  expect(await client.next()).toEqual(['RECEIVED id=1', undefined]);
  await client.end();
  expect(client.frames).toHaveLength(2);
});
