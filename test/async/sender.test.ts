// The asynchronous sender where nobody listens: what it may conclude, and when it connects again.

import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { Sender } from '../../src/async/sender.ts';
import type { Event } from '../../src/core/event.ts';
import { netContext } from '../../src/net/context.ts';
import { FakeClock } from '../fake-clock.ts';
import { nothingCame, startTheRelay } from '../servers.ts';

/** A port on which nobody listens. */
async function deadPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A port on which a server says this to every client. */
async function portThatSays(greeting: string): Promise<number> {
  const server = createServer((socket) => void socket.on('error', () => {}).end(greeting));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function sender(greeting?: string) {
  const clock = new FakeClock();
  let told: () => void = () => {};
  const reconnecting = new Promise<void>((resolve) => {
    told = resolve;
  });
  const events: Event['event'][] = [];
  const emit = ({ event }: Event): void => {
    events.push(event);
    if (event === 'reconnecting') told();
  };
  const context = netContext(emit, clock, false);
  const subject = new Sender({
    as: 'alice',
    session: 's',
    host: '127.0.0.1',
    port: greeting === undefined ? await deadPort() : await portThatSays(greeting),
    context,
    random: () => 0.5,
  });
  onTestFinished(() => subject.interrupt());
  return { clock, events, reconnecting, subject };
}

const message = { id: 'i', to: 'bob', body: Buffer.from('x') };

test('a message of which nothing was ever written is NOT DELIVERED, immediately', async () => {
  const { subject } = await sender();
  const outcome = await subject.send(message, { timeoutMs: 1000 });
  expect(outcome.verdict).toBe('NOT_DELIVERED');
  expect(outcome.attempts).toMatchObject([
    { phase: 'connecting', end: { how: 'broken', code: 'ECONNREFUSED' } },
  ]);
});

test('a message that an earlier process may have sent stays UNKNOWN, and is tried until the deadline', async () => {
  const { subject, clock, reconnecting } = await sender();
  const settled = subject.send(message, { timeoutMs: 1000 }, true);
  await reconnecting;
  clock.advance(1000);
  const { verdict, attempts } = await settled;
  expect(verdict).toBe('UNKNOWN');
  expect(attempts.length).toBeGreaterThan(1);
  expect(clock.pending).toBe(0);
});

test('a sender whose HELLO is refused will be refused again, so it concludes immediately, even for an id that was sent before', async () => {
  const { events, subject } = await sender('READY version=1 role=relay as=alice max=9 window=9\n');
  expect((await subject.send(message, { timeoutMs: 1000 })).verdict).toBe('NOT_DELIVERED');
  const { verdict, attempts } = await subject.send(message, { timeoutMs: 1000 }, true);
  expect(verdict).toBe('UNKNOWN');
  expect(attempts).toMatchObject([{}, { phase: 'greeting', end: { how: 'error', code: 'wrong_name' } }]);
  expect(events).not.toContain('reconnecting');
});

test('the relay is tried until shortly before the deadline, however long the waits have grown', async () => {
  const clock = new FakeClock();
  let told: (ms: number) => void = () => {};
  const emit = (event: Event): void => {
    if (event.event === 'reconnecting') told(event.ms);
  };
  const subject = new Sender({
    as: 'alice',
    session: 's',
    host: '127.0.0.1',
    port: await deadPort(),
    context: netContext(emit, clock, false),
    random: () => 0.999,
  });
  onTestFinished(() => subject.interrupt());
  const timeoutMs = 10_000;
  let settled = false;
  void subject.send(message, { timeoutMs }, true).then(() => {
    settled = true;
  });
  let lastCall = 0;
  while (!settled) {
    const wait = await new Promise<number>((resolve) => {
      told = resolve;
    });
    const due = clock.monotonic() + wait;
    if (due < timeoutMs) lastCall = due;
    clock.advance(wait + 1);
    // The deadline reads once more before it concludes.
    if (due >= timeoutMs) await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  }
  expect(timeoutMs - lastCall).toBeLessThanOrEqual(150);
});

test('patient: there is no deadline while the kernel tries; it begins when the first connect has succeeded or failed', async () => {
  const { subject, clock, reconnecting } = await sender();
  const settled = subject.send(message, { timeoutMs: 1000, patient: true }, true);
  // The connect is on its way, and nothing else is waited for: no time ends it.
  expect(clock.pending).toBe(0);
  await reconnecting;
  // The next connect, and the deadline.
  expect(clock.pending).toBe(2);
  clock.advance(1000);
  expect((await settled).verdict).toBe('UNKNOWN');
  expect(clock.pending).toBe(0);
});

test('a session that somebody else has used is overtaken: the message is stored in spite of it', async () => {
  const bench = await startTheRelay();
  await nothingCame(await bench.greeted('HELLO version=1 as=alice session=s try=900'));
  const clock = new FakeClock();
  const refusals: string[] = [];
  const emit = (event: Event): void => {
    if (event.event === 'received' && event.verb === 'ERROR') refusals.push(String(event.fields.code));
    if (event.event === 'reconnecting') clock.advance(event.ms + 1);
  };
  const subject = new Sender({
    as: 'alice',
    session: 's',
    host: '127.0.0.1',
    port: bench.port,
    context: netContext((event) => void setImmediate(() => emit(event)), clock, true),
    random: () => 0.5,
  });
  onTestFinished(() => subject.interrupt());
  expect((await subject.send(message, { timeoutMs: 60_000 })).verdict).toBe('STORED');
  expect(refusals).toEqual(['stale']);
});
