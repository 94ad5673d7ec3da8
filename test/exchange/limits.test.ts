// The limits of a server: on time, with a clock that the test turns, and on space. PROTOCOL.md, "Limits".

import { createConnection, Socket } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { HELLO_MS, MAX_CONNECTIONS } from '../../src/exchange/limits.ts';
import { LINGER_MS } from '../../src/net/connection.ts';
import { QUEUE_LIMIT, STALL_MS } from '../../src/net/frame-writer.ts';
import { SLOW_GRACE_MS } from '../../src/net/slow-frame.ts';
import { RawClient } from '../harness.ts';
import {
  anError,
  type Handling,
  nothingCame,
  type ReceiverBench,
  startBob,
  turns,
  until,
} from '../servers.ts';

/** A running limit or heartbeat must not expire before what is in the kernel has been read. */
async function pass(clock: { advance(ms: number): void }, ms: number): Promise<void> {
  clock.advance(ms);
  await turns();
}

describe('HELLO', () => {
  test('must come within its time', async () => {
    const { port, clock } = await startBob();
    const client = await RawClient.connect(port);
    await client.next();
    await pass(clock, HELLO_MS - 1);
    await nothingCame(client);
    await pass(clock, 1);
    expect(await client.next()).toEqual(anError('no_hello'));
    await client.end();
  });

  test('that came in time is not limited any more', async () => {
    const { greeted, clock } = await startBob();
    const client = await greeted();
    await nothingCame(client);
    await pass(clock, 2 * HELLO_MS);
    await nothingCame(client);
  });
});

describe('a frame that has started', () => {
  test('must make 1 kB/s after 5 s', async () => {
    const { greeted, clock } = await startBob();
    const client = await greeted();
    await nothingCame(client);
    client.type(`SEND id=1 size=100000\n${'a'.repeat(2000)}`);
    await until(() => clock.pending > 0);
    await pass(clock, SLOW_GRACE_MS);
    // 2022 bytes are there: enough for 2 more seconds.
    await pass(clock, 1000);
    await pass(clock, 1000);
    expect(client.frames).toHaveLength(2);
    await pass(clock, 1000);
    expect(await client.next()).toEqual(anError('too_slow'));
    await client.end();
  });

  test('does not get a new time limit with every byte', async () => {
    const { greeted, clock } = await startBob();
    const client = await greeted();
    await nothingCame(client);
    client.type('SEND id=1 ');
    await until(() => clock.pending > 0);
    for (let second = 1; second <= 6; second += 1) {
      await pass(clock, 1000);
      client.type('a');
      await turns();
    }
    expect(await client.next()).toEqual(anError('too_slow'));
  });

  test('may take long if it is fast enough', async () => {
    const { greeted, clock } = await startBob();
    const client = await greeted();
    await nothingCame(client);
    client.type('SEND id=1 size=20000\n');
    await until(() => clock.pending > 0);
    for (let second = 0; second < 20; second += 1) {
      client.type('a'.repeat(1000));
      await turns();
      await pass(clock, 1000);
    }
    client.type('\n');
    expect(await client.next()).toEqual(['RECEIVED id=1', undefined]);
  });

  test('after a discarded one has its own time', async () => {
    const { greeted, clock } = await startBob();
    const client = await greeted();
    await nothingCame(client);
    client.type(`SEND id=big size=2000000\n${'a'.repeat(1_999_999)}`);
    await client.next();
    await pass(clock, SLOW_GRACE_MS + 1000);
    client.type('a\nSEND id=2 size=1\n');
    await turns(20);
    await pass(clock, 1000);
    await pass(clock, 1000);
    client.type('b\n');
    expect(await client.next()).toEqual(['RECEIVED id=2', undefined]);
  });

  test('has no time limit while the server itself has stopped reading', async () => {
    const bench = await startBob(true);
    const client = await bench.greeted();
    client.type('SEND id=1 size=1\na\nSEND id=2 size=1\nb\nPI');
    const one = await bench.handling();
    await pass(bench.clock, 10 * SLOW_GRACE_MS);
    one.done();
    (await bench.handling()).done();
    client.type('NG\n');
    const lines = [await client.next(), await client.next(), await client.next()].map(([line]) => line);
    expect(lines.sort()).toEqual(['PONG', 'RECEIVED id=1', 'RECEIVED id=2']);
  });
});

describe('a client that reads none of its answers', () => {
  const REPLY = 'r'.repeat(1024 * 1024);

  /** Sends without reading and gets large answers, until the server stops reading. */
  async function withoutReading(bench: ReceiverBench): Promise<{ socket: Socket; answered: number }> {
    const socket = createConnection({
      host: '127.0.0.1',
      port: bench.port,
      allowHalfOpen: true,
      noDelay: true,
    });
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => {});
    socket.pause();
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.write('HELLO version=1 as=alice\n');
    await until(() => bench.events.some((event) => event.event === 'received' && event.verb === 'HELLO'));
    let answered = 0;
    for (;;) {
      expect(answered).toBeLessThan(64);
      socket.write(`SEND id=${answered} size=1\na\n`);
      let next: Handling | undefined;
      void bench.handling().then((one) => {
        next = one;
      });
      // Not read while a time limit is running: the server has stopped reading. Without a limit, it may only not have got to it yet.
      for (let i = 0; i < 500 && next === undefined; i = bench.clock.pending > 0 ? i + 1 : 0) await turns(1);
      if (next === undefined) break;
      next.done(REPLY);
      answered += 1;
    }
    expect(answered).toBeGreaterThan(QUEUE_LIMIT / REPLY.length);
    return { socket, answered };
  }

  test('is not read any more, and is closed after 30 s without progress', async () => {
    const bench = await startBob(true);
    await withoutReading(bench);
    await pass(bench.clock, STALL_MS - 1);
    expect(bench.events.filter(({ event }) => event === 'closed')).toEqual([]);
    await pass(bench.clock, 1);
    await until(() => bench.events.some(({ event }) => event === 'closed'));
    expect(bench.events).toContainEqual({ event: 'silent', conn: 1, ms: STALL_MS });
  });

  test('is read again when it reads after all, even slowly: some progress in time is enough', async () => {
    const bench = await startBob(true);
    const { socket, answered } = await withoutReading(bench);
    const write = vi.spyOn(Socket.prototype, 'write');
    onTestFinished(() => write.mockRestore());
    const written = (): number =>
      write.mock.contexts.filter((each) => (each as Socket).localPort === bench.port).length;
    let bytes = 0;
    for (let i = 0; i < 2; i += 1) {
      await pass(bench.clock, STALL_MS - 1);
      // Enough for the server's kernel to have room again. Only the two kernels know how much that is.
      for (const before = written(); written() === before; ) {
        const chunk: Buffer | null = socket.read();
        if (chunk === null) await turns(1);
        else bytes += chunk.length;
      }
    }
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    socket.resume();
    await until(() => bytes > answered * REPLY.length);
    expect(bench.events.some(({ event }) => event === 'closed')).toBe(false);
  });
});

test('after its last frame a server waits 2 s for the FIN, no longer', async () => {
  const { greeted, clock, events } = await startBob();
  const client = await greeted();
  client.type('BYE\n');
  await client.next();
  await client.end();
  await pass(clock, LINGER_MS - 1);
  expect(events.some(({ event }) => event === 'closed')).toBe(false);
  await pass(clock, 1);
  await until(() => events.some(({ event }) => event === 'closed'));
});

describe('connections', () => {
  test('at the limit, connections without HELLO are closed, the oldest first, and the newcomer is served', async () => {
    const bench = await startBob();
    const quiet = await RawClient.connect(bench.port);
    await quiet.next();
    const crowd: RawClient[] = [];
    for (let i = 1; i < MAX_CONNECTIONS; i += 1) {
      const client = await RawClient.connect(bench.port);
      crowd.push(client);
      client.type(`HELLO version=1 as=client-${i}\n`);
    }
    for (const client of crowd) await client.next();
    await Promise.all(crowd.map(nothingCame));
    const newcomer = await bench.greeted();
    await nothingCame(newcomer);
    expect(await quiet.next()).toEqual(anError('no_hello'));
    await quiet.end();

    // Now every connection has said HELLO, so there is no room.
    const late = await RawClient.connect(bench.port);
    // It comes instead of READY, so that nobody sends a message into it.
    expect(await late.next()).toEqual(anError('too_many'));
    await late.end();
    await nothingCame(newcomer);

    // One connection ends, and there is room.
    newcomer.socket.destroy();
    await until(() => bench.events.filter(({ event }) => event === 'closed').length > 0);
    await nothingCame(await bench.greeted());
  });
});
