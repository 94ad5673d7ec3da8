// The limits of a server: of time, on a clock that the test turns, and of room. PROTOCOL.md, "Limits".

import { createConnection, Socket } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { HELLO_MS, MAX_CONNECTIONS } from '../../src/exchange/limits.ts';
import { LINGER_MS } from '../../src/net/connection.ts';
import { QUEUE_LIMIT, STALL_MS } from '../../src/net/frame-writer.ts';
import { SLOW_GRACE_MS, TYPED_BYTES, TYPED_MS } from '../../src/net/slow-frame.ts';
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

/** A started heartbeat or limit must not judge before what lies in the kernel has been read. */
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

  test('that came in time is judged no more', async () => {
    const { greeted, clock } = await startBob();
    const client = await greeted();
    await nothingCame(client);
    await pass(clock, 2 * HELLO_MS);
    await nothingCame(client);
  });
});

describe('a frame that has started', () => {
  test('must make 1 kB/s 5 s after its first kB', async () => {
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

  test('does not begin anew with every byte', async () => {
    const { greeted, clock } = await startBob();
    const client = await greeted();
    await nothingCame(client);
    client.type('SEND id=1 ');
    await until(() => clock.pending > 0);
    for (let second = 1; second < TYPED_MS / 1000; second += 1) {
      await pass(clock, 1000);
      client.type('a');
      await turns();
    }
    expect(client.frames).toHaveLength(2);
    await pass(clock, 1000);
    expect(await client.next()).toEqual(anError('too_slow'));
  });

  test('may be typed by hand', async () => {
    const { greeted, clock } = await startBob();
    const client = await greeted();
    await nothingCame(client);
    client.type('SEND id=1 size=5\n');
    await until(() => clock.pending > 0);
    await pass(clock, TYPED_MS - 1);
    client.type('hello\n');
    expect(await client.next()).toEqual(['RECEIVED id=1', undefined]);
  });

  test('whose size= is one too large is told so', async () => {
    const { greeted, clock } = await startBob();
    const client = await greeted();
    await nothingCame(client);
    client.type('SEND id=1 size=6\nhello\n');
    await until(() => clock.pending > 0);
    await pass(clock, TYPED_MS);
    const [line, body] = await client.next();
    expect(line).toMatch(/^ERROR code=too_slow /);
    expect(body).toContain('its size= is too large');
  });

  test('has 5 s from its first kB on, however long that took, and not more for the next', async () => {
    const { greeted, clock } = await startBob();
    const client = await greeted();
    await nothingCame(client);
    client.type(`SEND id=1 size=100000\n${'a'.repeat(TYPED_BYTES - 22)}`);
    await until(() => clock.pending > 0);
    await pass(clock, TYPED_MS - 1);
    client.type('a');
    await turns(20);
    await pass(clock, SLOW_GRACE_MS + 1000);
    client.type('a');
    await turns(20);
    expect(client.frames).toHaveLength(2);
    await pass(clock, 1000);
    expect(await client.next()).toEqual(anError('too_slow'));
  });

  test('may be slow on the whole if it is fast enough', async () => {
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

  test('behind one that was discarded has its own time', async () => {
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

  test('is not judged while the server itself has stopped reading', async () => {
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

describe('a client that takes none of its answers', () => {
  const REPLY = 'r'.repeat(1024 * 1024);

  /** Talks and does not read, and is answered with much, until the server reads no more of it. */
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
      // Not read, and a limit of time is running: the server has stopped reading. Without one it only has not come to it yet.
      for (let i = 0; i < 500 && next === undefined; i = bench.clock.pending > 0 ? i + 1 : 0) await turns(1);
      if (next === undefined) break;
      next.done(REPLY);
      answered += 1;
    }
    expect(answered).toBeGreaterThan(QUEUE_LIMIT / REPLY.length);
    return { socket, answered };
  }

  test('is read no more, and closed after 30 s without progress', async () => {
    const bench = await startBob(true);
    await withoutReading(bench);
    await pass(bench.clock, STALL_MS - 1);
    expect(bench.events.filter(({ event }) => event === 'closed')).toEqual([]);
    await pass(bench.clock, 1);
    await until(() => bench.events.some(({ event }) => event === 'closed'));
    expect(bench.events).toContainEqual({ event: 'silent', conn: 1, ms: STALL_MS });
  });

  test('is read on when it reads after all, also slowly: a piece in time is enough', async () => {
    const bench = await startBob(true);
    const { socket, answered } = await withoutReading(bench);
    const write = vi.spyOn(Socket.prototype, 'write');
    onTestFinished(() => write.mockRestore());
    const written = (): number =>
      write.mock.contexts.filter((each) => (each as Socket).localPort === bench.port).length;
    let bytes = 0;
    for (let i = 0; i < 2; i += 1) {
      await pass(bench.clock, STALL_MS - 1);
      // So much that the server's kernel has room for more: only the two kernels know how much that is.
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

test('after the last word a server waits 2 s for the FIN, no longer', async () => {
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
  test('under pressure who has not said HELLO must go, the oldest first, and the newcomer is served', async () => {
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

    // Now everybody has said HELLO: there is no room.
    const late = await RawClient.connect(bench.port);
    // In place of READY, so that nobody sends a message into it.
    expect(await late.next()).toEqual(anError('too_many'));
    await late.end();
    await nothingCame(newcomer);

    // One goes, and there is.
    newcomer.socket.destroy();
    await until(() => bench.events.filter(({ event }) => event === 'closed').length > 0);
    await nothingCame(await bench.greeted());
  });
});
