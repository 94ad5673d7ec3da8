// What cannot be seen through a server: one Connection, and what its owner is told.

import { createConnection, Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Connection, Ending } from '../../src/net/connection.ts';
import { netContext } from '../../src/net/context.ts';
import { QUEUE_LIMIT, STALL_MS } from '../../src/net/frame-writer.ts';
import { listen } from '../../src/net/listener.ts';
import type { Message } from '../../src/wire/verbs.ts';
import { FakeClock } from '../fake-clock.ts';
import { turns, until } from '../servers.ts';

interface Bench {
  readonly connection: Connection;
  readonly peer: Socket;
  readonly clock: FakeClock;
  readonly messages: Message[];
  readonly endings: Ending[];
  fins: number;
}

/** One accepted connection, and its peer, which does not read by itself. */
async function accepted(events: string[] = []): Promise<Bench> {
  const clock = new FakeClock();
  const messages: Message[] = [];
  const endings: Ending[] = [];
  let connection: Connection | undefined;
  const bench = { messages, endings, clock, fins: 0 };
  const listener = await listen(
    '127.0.0.1',
    0,
    netContext(
      ({ event }) => events.push(event),
      clock,
      true,
      () => events.push('flush'),
    ),
    (make) => {
      connection = make({
        message: (message) => messages.push(message),
        unacceptable: () => {},
        oversize: () => {},
        fault: () => {},
        fin: () => {
          bench.fins += 1;
        },
        closed: (ending) => endings.push(ending),
      });
    },
  );
  const peer = createConnection({
    host: '127.0.0.1',
    port: listener.port,
    noDelay: true,
    allowHalfOpen: true,
  });
  peer.pause();
  peer.on('error', () => {});
  onTestFinished(() => {
    peer.destroy();
    listener.close();
  });
  await until(() => connection !== undefined);
  return Object.assign(bench, { connection: connection as unknown as Connection, peer });
}

/** How often something has been handed to the kernel through this connection's socket since then. */
function watchWrites(connection: Connection): { readonly sizes: number[] } {
  const sizes: number[] = [];
  const port = Number(connection.ends.local.split(':').at(-1));
  const write = Socket.prototype.write;
  const spy = vi.spyOn(Socket.prototype, 'write').mockImplementation(function (
    this: Socket,
    ...args: unknown[]
  ) {
    if (this.localPort === port) sizes.push((args[0] as Buffer).length);
    return Reflect.apply(write, this, args);
  });
  onTestFinished(() => spy.mockRestore());
  return { sizes };
}

test('the log of a frame is written before the frame leaves', async () => {
  const events: string[] = [];
  const { connection } = await accepted(events);
  const write = Socket.prototype.write;
  const spy = vi.spyOn(Socket.prototype, 'write').mockImplementation(function (
    this: Socket,
    ...args: unknown[]
  ) {
    events.push('write');
    return Reflect.apply(write, this, args);
  });
  onTestFinished(() => spy.mockRestore());
  events.length = 0;
  for (const id of ['1', '2']) connection.send({ verb: 'RECEIVED', id });
  await until(() => events.includes('write'));
  expect(events).toEqual(['sent', 'sent', 'flush', 'write']);
});

const BIG: Message = { verb: 'RECEIVED', id: '1', body: Buffer.alloc(1024 * 1024) };

test('having more to send is not progress: a peer that reads nothing is cut off in time', async () => {
  const { connection, clock, endings } = await accepted();
  while (connection.queuedBytes <= QUEUE_LIMIT) {
    connection.send(BIG);
    await turns(20);
  }
  for (let i = 0; i < 3; i += 1) {
    expect(endings).toEqual([]);
    clock.advance(STALL_MS / 3);
    connection.send({ verb: 'PING' });
    await turns();
  }
  await until(() => endings.length === 1);
  expect(endings).toEqual([{ how: 'stalled' }]);
});

test('many small frames that nobody reads cost memory, too: more than their bytes counts', async () => {
  const { connection } = await accepted();
  // More than the kernel takes.
  while (connection.queuedBytes < QUEUE_LIMIT / 2) {
    connection.send(BIG);
    await turns(20);
  }
  let frames = 0;
  for (; !connection.paused; frames += 1) connection.send({ verb: 'PING' });
  await turns(20);
  expect(connection.paused).toBe(true);
  expect(frames).toBeLessThan(QUEUE_LIMIT / 256);
});

test('a FIN is reported once, after everything before it, however reading was paused', async () => {
  const bench = await accepted();
  bench.connection.pause();
  bench.peer.end('PING\nPONG\nPING\n');
  await turns(20);
  expect([bench.messages.length, bench.fins]).toEqual([0, 0]);
  bench.connection.resume();
  await until(() => bench.fins > 0);
  expect(bench.messages.map(({ verb }) => verb)).toEqual(['PING', 'PONG', 'PING']);
  bench.connection.pause();
  bench.connection.resume();
  await turns();
  expect(bench.fins).toBe(1);
});

test('what is sent and finished in one turn arrives, and then FIN', async () => {
  const { connection, peer, endings } = await accepted();
  connection.send(BIG);
  connection.send({ verb: 'BYE' });
  connection.finish();
  connection.send({ verb: 'PING' });
  let text = '';
  let ended = false;
  peer.setEncoding('latin1');
  peer.on('data', (more: string) => {
    text += more;
  });
  peer.on('end', () => {
    ended = true;
    peer.end();
  });
  peer.resume();
  await until(() => ended);
  expect(text).toHaveLength('RECEIVED id=1 size=1048576\n'.length + 1024 * 1024 + 1 + 'BYE\n'.length);
  expect(text.endsWith('\nBYE\n')).toBe(true);
  await until(() => endings.length === 1);
  expect(endings).toEqual([{ how: 'us' }]);
});

test('what is sent in one turn leaves in as few writes as possible: small frames are joined, up to 64 KiB', async () => {
  const { connection, peer } = await accepted();
  let received = 0;
  peer.on('data', (bytes: Buffer) => {
    received += bytes.length;
  });
  peer.resume();
  const writes = watchWrites(connection);
  // 5,000 frames of 40 bytes and more: 200 kB.
  for (let id = 10_000; id < 15_000; id += 1)
    connection.send({ verb: 'STORED', id: `${id}`, seq: 1_000_000, present: 'never' });
  const bytes = 5_000 * 'STORED id=10000 seq=1000000 present=never\n'.length;
  await until(() => received === bytes);
  expect(writes.sizes).toHaveLength(Math.ceil(bytes / (64 * 1024)));
  expect(Math.max(...writes.sizes)).toBeLessThanOrEqual(64 * 1024);

  // Messages that are sent later in the same turn, after promises have resolved, do not leave one by one either.
  writes.sizes.length = 0;
  connection.send({ verb: 'PING' });
  await Promise.resolve();
  for (let count = 0; count < 100; count += 1) {
    await Promise.resolve();
    connection.send({ verb: 'PING' });
  }
  await until(() => received === bytes + 101 * 'PING\n'.length);
  expect(writes.sizes.length).toBeLessThanOrEqual(2);
});

test('if it is finished when the kernel has taken a message, it first sends everything that was queued after it', async () => {
  const { connection, peer, endings } = await accepted();
  let bytes = 0;
  let ended = false;
  peer.on('data', (more: Buffer) => {
    bytes += more.length;
  });
  peer.on('end', () => {
    ended = true;
    peer.end();
  });
  connection.send({ verb: 'PING' }, () => connection.finish());
  connection.send(BIG);
  connection.send({ verb: 'BYE' });
  peer.resume();
  await until(() => ended);
  expect(bytes).toBe('PING\nRECEIVED id=1 size=1048576\n\nBYE\n'.length + 1024 * 1024);
  await until(() => endings.length === 1);
  expect(endings).toEqual([{ how: 'us' }]);
});
