// BYE instead of an answer is an answer: both servers answer what they have taken before they say BYE, and take nothing after it. So a
// sender that gets BYE knows that its message was not taken.

import { expect, onTestFinished, test } from 'vitest';
import { Sender as AsyncSender } from '../../src/async/sender.ts';
import { systemClock } from '../../src/core/clock.ts';
import { netContext } from '../../src/net/context.ts';
import { Sender as SyncSender } from '../../src/sync/sender.ts';
import { startBob, startTheRelay, turns } from '../servers.ts';

test('a stopped receiver answers what it is handling, then says BYE; it never handles what comes meanwhile', async () => {
  const bob = await startBob(true);
  const alice = await bob.greeted();
  alice.type('SEND id=1 size=1\na\n');
  const first = await bob.handling();
  const closed = bob.receiver.close();
  alice.type('SEND id=2 size=1\nb\n');
  await turns();
  first.done();
  expect(await alice.next()).toEqual(['RECEIVED id=1', undefined]);
  expect(await alice.next()).toEqual(['BYE', undefined]);
  alice.socket.end();
  await closed;
  const second = bob.handling().then(() => 'handled');
  expect(await Promise.race([second, turns().then(() => 'never')])).toBe('never');
});

test('a stopped relay answers what it took once that is durable, then says BYE; it never stores what comes meanwhile', async () => {
  const { relay, log, greeted } = await startTheRelay();
  const alice = await greeted('HELLO version=1 as=alice');
  log.held = true;
  alice.type('SEND id=1 to=bob size=1\na\n');
  while (log.pending === 0) await turns();
  const closed = relay.close();
  alice.type('SEND id=2 to=bob size=1\nb\n');
  await turns();
  log.release();
  expect((await alice.next())[0]).toMatch(/^STORED id=1 /);
  expect(await alice.next()).toEqual(['BYE', undefined]);
  alice.socket.end();
  await closed;
  expect(log.messages).toBe(1);
});

test('so a sender whose message crosses with BYE has certainty, in both modes', async () => {
  const context = netContext(() => {}, systemClock, false);
  const me = { as: 'alice', session: 's', host: '127.0.0.1', context };
  const timeoutMs = 300;

  const bob = await startBob();
  const direct = new SyncSender({ ...me, port: bob.port });
  onTestFinished(() => direct.close());
  expect((await direct.send('1', Buffer.from('a'), { timeoutMs: 10_000 })).verdict).toBe('DELIVERED');
  const stopped = bob.receiver.close();
  const outcome = await direct.send('2', Buffer.from('b'), { timeoutMs });
  expect(outcome.attempts).toMatchObject([{ phase: 'written', end: { how: 'bye' } }]);
  expect(outcome.verdict).toBe('NOT_DELIVERED');
  await stopped;

  // The relay may come back in time, so it is tried until the deadline; then the sender has certainty, too.
  const { relay, port } = await startTheRelay();
  const detour = new AsyncSender({ ...me, port, random: () => 0.5 });
  onTestFinished(() => detour.close());
  const body = Buffer.from('a');
  expect((await detour.send({ id: '1', to: 'bob', body }, { timeoutMs: 10_000 })).verdict).toBe('STORED');
  const gone = relay.close();
  const late = await detour.send({ id: '2', to: 'bob', body }, { timeoutMs });
  expect(late.attempts[0]).toMatchObject({ phase: 'written', end: { how: 'bye' } });
  expect(late.verdict).toBe('NOT_DELIVERED');
  await gone;
});
