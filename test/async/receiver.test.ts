// The asynchronous receiver as a client: which messages it handles, and which it already knows. The test plays the relay, line by line.

import { createServer, type Server, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Receiver } from '../../src/async/receiver.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Event } from '../../src/core/event.ts';
import { TRY_STEP } from '../../src/exchange/limits.ts';
import { netContext } from '../../src/net/context.ts';
import { FrameDecoder } from '../../src/wire/decoder.ts';

// One connection of the receiver, as the relay sees it.
class Collector {
  readonly socket: Socket;
  /** What it said first. */
  hello = '';
  readonly #lines: string[] = [];
  #wake: () => void = () => {};

  constructor(socket: Socket, store: string) {
    this.socket = socket;
    const decoder = new FrameDecoder(1024);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      decoder.push(bytes);
      for (let found = decoder.next(); found?.kind === 'frame'; found = decoder.next()) {
        const fields = [...found.frame.fields].map(([key, value]) => ` ${key}=${value}`);
        this.#lines.push(found.frame.verb + fields.join(''));
      }
      this.#wake();
    });
    socket.write(`READY version=1 role=relay as=relay max=1024 window=8 store=${store}\n`);
  }

  message(seq: number, text: string, attempt = 1): void {
    this.socket.write(
      `MESSAGE seq=${seq} id=i${seq} from=alice at=1 held=0 attempt=${attempt} size=${text.length}\n${text}\n`,
    );
  }

  async next(): Promise<string> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) return line;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

class Relay {
  readonly #server: Server;
  readonly #sockets: Socket[] = [];
  #wake: () => void = () => {};

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => {
      this.#sockets.push(socket);
      this.#wake();
    });
    onTestFinished(() => void server.close());
  }

  static async listen(): Promise<Relay> {
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Relay(server);
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** The next connection, up to its RECEIVE. */
  async call(store = 's'): Promise<[Collector, receive: string]> {
    while (this.#sockets.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const collector = new Collector(this.#sockets.shift() as Socket, store);
    onTestFinished(() => void collector.socket.destroy());
    collector.hello = await collector.next();
    return [collector, await collector.next()];
  }
}

/** A receiver that follows, and what it handled. `gate` stops it in the middle of a message. */
async function receiverOf(together: number, as: string, limit?: number) {
  const relay = await Relay.listen();
  const handled: string[] = [];
  const events: Event[] = [];
  let gate: Promise<void> | undefined;
  const subject = new Receiver({
    as,
    session: 'session',
    host: '127.0.0.1',
    port: relay.port,
    context: netContext((event) => events.push(event), systemClock, false),
    follow: true,
    limit,
    patienceMs: 60_000,
    together,
    handle: async (messages) => {
      await gate;
      for (const { seq, body } of messages) handled.push(`${seq} ${body}`);
    },
    random: () => 0,
  });
  const done = subject.run();
  onTestFinished(() => subject.stop());
  return { relay, handled, events, done, hold: (until: Promise<void> | undefined) => (gate = until) };
}

// From outside, handling several together must look like handling one after another.
describe.each([1, 64])('handling up to %i together', (together) => {
  const receiver = receiverOf.bind(undefined, together);

  test('what it handled but could not acknowledge is acknowledged and not handled again when it comes back', async () => {
    const { relay, handled, events } = await receiver('bob');
    const [first] = await relay.call();
    first.message(1, 'one');
    expect(await first.next()).toBe('ACK seq=1');
    first.socket.destroy();
    const [second] = await relay.call();
    second.message(1, 'one', 2);
    second.message(2, 'two');
    expect(await second.next()).toBe('ACK seq=1');
    expect(await second.next()).toBe('ACK seq=2');
    expect(handled).toEqual(['1 one', '2 two']);
    expect(events.filter(({ event }) => event === 'repeated')).toEqual([
      { event: 'repeated', id: 'i1', from: 'alice', seq: 1, attempt: 2 },
    ]);
  });

  test('another store starts its numbers anew', async () => {
    const { relay, handled } = await receiver('bob');
    const [first] = await relay.call('s1');
    first.message(1, 'one');
    expect(await first.next()).toBe('ACK seq=1');
    first.socket.destroy();
    const [second] = await relay.call('s2');
    second.message(1, 'uno');
    expect(await second.next()).toBe('ACK seq=1');
    expect(handled).toEqual(['1 one', '1 uno']);
  });

  test('another store starts its numbers anew, even if a message of the old one is still being handled', async () => {
    const { relay, handled, hold } = await receiver('bob');
    let release: () => void = () => {};
    hold(
      new Promise((resolve) => {
        release = resolve;
      }),
    );
    const [first] = await relay.call('s1');
    first.message(7, 'seven');
    first.socket.write('PING\n');
    expect(await first.next()).toBe('PONG');
    first.socket.destroy();
    const [second] = await relay.call('s2');
    second.message(1, 'uno');
    second.socket.write('PING\n');
    expect(await second.next()).toBe('PONG');
    hold(undefined);
    release();
    expect(await second.next()).toBe('ACK seq=1');
    expect(handled).toEqual(['7 seven', '1 uno']);
  });

  test('a throwaway mailbox starts its numbers anew after it was forgotten, which may happen between any two connections', async () => {
    const { relay, handled } = await receiver('w-1');
    const [first] = await relay.call();
    first.message(1, 'one');
    expect(await first.next()).toBe('ACK seq=1');
    first.socket.destroy();
    const [second] = await relay.call();
    second.message(1, 'other');
    expect(await second.next()).toBe('ACK seq=1');
    expect(handled).toEqual(['1 one', '1 other']);
  });

  test('repeats do not count towards the messages it wants: it asks for the rest', async () => {
    const { relay, handled, done } = await receiver('bob', 2);
    const [first, receive] = await relay.call();
    expect(receive).toBe('RECEIVE window=2 limit=2');
    first.message(1, 'one');
    expect(await first.next()).toBe('ACK seq=1');
    first.socket.destroy();
    const [second, again] = await relay.call();
    expect(again).toBe('RECEIVE window=2 limit=1');
    second.message(1, 'one', 2);
    expect(await second.next()).toBe('ACK seq=1');
    expect(await second.next()).toBe('RECEIVE window=2 limit=1');
    second.message(2, 'two');
    expect(await second.next()).toBe('ACK seq=2');
    expect(await second.next()).toBe('BYE');
    second.socket.end('BYE\n');
    expect(await done).toMatchObject({ handled: 2, why: 'limit', confirmed: true });
    expect(handled).toEqual(['1 one', '2 two']);
  });

  test('what has arrived is handled in order, no more than is wanted, and each message is acknowledged', async () => {
    const { relay, handled, hold, done } = await receiver('bob', 4);
    let release: () => void = () => {};
    hold(
      new Promise((resolve) => {
        release = resolve;
      }),
    );
    const [only] = await relay.call();
    for (const seq of [1, 2, 3, 4, 5, 6]) only.message(seq, 'x');
    only.socket.write('PING\n');
    expect(await only.next()).toBe('PONG');
    release();
    for (const seq of [1, 2, 3, 4]) expect(await only.next()).toBe(`ACK seq=${seq}`);
    expect(await only.next()).toBe('BYE');
    only.socket.end('BYE\n');
    expect(await done).toMatchObject({ handled: 4, why: 'limit' });
    expect(handled).toEqual(['1 x', '2 x', '3 x', '4 x']);
  });
});

test('a session that somebody else has used is overtaken', async () => {
  const { relay } = await receiverOf(1, 'bob');
  const [refused] = await relay.call();
  expect(refused.hello).toContain(' try=1 ');
  refused.socket.end('ERROR code=stale size=1\nx\n');
  const [served] = await relay.call();
  expect(served.hello).toContain(` try=${1 + TRY_STEP} `);
});
