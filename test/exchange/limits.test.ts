// The limits of a server: on time, with a clock that the test turns, and on space. PROTOCOL.md, "Limits".

import { readFileSync } from 'node:fs';
import { createConnection, Socket } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { HELLO_MS, IDLE_MS, MAX_CONNECTIONS, QUESTIONS, QUESTIONS_PER_S } from '../../src/exchange/limits.ts';
import { LINGER_MS } from '../../src/net/connection.ts';
import { QUEUE_LIMIT, STALL_MS } from '../../src/net/frame-writer.ts';
import { KEEPALIVE_MS } from '../../src/net/listener.ts';
import { SLOW_GRACE_MS, TYPED_BYTES, TYPED_MS } from '../../src/net/slow-frame.ts';
import { RawClient } from '../harness.ts';
import {
  anError,
  type Handling,
  nothingCame,
  type ReceiverBench,
  startBob,
  startTheRelay,
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

  test('does not get a new time limit with every byte', async () => {
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

describe('questions', () => {
  const pongs = (client: RawClient): number => client.frames.filter(({ verb }) => verb === 'PONG').length;

  test('in a flood are answered more slowly, all of them, and nobody else is', async () => {
    const bench = await startBob();
    const flooding = await bench.greeted();
    await until(() => bench.events.some((event) => event.event === 'received' && event.verb === 'HELLO'));
    flooding.type('PING\n'.repeat(2 * QUESTIONS));
    // HELLO is the first of them.
    await until(() => pongs(flooding) >= QUESTIONS - 1);
    const other = await bench.greeted();
    for (let i = 0; i < QUESTIONS / 2; i += 1) await nothingCame(other);
    expect(pongs(flooding)).toBe(QUESTIONS - 1);
    await pass(bench.clock, 1000);
    await until(() => pongs(flooding) >= QUESTIONS + QUESTIONS_PER_S - 1);
    await turns(20);
    expect(pongs(flooding)).toBe(QUESTIONS + QUESTIONS_PER_S - 1);
    for (let i = 0; i < QUESTIONS / QUESTIONS_PER_S; i += 1) {
      await pass(bench.clock, 1000);
      await turns(20);
    }
    await until(() => pongs(flooding) === 2 * QUESTIONS);
  });

  test('are not counted beside messages: a sender asks after each', async () => {
    const bench = await startTheRelay();
    const alice = await bench.greeted('HELLO version=1 as=alice');
    const bob = await bench.greeted('HELLO version=1 as=bob');
    bob.type('RECEIVE window=1\n');
    for (let i = 1; i <= 3 * QUESTIONS; i += 1) {
      alice.type(`SEND id=${i} to=bob size=1\na\nPING\n`);
      await Promise.all([alice.next(), alice.next(), bob.next()]);
      bob.type(`ACK seq=${i}\nPING\n`);
      await bob.next();
    }
  });

  test('of who has mail are answered one by one, and in order', async () => {
    const bench = await startTheRelay();
    const client = await RawClient.connect(bench.port);
    await client.next();
    client.type('STATUS\nPING\nLIST name=bob\nSTATUS after=b\nPING\n');
    const verbs = [];
    for (let i = 0; i < 6; i += 1) verbs.push((await client.next())[0].split(' ')[0]);
    expect(verbs).toEqual(['END', 'PONG', 'MAILBOX', 'END', 'END', 'PONG']);
  });
});

describe('connections', () => {
  /** Takes all places except `free`, with a HELLO that ends in this. The server has read each client, which is silent from now on. */
  async function crowd(port: number, free: number, more = '', from?: string): Promise<RawClient[]> {
    const clients: RawClient[] = [];
    for (let i = free; i < MAX_CONNECTIONS; i += 1) {
      const client = await RawClient.connect(port, undefined, from);
      clients.push(client);
      client.type(`HELLO version=1 as=client-${i}${more}\n`);
    }
    for (const client of clients) await client.next();
    await Promise.all(clients.map(nothingCame));
    return clients;
  }

  /** One more connection finds no place. In place of READY, so that nobody sends a message into it. */
  async function noPlaceFor(port: number): Promise<void> {
    const late = await RawClient.connect(port);
    expect(await late.next()).toEqual(anError('too_many'));
    await late.end();
  }

  test('under pressure who has not said HELLO must go, the oldest first, and the newcomer is served', async () => {
    const bench = await startBob();
    const quiet = await RawClient.connect(bench.port);
    await quiet.next();
    await crowd(bench.port, 1);
    const newcomer = await bench.greeted();
    await nothingCame(newcomer);
    expect(await quiet.next()).toEqual(anError('no_hello'));
    await quiet.end();

    // Now everybody has said HELLO, and nobody has been silent for long: there is no room.
    await noPlaceFor(bench.port);
    await nothingCame(newcomer);

    // One connection ends, and there is room.
    newcomer.socket.destroy();
    await until(() => bench.events.filter(({ event }) => event === 'closed').length > 0);
    await nothingCame(await bench.greeted());
  });

  test('silent ones without a heartbeat lose their places to newcomers, the longest silent first', async () => {
    const bench = await startBob(true);
    const beating = await bench.greeted('HELLO version=1 as=alice heartbeat=3600');
    const asking = await bench.greeted();
    asking.type('SEND id=1 size=1\na\n');
    const asked = await bench.handling();
    const crowded = await crowd(bench.port, 2);
    await pass(bench.clock, IDLE_MS - 1);
    await noPlaceFor(bench.port);
    const [first, second, ...others] = crowded;
    if (first === undefined || second === undefined) throw new Error('there is no crowd');
    await nothingCame(first);
    await pass(bench.clock, 1);
    // The first has talked meanwhile.
    await nothingCame(await bench.greeted());
    expect(await second.next()).toEqual(anError('idle'));
    await second.end();
    asked.done();
    expect(await asking.next()).toEqual(['RECEIVED id=1', undefined]);
    for (const client of [beating, first, ...others]) await nothingCame(client);
  });

  test('one that has a message in hand, or a heartbeat, keeps its place', async () => {
    const bench = await startTheRelay();
    const bob = await bench.greeted('HELLO version=1 as=bob');
    bob.type('RECEIVE window=1\n');
    const alice = await bench.greeted('HELLO version=1 as=alice');
    alice.type('SEND id=1 to=bob size=1\na\n');
    await alice.next();
    await bob.next();
    await crowd(bench.port, 2, ' heartbeat=3600');
    await pass(bench.clock, IDLE_MS);
    await nothingCame(await bench.greeted('HELLO version=1 as=carol'));
    expect(await alice.next()).toEqual(anError('idle'));
    await noPlaceFor(bench.port);
    bob.type('ACK seq=1\n');
    await nothingCame(bob);
    await pass(bench.clock, IDLE_MS);
    await nothingCame(await bench.greeted('HELLO version=1 as=dave'));
  });

  test.skipIf(process.platform !== 'linux')(
    'the address that has most places gives one, though others have been silent for longer',
    async () => {
      const bench = await startBob();
      const alone = await bench.greeted();
      await nothingCame(alone);
      await pass(bench.clock, 1);
      const [first] = await crowd(bench.port, 1, '', '127.0.0.2');
      await pass(bench.clock, IDLE_MS);
      await nothingCame(await bench.greeted());
      expect(await first?.next()).toEqual(anError('idle'));
      await nothingCame(alone);
    },
  );

  test.skipIf(process.platform !== 'linux')(
    'are asked by the kernel, when they are silent, in a minute',
    async () => {
      const { port, greeted } = await startBob();
      const client = await greeted();
      await nothingCame(client);
      const ends = [port, client.socket.localPort ?? 0].map((one) =>
        one.toString(16).padStart(4, '0').toUpperCase(),
      );
      const row = new RegExp(`:${ends[0]} \\w+:${ends[1]} 01 \\S+ (\\w\\w):(\\w+)`);
      // The timer: 2 means keepalive, once everything is acknowledged. Then the time until it goes off, in hundredths of a second.
      let [timer, due]: (string | undefined)[] = [];
      await until(() => {
        [, timer, due] = row.exec(readFileSync('/proc/net/tcp', 'latin1')) ?? [];
        return timer !== '01';
      });
      expect(timer).toBe('02');
      expect(Number.parseInt(due ?? '', 16)).toBeLessThanOrEqual(KEEPALIVE_MS / 10);
    },
  );
});
