// What a receiver that follows is told when it must connect again: what is known of the connection's end, and no more. The test plays the
// relay. And which ends have their cause on this computer.

import type { Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import type { Event } from '../../src/core/event.ts';
import { LEAVE_MS } from '../../src/exchange/client.ts';
import type { AttemptEnd } from '../../src/exchange/verdict.ts';
import { collectBatches } from '../../src/library/collect.ts';
import { ownFaults } from '../../src/library/what-came.ts';
import { netContext } from '../../src/net/context.ts';
import { FakeClock } from '../fake-clock.ts';
import { peer } from '../harness.ts';
import { turns, until } from '../servers.ts';

const READY = 'READY version=1 role=relay as=relay max=1024 window=8 store=s\n';

/** Something that happens to the connection when the receiver has said what it says first. */
type End = (socket: Socket, clock: FakeClock) => unknown;

/** The sentence of the first `reconnecting`, without the address. @param greeting what the server says at once */
async function told(greeting: string, end: End): Promise<string | undefined> {
  const clock = new FakeClock();
  const events: Event[] = [];
  let accepted: Socket | undefined;
  const place = await peer((socket) => {
    if (greeting !== '') socket.write(greeting);
    socket.once('data', () => {
      accepted = socket;
    });
  });
  const stop = new AbortController();
  const done = collectBatches(place, {
    follow: true,
    context: netContext((event) => events.push(event), clock, true),
    signal: stop.signal,
    handle: async () => {},
  });
  const spoke = (verb: string): boolean =>
    events.some((event) => event.event === 'sent' && event.verb === verb);
  await until(() => accepted !== undefined && spoke(greeting === '' ? 'HELLO' : 'RECEIVE'));
  if (accepted !== undefined) await end(accepted, clock);
  const found = (): Event | undefined => events.find(({ event }) => event === 'reconnecting');
  await until(() => found() !== undefined);
  stop.abort();
  // It may have connected again by now, and nobody answers its BYE.
  clock.advance(LEAVE_MS);
  await done;
  const event = found();
  return event?.event === 'reconnecting' ? event.text?.replaceAll(place, 'ADDRESS') : undefined;
}

const silence: End = async (_, clock) => {
  for (let i = 0; i < 4; i += 1) {
    clock.advance(10_000);
    await turns(3);
  }
};

test.for<[string, string, End, string]>([
  [
    'no READY',
    '',
    (_, clock) => clock.advance(10_000),
    'no READY from ADDRESS within 10 s: it is frozen, or no relay',
  ],
  ['FIN before READY', '', (socket) => socket.end(), "the relay's side closed before READY (FIN)"],
  ['FIN', READY, (socket) => socket.end(), "the relay's side closed without BYE (FIN)"],
  ['BYE', READY, (socket) => socket.end('BYE\n'), 'BYE from the relay: it stops'],
  [
    'RST',
    READY,
    (socket) => socket.resetAndDestroy(),
    'the connection to ADDRESS was reset (ECONNRESET: RST)',
  ],
  ['silence', READY, silence, 'no byte from ADDRESS, and no PONG to our PINGs'],
  [
    'this program stood still, and the relay closed',
    READY,
    (socket, clock) => {
      clock.late(42_000);
      socket.end();
    },
    "the relay's side closed without BYE (FIN): this program stood still for at least 32 s, " +
      'and the other side hangs up after three heartbeats of silence',
  ],
])('%s', async ([, greeting, end, text]) => {
  expect(await told(greeting, end)).toBe(text);
});

test('nobody listens', async () => {
  const events: Event[] = [];
  const stop = new AbortController();
  const done = collectBatches('127.0.0.1:1', {
    follow: true,
    context: netContext((event) => events.push(event), new FakeClock(), true),
    signal: stop.signal,
    handle: async () => {},
  });
  await until(() => events.some(({ event }) => event === 'reconnecting'));
  stop.abort();
  await done;
  expect(events.at(-1)).toMatchObject({
    why: 'ECONNREFUSED',
    text: expect.stringMatching(/^127\.0\.0\.1:1 refused the connection/),
  });
});

const SILENT: AttemptEnd = { how: 'silent' };

test('an address that this computer no longer has explains a silence, and nothing else', () => {
  const gone = ['this computer no longer has the address 203.0.113.9, from which it was connected'];
  expect(ownFaults({ local: '203.0.113.9' }, SILENT)).toEqual(gone);
  expect(ownFaults({ local: '::ffff:203.0.113.9' }, SILENT)).toHaveLength(1);
  expect(ownFaults({ local: '203.0.113.9' }, { how: 'broken', code: 'ETIMEDOUT', syscall: 'read' })).toEqual(
    gone,
  );
  expect(ownFaults({ local: '203.0.113.9' }, { how: 'fin' })).toEqual([]);
  const own = Object.values(networkInterfaces()).flatMap((of = []) => of.map(({ address }) => address));
  for (const local of [...own, '127.0.0.9', undefined]) expect(ownFaults({ local }, SILENT)).toEqual([]);
});
