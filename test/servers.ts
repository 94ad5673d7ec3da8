// The two servers of detour in the test's own process, on real sockets, with a clock that the test turns.

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

/** A message that the receiver's program is handling until the test says how that ends. */
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
  /** Connects, takes READY, and says HELLO as alice. */
  greeted(hello?: string): Promise<RawClient>;
  /** The next message that the program gets. Only with `manual`. */
  handling(): Promise<Handling>;
}

/**
 * Starts a receiver named bob that handles every message immediately.
 * @param manual it handles a message only when the test says so
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
  // Not awaited, because a handler that the test left open would keep the polite close waiting.
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
  /** The failure that the log reported. */
  readonly failures: Error[];
  /** Connects, takes READY, and says HELLO. @param from another address of this computer, as the client's */
  greeted(hello: string, from?: string): Promise<RawClient>;
}

/** How a relay under test is started. */
export interface RelayBenchOptions {
  /** A log in memory. Default: a new one. */
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
  // Not awaited, because a log that the test holds back would keep the polite close waiting.
  onTestFinished(() => void relay.close());
  const { port } = relay.address;
  return { relay, log, clock, events, port, failures, greeted: (hello, from) => greeted(port, hello, from) };
}

/** Starts the next relay on the log of this one, as after a kill. None of it is in memory, so messages must be read back. */
export function restarted(bench: RelayBench, limits?: Partial<RelayLimits>): Promise<RelayBench> {
  return startTheRelay({ log: new TestLog(bench.log), clock: bench.clock, limits });
}

async function greeted(port: number, hello = 'HELLO version=1 as=alice', from?: string): Promise<RawClient> {
  const client = await RawClient.connect(port, undefined, from);
  await client.next();
  client.type(`${hello}\n`);
  return client;
}

/** Resolves when everything that was typed before is read and answered: the next frame is PONG, and nothing came before it. */
export async function nothingCame(client: RawClient): Promise<void> {
  client.type('PING\n');
  const [line] = await client.next();
  if (line !== 'PONG') throw new Error(`expected nothing before PONG, but ${line} came`);
}

/** Lets the event loop turn a few times, so that what the kernel has on loopback is read. */
export async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Resolves when `condition` holds. It is checked every millisecond, because a busy loop would take the time that others need. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** The ERROR frame with this code, with its header line. */
export const anError = (code: string): unknown => [expectStart(`ERROR code=${code} `), expectText()];

const expectStart = (start: string): unknown => ({
  asymmetricMatch: (line: unknown) => typeof line === 'string' && line.startsWith(start),
  toString: () => `starts with ${start}`,
});
const expectText = (): unknown => ({
  asymmetricMatch: (body: unknown) => typeof body === 'string' && body.endsWith('.'),
  toString: () => 'a sentence',
});
/** The REFUSED frame for this id with this code. */
export const aRefusal = (id: string, code: string): unknown => [
  expectStart(`REFUSED id=${id} code=${code} `),
  expectText(),
];

/** A link to one of them. The link's clock stands still. */
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
