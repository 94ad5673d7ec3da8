// Connecting to a name: each of its addresses is tried in its turn, has its own error, and none is left behind.

import { createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Event } from '../../src/core/event.ts';
import type { Ending } from '../../src/net/connection.ts';
import { netContext } from '../../src/net/context.ts';
import { connect, type Dial } from '../../src/net/dial.ts';
import { FakeClock } from '../fake-clock.ts';
import { bench } from '../lab/faults/bench.ts';
import { turns, until } from '../servers.ts';

type Answer = (error: NodeJS.ErrnoException | null, found: { address: string; family: number }[]) => void;

/** What the lookup of a name says here; a name that is not in it is never answered. */
const names = vi.hoisted(() => new Map<string, string[] | NodeJS.ErrnoException>());
const late = vi.hoisted((): (() => void)[] => []);

vi.mock('node:dns', async (original) => ({
  ...(await original<typeof import('node:dns')>()),
  lookup: (name: string, _: unknown, answer: Answer) => {
    const found = names.get(name);
    const reply = (): void => {
      if (found instanceof Error) answer(found, []);
      else
        answer(
          null,
          (found ?? ['127.0.0.1']).map((address) => ({ address, family: 4 })),
        );
    };
    if (found === undefined) late.push(reply);
    else setImmediate(reply);
  },
}));

/** A port on which somebody listens at the addresses given, and at no other address. */
async function listening(...addresses: string[]): Promise<{ port: number; served: Socket[] }> {
  const served: Socket[] = [];
  let port = 0;
  for (const address of addresses) {
    const server = createServer((socket) => {
      served.push(socket.on('error', () => {}));
      onTestFinished(() => void socket.destroy());
    });
    await new Promise<void>((resolve) => server.listen(port, address, resolve));
    onTestFinished(() => void server.close());
    const bound = server.address();
    port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  }
  return { port, served };
}

interface Bench {
  readonly dial: Dial;
  readonly clock: FakeClock;
  readonly events: Event[];
  readonly endings: Ending[];
  connected: number;
}

function dialling(host: string, port: number, connectMs?: number): Bench {
  const clock = new FakeClock();
  const events: Event[] = [];
  const endings: Ending[] = [];
  const handlers = {
    connected: () => {
      result.connected += 1;
    },
    message: () => {},
    unacceptable: () => {},
    oversize: () => {},
    fault: () => {},
    closed: (ending: Ending) => endings.push(ending),
  };
  const context = netContext((event) => events.push(event), clock, true);
  const result = {
    dial: connect({ host, port, connectMs }, context, handlers),
    clock,
    events,
    endings,
    connected: 0,
  };
  onTestFinished(() => result.dial.destroy());
  return result;
}

const story = (events: readonly Event[]): string[] =>
  events.map((event) => {
    if (event.event === 'connecting')
      return `connecting ${event.conn} ${event.address ?? '-'} ${event.nth ?? '-'}/${event.of ?? '-'}`;
    if (event.event === 'broken') return `broken ${event.conn} ${event.code} ${event.syscall}`;
    return 'conn' in event ? `${event.event} ${event.conn}` : event.event;
  });

// Other systems have 127.0.0.1 alone.
const onLinux = test.runIf(process.platform === 'linux');

onLinux('the first address refuses, the second one answers', async () => {
  const { port } = await listening('127.0.0.2');
  names.set('two', ['127.0.0.1', '127.0.0.2']);
  const bench = dialling('two', port);
  expect(bench.dial.lookingUp).toBe(true);
  await until(() => bench.connected === 1);
  expect(story(bench.events)).toEqual([
    'resolving',
    'connecting 1 127.0.0.1 1/2',
    'broken 1 ECONNREFUSED connect',
    'closed 1',
    'connecting 2 127.0.0.2 2/2',
    'connected 2',
  ]);
  expect(bench.dial.connection?.ends.remote).toBe(`127.0.0.2:${port}`);
  expect(bench.dial.tried).toEqual([{ address: '127.0.0.1', code: 'ECONNREFUSED', ms: 0 }]);
  expect(bench.endings).toEqual([]);
});

onLinux('all addresses fail: each with its own error, and it ends once, as the last one did', async () => {
  const { port } = await listening('127.0.0.9');
  // A broadcast address takes no TCP connection. What is named twice is tried once.
  names.set('three', ['255.255.255.255', '127.0.0.1', '127.0.0.1', '127.0.0.2']);
  const bench = dialling('three', port);
  await until(() => bench.endings.length > 0);
  await turns();
  expect(bench.endings).toEqual([{ how: 'error', code: 'ECONNREFUSED', syscall: 'connect' }]);
  const [first, ...others] = bench.dial.tried;
  expect(first).toMatchObject({
    address: '255.255.255.255',
    code: expect.not.stringMatching('ECONNREFUSED'),
  });
  expect(others).toMatchObject([
    { address: '127.0.0.1', code: 'ECONNREFUSED' },
    { address: '127.0.0.2', code: 'ECONNREFUSED' },
  ]);
});

/** A name whose first address is silent, because the backlog there is full, and whose second one takes calls. */
async function silentFirst(): Promise<{ port: number; served: Socket[]; heal: () => Promise<void> }> {
  const { link, type } = await bench(undefined, 'real');
  const served: Socket[] = [];
  const server = createServer((socket) => {
    served.push(socket.on('error', () => {}));
    onTestFinished(() => void socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(link.port, '127.0.0.2', resolve));
  onTestFinished(() => void server.close());
  await type('full');
  names.set('silent', ['127.0.0.1', '127.0.0.2']);
  return { port: link.port, served, heal: () => type('heal') };
}

onLinux(
  'a silent address does not eat the time of the next: half of it, then detour goes on, and says so',
  async () => {
    const { port } = await silentFirst();
    const { clock, events, dial, ...rest } = dialling('silent', port, 1000);
    await until(() => events.some(({ event }) => event === 'connecting'));
    clock.advance(499);
    await turns(20);
    expect(story(events)).toEqual(['resolving', 'connecting 1 127.0.0.1 1/2']);
    expect(dial.tried).toEqual([{ address: '127.0.0.1', code: undefined, ms: 499 }]);
    clock.advance(1);
    await until(() => events.some(({ event }) => event === 'connected'));
    expect(story(events).slice(2)).toEqual([
      'gave_up 1',
      'closed 1',
      'connecting 2 127.0.0.2 2/2',
      'connected 2',
    ]);
    expect(dial.tried).toEqual([{ address: '127.0.0.1', code: undefined, ms: 500 }]);
    expect([clock.pending, rest.endings]).toEqual([0, []]);
  },
);

onLinux(
  'without a limit the kernel decides: no time of ours ends the first address, which answers in the end',
  { tags: ['slow'] },
  async () => {
    const { port, served, heal } = await silentFirst();
    const { clock, events, dial } = dialling('silent', port);
    await until(() => events.some(({ event }) => event === 'connecting'));
    clock.advance(1_000_000);
    await turns(20);
    await heal();
    await until(() => events.some(({ event }) => event === 'connected'));
    expect(dial.connection?.ends.remote).toBe(`127.0.0.1:${port}`);
    expect(served).toEqual([]);
  },
);

onLinux('destroyed while an address is silent: it is closed, and the next one is not tried', async () => {
  const { port, served } = await silentFirst();
  const { events, dial, endings } = dialling('silent', port, 1000);
  await until(() => events.some(({ event }) => event === 'connecting'));
  dial.destroy();
  await until(() => endings.length === 1);
  await turns(20);
  expect(story(events)).toEqual(['resolving', 'connecting 1 127.0.0.1 1/2', 'closed 1']);
  expect([endings, served]).toEqual([[{ how: 'us' }], []]);
});

test('destroyed during the lookup: it ends at once, and a late answer opens nothing', async () => {
  const { port, served } = await listening('127.0.0.1');
  const { events, dial, endings } = dialling('never', port, 1000);
  dial.destroy();
  await until(() => endings.length === 1);
  expect(late).toHaveLength(1);
  late[0]?.();
  await turns(20);
  expect([story(events), endings, served]).toEqual([['resolving'], [{ how: 'us' }], []]);
});

test('a failed lookup is told as such, and nothing was tried', async () => {
  names.set('nobody', Object.assign(new Error('no'), { code: 'ENOTFOUND', syscall: 'getaddrinfo' }));
  const { events, dial, endings } = dialling('nobody', 1);
  await until(() => endings.length === 1);
  expect(story(events)).toEqual([
    'resolving',
    'connecting 1 - -/-',
    'broken 1 ENOTFOUND getaddrinfo',
    'closed 1',
  ]);
  expect([endings, dial.tried]).toEqual([[{ how: 'error', code: 'ENOTFOUND', syscall: 'getaddrinfo' }], []]);
});

test('an address needs no lookup', async () => {
  const { port } = await listening('127.0.0.1');
  const { events, ...bench } = dialling('127.0.0.1', port);
  await until(() => events.some(({ event }) => event === 'connected'));
  expect(story(events)).toEqual(['connecting 1 - -/-', 'connected 1']);
  expect(bench.dial.tried).toEqual([]);
});
