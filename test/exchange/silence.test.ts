// An idle connection whose peer is frozen, or whose cable is cut, is noticed within three heartbeats: at both ends, with every pair, in both
// modes. Real sockets through a real link, on clocks that the test turns; there is no FIN and no RST.

import { createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { Receiver } from '../../src/async/receiver.ts';
import { Sender as AsyncSender } from '../../src/async/sender.ts';
import { parseCommand } from '../../src/cli/typed-commands.ts';
import { Waiter } from '../../src/cli/waiting.ts';
import type { Event } from '../../src/core/event.ts';
import { HEARTBEAT_S, SILENT_BEATS } from '../../src/exchange/heartbeat.ts';
import { netContext } from '../../src/net/context.ts';
import { Sender as SyncSender } from '../../src/sync/sender.ts';
import { FakeClock } from '../fake-clock.ts';
import { startBob, startLinkTo, startTheRelay, turns, until } from '../servers.ts';

const BEAT_MS = HEARTBEAT_S * 1000;
/** Time goes in steps of this size, so that what is said in one step is heard before the next. */
const STEP_MS = BEAT_MS / 4;

/** A client: its name, where it connects, what it reports. */
interface Ends {
  readonly port: number;
  readonly clock: FakeClock;
  readonly events: Event[];
}

/** A link to a server, and a clock for the client. */
async function linked(port: number) {
  const clock = new FakeClock();
  const events: Event[] = [];
  const link = await startLinkTo(port);
  return {
    port: link.port,
    clock,
    events,
    type: (line: string) => link.obey(parseCommand(line)),
    counts: () => link.counts(),
  };
}

const contextOf = ({ clock, events }: Pick<Ends, 'clock' | 'events'>) =>
  netContext((event) => events.push(event), clock, true);

const silent = (events: readonly Event[]): number[] =>
  events.flatMap((event) => (event.event === 'silent' ? [event.ms] : []));

/** Lets time pass on all these clocks alike. `between` waits for what must be heard before it goes on. */
async function pass(ms: number, clocks: readonly FakeClock[], between = async () => {}): Promise<void> {
  for (let gone = 0; gone < ms; gone += STEP_MS) {
    for (const clock of clocks) clock.advance(STEP_MS);
    await turns(12);
    await between();
  }
}

const count = (events: readonly Event[], what: 'sent' | 'received', verb: string): number =>
  events.filter((event) => event.event === what && event.verb === verb).length;

/** Connections that work are left alone for long. After `breaks`, each end gives up after three heartbeats and not before. */
async function noticed(
  clocks: readonly FakeClock[],
  watched: readonly (readonly Event[])[],
  breaks: () => Promise<void> | void,
): Promise<void> {
  // However late the answers come, no clock moves before they are here.
  const answered = (): Promise<void> =>
    until(() =>
      watched.every((events) => count(events, 'sent', 'PING') === count(events, 'received', 'PONG')),
    );
  await pass(10 * BEAT_MS, clocks, answered);
  expect(watched.flatMap(silent)).toEqual([]);
  await breaks();
  await pass((SILENT_BEATS - 1) * BEAT_MS, clocks);
  expect(watched.flatMap(silent)).toEqual([]);
  await pass(BEAT_MS, clocks);
  for (const events of watched) {
    expect(silent(events).length).toBeGreaterThan(0);
    for (const ms of silent(events)) expect(ms).toBe(SILENT_BEATS * BEAT_MS);
  }
}

test('cut, sync: both ends of an open connection give up; the next message connects again', async () => {
  const bob = await startBob();
  const way = await linked(bob.port);
  const sender = new SyncSender({
    as: 'alice',
    session: 's',
    host: '127.0.0.1',
    port: way.port,
    context: contextOf(way),
  });
  expect((await sender.send('1', Buffer.from('a'), { timeoutMs: 60_000 })).verdict).toBe('DELIVERED');
  await noticed([way.clock, bob.clock], [way.events, bob.events], () => way.type('cut'));
  expect(way.events.filter(({ event }) => event === 'connecting')).toHaveLength(1);
  await way.type('heal');
  expect((await sender.send('2', Buffer.from('b'), { timeoutMs: 60_000 })).verdict).toBe('DELIVERED');
  expect(way.events.filter(({ event }) => event === 'connecting')).toHaveLength(2);
  void sender.close();
});

test('cut, async: the relay, an idle sender, a receiver that follows; healed, the mail comes in order', async () => {
  const bench = await startTheRelay();
  const way = await linked(bench.port);
  const near = { clock: way.clock, events: [] as Event[] };
  const far = { clock: way.clock, events: [] as Event[] };
  const common = { host: '127.0.0.1', port: way.port, random: () => 0 };
  const sender = new AsyncSender({ ...common, as: 'alice', session: 'a', context: contextOf(near) });
  const got: string[] = [];
  const receiver = new Receiver({
    ...common,
    as: 'bob',
    session: 'b',
    context: contextOf(far),
    follow: true,
    patienceMs: 10_000,
    handle: async (messages) => {
      for (const { seq, body, attempt } of messages) got.push(`${seq} ${body} ${attempt}`);
    },
  });
  const running = receiver.run();
  const send = (id: string) =>
    sender.send({ id, to: 'bob', body: Buffer.from(id) }, { timeoutMs: 3_600_000 });
  expect((await send('one')).verdict).toBe('STORED');
  await until(() => got.length === 1);
  await noticed([way.clock, bench.clock], [near.events, far.events, bench.events], () => way.type('cut'));
  expect(silent(bench.events)).toHaveLength(2);
  await way.type('heal');
  for (const id of ['two', 'three']) expect((await send(id)).verdict).toBe('STORED');
  for (let waited = 0; got.length < 3; waited += 1) {
    expect(waited).toBeLessThan(1000);
    await pass(STEP_MS, [way.clock, bench.clock]);
  }
  expect(got).toEqual(['1 one 1', '2 two 1', '3 three 1']);
  receiver.stop();
  await running;
  await sender.close();
});

test('cut, async: a sender that waits for a receipt connects again and gets it', async () => {
  const bench = await startTheRelay();
  const way = await linked(bench.port);
  const context = contextOf(way);
  const common = { host: '127.0.0.1', port: way.port, context, random: () => 0 };
  const waiter = new Waiter(common, common);
  const news = waiter.wait('k', 3_600_000);
  const sender = new AsyncSender({ ...common, as: 'alice', session: 'a' });
  const sent = sender.send(
    { id: 'k', to: 'bob', notify: waiter.name, body: Buffer.from('hi') },
    { timeoutMs: 60_000 },
  );
  expect((await sent).verdict).toBe('STORED');
  await noticed([way.clock, bench.clock], [way.events, bench.events], () => way.type('cut'));
  const bob = await bench.greeted('HELLO version=1 as=bob');
  bob.type('RECEIVE window=1\n');
  expect((await bob.next())[0]).toMatch(/^MESSAGE seq=1 /);
  bob.type('ACK seq=1\n');
  await way.type('heal');
  let found: unknown;
  void news.then((one) => {
    found = one;
  });
  for (let waited = 0; found === undefined; waited += 1) {
    expect(waited).toBeLessThan(1000);
    await pass(STEP_MS, [way.clock, bench.clock]);
  }
  expect(found).toEqual({ kind: 'receipt', tried: true });
  await waiter.stop();
});

/** A program that greets, answers what it is told to, and after `freeze` reads nothing more, while its kernel goes on. */
async function standsStill(greeting: string, answer: (heard: string) => string) {
  let served: Socket | undefined;
  let frozen = false;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    onTestFinished(() => void socket.destroy());
    served = socket;
    if (frozen) return;
    socket.write(greeting);
    socket.on('data', (bytes) => void socket.write(answer(bytes.toString()).replace(/^$/, '')));
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    freeze(): void {
      frozen = true;
      served?.pause();
    },
  };
}

const pongs = (heard: string): string => 'PONG\n'.repeat(heard.split('PING\n').length - 1);

test('a frozen program, sync: its kernel acknowledges every PING, and three heartbeats are the end', async () => {
  const bob = await standsStill('READY version=1 role=receiver as=bob max=1000 window=1\n', (heard) =>
    heard.includes('SEND') ? 'RECEIVED id=1\n' : pongs(heard),
  );
  const ends = { port: bob.port, clock: new FakeClock(), events: [] as Event[] };
  const sender = new SyncSender({
    as: 'alice',
    session: 's',
    host: '127.0.0.1',
    port: bob.port,
    context: contextOf(ends),
  });
  expect((await sender.send('1', Buffer.from('a'), { timeoutMs: 60_000 })).verdict).toBe('DELIVERED');
  await noticed([ends.clock], [ends.events], () => bob.freeze());
  // Until then the socket reported nothing: no error, no FIN.
  const kinds = ends.events.map(({ event }) => event);
  expect(kinds.slice(kinds.indexOf('silent'))).toEqual(['silent', 'closed']);
  expect(kinds).not.toContain('broken');
});

test('a frozen program, async: a receiver that follows gives up on the relay and connects again', async () => {
  const relay = await standsStill('READY version=1 role=relay as=relay max=1000 window=1 store=t\n', pongs);
  const ends = { port: relay.port, clock: new FakeClock(), events: [] as Event[] };
  const receiver = new Receiver({
    as: 'bob',
    session: 'b',
    host: '127.0.0.1',
    port: relay.port,
    context: contextOf(ends),
    follow: true,
    patienceMs: 10_000,
    random: () => 0,
    handle: async () => {},
  });
  const running = receiver.run();
  await until(() => ends.events.some((event) => event.event === 'sent' && event.verb === 'RECEIVE'));
  await noticed([ends.clock], [ends.events], () => relay.freeze());
  expect(ends.events).toContainEqual({ event: 'reconnecting', ms: 0, why: 'silent' });
  await pass(STEP_MS, [ends.clock]);
  expect(ends.events.filter(({ event }) => event === 'connecting').length).toBeGreaterThan(1);
  receiver.stop();
  ends.clock.advance(60_000);
  await running;
});
