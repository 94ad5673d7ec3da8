// The synchronous sender's deadline, with and without --patient: a connect that hangs (a link with a full backlog), and then an answer that does
// not come.

import { expect, onTestFinished, test } from 'vitest';
import type { Event } from '../../src/core/event.ts';
import { netContext } from '../../src/net/context.ts';
import { Sender } from '../../src/sync/sender.ts';
import { FakeClock } from '../fake-clock.ts';
import { bench } from '../lab/faults/bench.ts';
import { turns, until } from '../servers.ts';

async function alice() {
  const { link, type } = await bench(undefined, 'real');
  const clock = new FakeClock();
  const events: Event[] = [];
  const context = netContext((event) => events.push(event), clock, true);
  const sender = new Sender({ as: 'alice', session: 's', host: '127.0.0.1', port: link.port, context });
  onTestFinished(() => sender.interrupt());
  const connected = (): Promise<void> => until(() => events.some(({ event }) => event === 'connected'));
  return { sender, clock, type, connected };
}

test('patient: no time ends a connect; the deadline counts from the connection', {
  tags: ['slow'],
}, async () => {
  const { sender, clock, type, connected } = await alice();
  await type('full');
  const settled = sender.send('i', Buffer.from('x'), { timeoutMs: 1000, patient: true });
  clock.advance(1_000_000);
  // The SYN must be out first, because while the link heals nobody listens for a moment.
  await turns();
  await type('heal');
  await connected();
  clock.advance(999);
  let done = false;
  void settled.then(() => {
    done = true;
  });
  await turns();
  expect(done).toBe(false);
  clock.advance(1);
  const { verdict, attempts } = await settled;
  expect([verdict, attempts.map(({ phase, end }) => [phase, end?.how])]).toEqual([
    'NOT_DELIVERED',
    [['greeting', 'deadline']],
  ]);
});

test('not patient: the deadline ends the connect', async () => {
  const { sender, clock, type } = await alice();
  await type('full');
  const settled = sender.send('i', Buffer.from('x'), { timeoutMs: 1000 });
  clock.advance(1000);
  const { verdict, attempts } = await settled;
  expect([verdict, attempts.map(({ phase, end }) => [phase, end?.how])]).toEqual([
    'NOT_DELIVERED',
    [['connecting', 'deadline']],
  ]);
});
