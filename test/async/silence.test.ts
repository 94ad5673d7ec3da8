// When a connection counts as silent, and what an asynchronous sender then does: it asks again on a new connection, once, before its deadline.

import { createConnection, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { Sender } from '../../src/async/sender.ts';
import { SilenceWatch } from '../../src/async/silence.ts';
import type { Event } from '../../src/core/event.ts';
import { InFlight, PendingSend } from '../../src/exchange/pending.ts';
import { netContext } from '../../src/net/context.ts';
import { unacknowledged } from '../../src/net/unacknowledged.ts';
import { FakeClock } from '../fake-clock.ts';
import { startTheRelay, turns, until } from '../servers.ts';

/** A connection whose signs the test sets, and SENDs on it with a deadline of 8 s. */
function watched(greetedAfter = 10) {
  const clock = new FakeClock();
  const inFlight = new InFlight();
  const silent: number[] = [];
  const connection = {
    over: false,
    heard: 0,
    greetedAfter,
    progress: { written: 0, acknowledged: 0 as number | undefined },
    pings: 0,
    ping() {
      connection.pings += 1;
    },
    greeting: { max: 1_000_000 },
    send: () => {},
  };
  const watch = new SilenceWatch(clock, connection, inFlight, (ms) => silent.push(ms));
  onTestFinished(() => watch.stop());
  return {
    clock,
    connection,
    silent,
    watch,
    send(size = 10): PendingSend {
      const message = { verb: 'SEND', id: `${inFlight.size}`, to: 'bob', body: Buffer.alloc(size) } as const;
      const pending = new PendingSend(
        message,
        'STORED',
        clock,
        { timeoutMs: 8000 },
        () => {},
        () => {},
      );
      pending.begin('ready');
      inFlight.send(connection as never, pending);
      watch.written();
      return pending;
    },
    answer: (id: string) => inFlight.answer({ verb: 'STORED', id, seq: 1, present: 'no' }),
    async pass(ms: number): Promise<void> {
      clock.advance(ms);
      await turns(2);
    },
  };
}

test('silent: PING after a quarter of the deadline, given up after a half', async () => {
  const { connection, send, pass, silent } = watched();
  send();
  await pass(1999);
  expect(connection.pings).toBe(0);
  await pass(1);
  expect(connection.pings).toBe(1);
  await pass(1999);
  expect(silent).toEqual([]);
  await pass(1);
  expect(silent).toEqual([4000]);
});

test('any byte counts as a sign of life: the time begins anew, with half of what is left', async () => {
  const { connection, send, pass, silent, clock } = watched();
  send();
  await pass(2000);
  connection.heard = clock.monotonic();
  await pass(2000);
  expect([silent, connection.pings]).toEqual([[], 1]);
  // 4 s are left: PING after 1 s, given up after 2.
  await pass(1000);
  expect(connection.pings).toBe(2);
  await pass(1000);
  expect(silent).toEqual([2000]);
});

test('a large body that is still being taken is left alone', async () => {
  const { connection, send, pass, silent } = watched();
  send(500_000);
  connection.progress = { written: 400_000, acknowledged: 100_000 };
  await pass(2000);
  connection.progress = { written: 400_000, acknowledged: 200_000 };
  await pass(2000);
  expect(silent).toEqual([]);
});

test('what the other kernel acknowledges of the PING is no sign of life', async () => {
  const { connection, send, pass, silent } = watched();
  send();
  connection.progress = { written: 100, acknowledged: 100 };
  await pass(2000);
  connection.progress = { written: 105, acknowledged: 105 };
  await pass(2000);
  expect(silent).toEqual([4000]);
});

test.each([
  ['14,600 bytes leave at once', 14_600, 1],
  ['more may be on its way', 14_601, 0],
])('where acknowledgements cannot be seen: %s', async (_, size, times) => {
  const { connection, send, pass, silent } = watched();
  connection.progress = { written: 0, acknowledged: undefined };
  send(size);
  await pass(2000);
  await pass(2000);
  expect(silent).toHaveLength(times);
});

test('a relay that was slow to greet may be slow to answer: nothing is given up', async () => {
  const { send, pass, silent, connection, clock } = watched(401);
  send();
  expect(clock.pending).toBe(1);
  await pass(7999);
  expect([silent, connection.pings]).toEqual([[], 0]);
});

test('answered in time: nothing is asked, and the next one has its own time', async () => {
  const { send, pass, silent, connection, answer, clock } = watched();
  send();
  await pass(1000);
  answer('0');
  await pass(1000);
  expect([connection.pings, clock.pending]).toEqual([0, 0]);
  send();
  await pass(2000);
  await pass(2000);
  expect([connection.pings, silent]).toEqual([1, [4000]]);
});

test('a message that was asked about once is not asked about again', async () => {
  const { send, pass, silent, watch } = watched();
  const pending = send();
  await pass(2000);
  await pass(2000);
  expect(silent).toHaveLength(1);
  pending.end({ how: 'unanswered', ms: 4000 });
  pending.begin('written');
  watch.stop();
  watch.written();
  await pass(3999);
  expect(silent).toHaveLength(1);
});

/** Has the kernel of the caller got an acknowledgement for all that it sent here? Where that cannot be seen it makes no difference. */
function acknowledged({ localAddress, localPort, remoteAddress, remotePort }: Socket): boolean {
  const caller = {
    localAddress: remoteAddress,
    localPort: remotePort,
    remoteAddress: localAddress,
    remotePort: localPort,
  };
  return (unacknowledged(caller as Socket) ?? 0) === 0;
}

/** A way to a relay on which the first connection goes dead behind READY, for one direction or both, and later ones pass. */
async function deadFirst(
  port: number,
  up: 'lost' | 'passes',
): Promise<{ port: number; calls: Socket[]; heard: () => string }> {
  const calls: Socket[] = [];
  let heard = '';
  const server = createServer((near) => {
    const first = calls.length === 0;
    calls.push(near);
    const far = createConnection({ host: '127.0.0.1', port });
    for (const socket of [near, far]) {
      socket.on('error', () => {});
      onTestFinished(() => void socket.destroy());
    }
    if (!first) {
      near.pipe(far).pipe(near);
      return;
    }
    far.once('data', (ready) => void near.write(ready));
    near.on('data', (bytes) => {
      heard += bytes.toString('latin1');
      if (up === 'passes' || bytes.includes('HELLO')) far.write(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    calls,
    heard: () => heard,
  };
}

test.each([
  ['neither SEND nor answer gets through', 'lost', undefined],
  ['the SEND gets through, the answer does not', 'passes', 'yes'],
] as const)('the old connection is dead, a new one passes: %s', async (_, up, dup) => {
  const bench = await startTheRelay();
  const way = await deadFirst(bench.port, up);
  const clock = new FakeClock();
  const events: Event[] = [];
  const context = netContext((event) => events.push(event), clock, true);
  const sender = new Sender({
    ...{ as: 'alice', session: 's', host: '127.0.0.1', port: way.port, random: () => 0 },
    context,
  });
  onTestFinished(() => sender.interrupt());
  const settled = sender.send({ id: 'i', to: 'bob', body: Buffer.from('x') }, { timeoutMs: 10_000 });
  const has = (verb: string): boolean =>
    events.some((event) => event.event === 'sent' && event.verb === verb);
  await until(() => has('SEND'));
  // What is on its way counts as progress.
  await until(() => way.heard().includes('SEND') && way.calls.every(acknowledged));
  if (dup) await until(() => bench.events.some(({ event }) => event === 'stored'));
  clock.advance(2500);
  await until(() => has('PING'));
  clock.advance(2500);
  const { verdict, attempts, answer } = await settled;
  expect(verdict).toBe('STORED');
  expect(attempts.map(({ phase, end }) => [phase, end?.how])).toEqual([
    ['written', 'unanswered'],
    ['written', 'taken'],
  ]);
  expect(answer).toMatchObject({ verb: 'STORED', seq: 1, ...(dup && { dup }) });
  expect(answer !== undefined && 'dup' in answer).toBe(dup !== undefined);
  expect(events.filter(({ event }) => event === 'reconnecting')).toEqual([
    { event: 'reconnecting', ms: 0, why: 'nothing came for 5.0 s' },
  ]);
  expect(bench.events.filter(({ event }) => event === 'stored')).toHaveLength(1);
  void sender.close();
});

test('a relay that answers PING and takes long to store is not left', async () => {
  const bench = await startTheRelay();
  bench.log.held = true;
  const clock = new FakeClock();
  const events: Event[] = [];
  const context = netContext((event) => events.push(event), clock, true);
  const sender = new Sender({
    ...{ as: 'alice', session: 's', host: '127.0.0.1', port: bench.port, random: () => 0 },
    context,
  });
  onTestFinished(() => sender.interrupt());
  const settled = sender.send({ id: 'i', to: 'bob', body: Buffer.from('x') }, { timeoutMs: 10_000 });
  const count = (what: string, verb: string): number =>
    events.filter((event) => event.event === what && 'verb' in event && event.verb === verb).length;
  await until(() => count('sent', 'SEND') === 1);
  for (let ms = 0; ms < 9900; ms += 100) {
    clock.advance(100);
    await turns(5);
    await until(() => count('received', 'PONG') === count('sent', 'PING'));
  }
  expect(count('sent', 'PING')).toBeGreaterThan(0);
  bench.log.release();
  expect(await settled).toMatchObject({ verdict: 'STORED', attempts: [{ end: { how: 'taken' } }] });
  void sender.close();
});

test('no READY on the new connection: the old one is kept, its late answer counts, and the new one is left', async () => {
  const calls: Socket[] = [];
  const heard: string[] = ['', ''];
  let gone = false;
  const server = createServer((socket) => {
    const nth = calls.push(socket) - 1;
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      heard[nth] += bytes.toString('latin1');
    });
    if (nth === 0) socket.write('READY version=1 role=relay as=relay max=1048576 window=256 store=t\n');
    else
      socket.on('close', () => {
        gone = true;
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const clock = new FakeClock();
  const context = netContext(() => {}, clock, false);
  const sender = new Sender({
    ...{ as: 'alice', session: 's', host: '127.0.0.1', port, random: () => 0 },
    context,
  });
  onTestFinished(() => sender.interrupt());
  const settled = sender.send({ id: 'i', to: 'bob', body: Buffer.from('x') }, { timeoutMs: 10_000 });
  await until(() => heard[0]?.includes('SEND') === true && calls.every(acknowledged));
  clock.advance(2500);
  await until(() => heard[0]?.includes('PING') === true);
  clock.advance(2500);
  await until(() => calls.length === 2);
  await turns(20);
  // HELLO would close the old connection at the relay.
  expect(heard[1]).toBe('');
  calls[0]?.write('STORED id=i seq=1 present=no\n');
  expect(await settled).toMatchObject({
    verdict: 'STORED',
    attempts: [{ phase: 'written', end: { how: 'taken' } }],
  });
  void sender.close();
  await until(() => gone);
});
