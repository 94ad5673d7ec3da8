// The two servers of detour inside the test's own process, on real sockets, with a clock that the test turns itself.

import { onTestFinished } from 'vitest';
import type { RelayLimits } from '../src/async/admission.ts';
import { type Relay, startRelay } from '../src/async/relay.ts';
import type { Event } from '../src/core/event.ts';
import { prng } from '../src/core/prng.ts';
import { type Link, startLink } from '../src/lab/faults/link.ts';
import { netContext } from '../src/net/context.ts';
import { type Incoming, type Receiver, startReceiver } from '../src/sync/receiver.ts';
import { TestLog } from './async/memory-log.ts';
import { FakeClock } from './fake-clock.ts';
import { RawClient } from './harness.ts';

/** A message that the receiver's program is handling, until the test says how that ends. */
export interface Handling extends Incoming {
  done(reply?: string): void;
  failed(why: string): void;
}

/** A receiver under test. */
export interface ReceiverBench {
  readonly receiver: Receiver;
  readonly clock: FakeClock;
  readonly events: Event[];
  readonly port: number;
  /** Connects, takes READY, says HELLO as alice. */
  greeted(hello?: string): Promise<RawClient>;
  /** The next message that the program is given. Only with `manual`. */
  handling(): Promise<Handling>;
}

/**
 * Starts a receiver named bob, which handles every message at once.
 * @param manual handles a message only when the test says so
 */
export async function startBob(manual = false): Promise<ReceiverBench> {
  const clock = new FakeClock();
  const events: Event[] = [];
  const arrived: Handling[] = [];
  const wanted: ((one: Handling) => void)[] = [];
  const receiver = await startReceiver({
    as: 'bob',
    host: '127.0.0.1',
    port: 0,
    context: netContext((event) => events.push(event), clock, true),
    handle: (incoming) =>
      new Promise((resolve, reject) => {
        if (!manual) return resolve(undefined);
        const one: Handling = {
          ...incoming,
          done: (reply) => resolve(reply === undefined ? undefined : Buffer.from(reply)),
          failed: (why) => reject(new Error(why)),
        };
        const next = wanted.shift();
        if (next === undefined) arrived.push(one);
        else next(one);
      }),
  });
  // Not awaited: a handler that the test left open would keep the polite close waiting.
  onTestFinished(() => void receiver.close());
  return {
    receiver,
    clock,
    events,
    port: receiver.port,
    greeted: (hello) => greeted(receiver.port, hello),
    handling: () =>
      new Promise((resolve) => {
        const one = arrived.shift();
        if (one === undefined) wanted.push(resolve);
        else resolve(one);
      }),
  };
}

/** A relay under test. */
export interface RelayBench {
  readonly relay: Relay;
  readonly clock: FakeClock;
  readonly events: Event[];
  readonly port: number;
  readonly log: TestLog;
  /** What the log reported as its failure. */
  readonly failures: Error[];
  /** Connects, takes READY, says HELLO. @param from another address of this computer, to come from */
  greeted(hello: string, from?: string): Promise<RawClient>;
}

/** How a relay under test is started. */
export interface RelayBenchOptions {
  /** A log in memory; else a new one. */
  readonly log?: TestLog;
  readonly clock?: FakeClock;
  readonly limits?: Partial<RelayLimits> | undefined;
}

/** Starts a relay on a log in memory. */
export async function startTheRelay(options: RelayBenchOptions = {}): Promise<RelayBench> {
  const { log = new TestLog(), clock = new FakeClock(), limits = {} } = options;
  const events: Event[] = [];
  const failures: Error[] = [];
  const relay = await startRelay({
    host: '127.0.0.1',
    port: 0,
    context: netContext((event) => events.push(event), clock, true),
    log: log.open,
    limits,
    onFailure: (error) => failures.push(error),
  });
  // Not awaited: a log that the test holds back would keep the polite close waiting.
  onTestFinished(() => void relay.close());
  const { port } = relay.address;
  return { relay, log, clock, events, port, failures, greeted: (hello, from) => greeted(port, hello, from) };
}

/** Starts the next relay on what this one has in its log, as after a kill. Nothing of that is in memory, so messages must be read back. */
export function restarted(bench: RelayBench, limits?: Partial<RelayLimits>): Promise<RelayBench> {
  return startTheRelay({ log: new TestLog(bench.log), clock: bench.clock, limits });
}

async function greeted(port: number, hello = 'HELLO version=1 as=alice', from?: string): Promise<RawClient> {
  const client = await RawClient.connect(port, undefined, from);
  await client.next();
  client.type(`${hello}\n`);
  return client;
}

/** Everything that was typed before is read and answered when this resolves: the next frame is PONG, and nothing came before it. */
export async function nothingCame(client: RawClient): Promise<void> {
  client.type('PING\n');
  const [line] = await client.next();
  if (line !== 'PONG') throw new Error(`expected nothing before PONG, but ${line} came`);
}

/** Lets the event loop turn some times, so that what is in the kernel's hands on loopback is read. */
export async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Resolves when `condition` holds. It is looked at each millisecond: a loop without rest would take the time that others need. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** The frame that says ERROR with this code, header line and all. */
export const anError = (code: string): unknown => [expectStart(`ERROR code=${code} `), expectText()];

const expectStart = (start: string): unknown => ({
  asymmetricMatch: (line: unknown) => typeof line === 'string' && line.startsWith(start),
  toString: () => `starts with ${start}`,
});
const expectText = (): unknown => ({
  asymmetricMatch: (body: unknown) => typeof body === 'string' && body.endsWith('.'),
  toString: () => 'a sentence',
});
/** The frame that says REFUSED to this id with this code. */
export const aRefusal = (id: string, code: string): unknown => [
  expectStart(`REFUSED id=${id} code=${code} `),
  expectText(),
];

/** A link to one of them, whose clock stands still. */
export async function startLinkTo(port: number): Promise<Link> {
  const link = await startLink({
    host: '127.0.0.1',
    port: 0,
    to: { host: '127.0.0.1', port },
    clock: new FakeClock(),
    random: prng(1),
    emit: () => {},
  });
  onTestFinished(() => link.close());
  return link;
}
