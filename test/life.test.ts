// src/README.md describes the path of a message in each mode, stop by stop. Here a message takes that path, over real sockets and on a real
// disk, and every stop must be called in that order.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';

const { calls, recorded } = vi.hoisted(() => {
  const calls: string[] = [];
  /** A module in which each function, and each method of a class, records its calls as `file#function`. */
  function recorded(file: string, module: Record<string, unknown>): Record<string, unknown> {
    const noting = (name: string, value: (...args: unknown[]) => unknown) =>
      function (this: unknown, ...args: unknown[]): unknown {
        calls.push(`${file}#${name}`);
        return value.apply(this, args);
      };
    const all = { ...module };
    for (const [name, value] of Object.entries(module)) {
      if (typeof value !== 'function') continue;
      if (!/^class\b/.test(String(value))) {
        all[name] = noting(name, value as () => unknown);
        continue;
      }
      for (const [method, { value: body }] of Object.entries(
        Object.getOwnPropertyDescriptors(value.prototype),
      ))
        if (typeof body === 'function' && method !== 'constructor')
          Object.defineProperty(value.prototype, method, { value: noting(method, body), configurable: true });
    }
    return all;
  }
  return { calls, recorded };
});

vi.mock('../src/sync/sender.ts', async (original) => recorded('sync/sender.ts', await original()));
vi.mock('../src/async/sender.ts', async (original) => recorded('async/sender.ts', await original()));
vi.mock('../src/async/sends.ts', async (original) => recorded('async/sends.ts', await original()));
vi.mock('../src/async/machine.ts', async (original) => recorded('async/machine.ts', await original()));
vi.mock('../src/async/state.ts', async (original) => recorded('async/state.ts', await original()));
vi.mock('../src/async/delivery.ts', async (original) => recorded('async/delivery.ts', await original()));
vi.mock('../src/async/endings.ts', async (original) => recorded('async/endings.ts', await original()));
vi.mock('../src/exchange/pending.ts', async (original) => recorded('exchange/pending.ts', await original()));
vi.mock('../src/exchange/session.ts', async (original) => recorded('exchange/session.ts', await original()));
vi.mock('../src/exchange/server-connection.ts', async (original) =>
  recorded('exchange/server-connection.ts', await original()),
);
vi.mock('../src/exchange/verdict.ts', async (original) => recorded('exchange/verdict.ts', await original()));
vi.mock('../src/net/dial.ts', async (original) => recorded('net/dial.ts', await original()));
vi.mock('../src/net/frame-writer.ts', async (original) => recorded('net/frame-writer.ts', await original()));
vi.mock('../src/wire/send.ts', async (original) => recorded('wire/send.ts', await original()));

import { openDiskLog } from '../src/async/log/disk.ts';
import { Receiver } from '../src/async/receiver.ts';
import { startRelay } from '../src/async/relay.ts';
import { Sender as AsyncSender } from '../src/async/sender.ts';
import { systemClock } from '../src/core/clock.ts';
import { netContext } from '../src/net/context.ts';
import { startReceiver } from '../src/sync/receiver.ts';
import { Sender as SyncSender } from '../src/sync/sender.ts';
import { tempDir } from './harness.ts';

const SRC = fileURLToPath(new URL('../src', import.meta.url));
const README = readFileSync(join(SRC, 'README.md'), 'utf8');
const HOST = '127.0.0.1';
const DEADLINE = { timeoutMs: 20_000 };

/** The stops that src/README.md lists under `Direct:` or `Detour:`. */
function stops(route: string): string[] {
  const [, list = ''] = new RegExp(`^${route}:\\n\\n((?:\\d+\\. .*\\n)+)`, 'm').exec(README) ?? [];
  return [...list.matchAll(/^\d+\. `([^`]+)`/gm)].map(([, stop = '']) => stop);
}

/** Fails unless the stops were called in order. Other calls may come between them. */
function expectInOrder(route: string): void {
  let at = -1;
  for (const stop of stops(route)) {
    const next = calls.indexOf(stop, at + 1);
    expect(next, `${stop} after ${calls[at] ?? 'the beginning'}`).toBeGreaterThan(at);
    at = next;
  }
}

test.each(['Direct', 'Detour'])(
  '%s: at most twelve stops, each of which names a function in an existing file',
  (route) => {
    expect(stops(route).length).toBeGreaterThan(5);
    expect(stops(route).length).toBeLessThanOrEqual(12);
    for (const stop of stops(route)) {
      const [file = '', name = ''] = stop.split('#');
      expect(readFileSync(join(SRC, file), 'utf8'), stop).toMatch(
        new RegExp(`^(?: {2}|export )(?:async )?(?:function )?${name}\\(`, 'm'),
      );
    }
  },
);

test('Direct: a message is sent, shown and answered, stop by stop', async () => {
  const context = netContext(undefined, systemClock, false);
  const bob = await startReceiver({
    as: 'bob',
    host: HOST,
    port: 0,
    context,
    handle: async () => {
      calls.push('sync/receiver.ts#handle');
      return undefined;
    },
  });
  onTestFinished(() => bob.close());
  const alice = new SyncSender({ as: 'alice', session: 's', host: HOST, port: bob.port, context });
  calls.length = 0;
  expect((await alice.send('1', Buffer.from('hello'), DEADLINE)).verdict).toBe('DELIVERED');
  await alice.close();
  expectInOrder('Direct');
});

test('Detour: a message is sent, stored, collected and acknowledged, stop by stop', async () => {
  const context = netContext(undefined, systemClock, false);
  const dir = join(tempDir(), 'journal');
  const relay = await startRelay({
    host: HOST,
    port: 0,
    context,
    log: (owner) => openDiskLog({ dir }, owner),
    onFailure: (error) => {
      throw error;
    },
  });
  const caller = { session: 's', host: HOST, port: relay.address.port, context, random: () => 0 };
  const alice = new AsyncSender({ ...caller, as: 'alice' });
  calls.length = 0;
  const send = { verb: 'SEND', id: '1', to: 'bob', body: Buffer.from('hello') } as const;
  expect((await alice.send(send, DEADLINE)).verdict).toBe('STORED');
  await alice.close();
  const bob = new Receiver({
    ...caller,
    as: 'bob',
    follow: false,
    patienceMs: 20_000,
    handle: async () => {
      calls.push('async/receiver.ts#handle');
    },
  });
  expect(await bob.run()).toMatchObject({ handled: 1, confirmed: true });
  await relay.close();
  expectInOrder('Detour');
});
