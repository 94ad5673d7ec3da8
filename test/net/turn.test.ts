// Who sends without end takes his turn like everybody else: what he has sent is read for a while, then the others are.

import { expect, onTestFinished, test } from 'vitest';
import { netContext } from '../../src/net/connection.ts';
import { startReceiver } from '../../src/sync/receiver.ts';
import type { Event } from '../../src/trace/event.ts';
import { FakeClock } from '../fake-clock.ts';
import { RawClient } from '../harness.ts';
import { until } from '../servers.ts';

/** A clock that goes on by a millisecond each time somebody looks at it. */
class BusyClock extends FakeClock {
  #looks = 0;

  override monotonic(): number {
    this.#looks += 1;
    return super.monotonic() + this.#looks;
  }
}

test('a flood of one client does not keep another waiting, and nothing of it is lost', async () => {
  const events: Event[] = [];
  const receiver = await startReceiver({
    as: 'bob',
    host: '127.0.0.1',
    port: 0,
    context: netContext((event) => events.push(event), new BusyClock(), true),
    handle: async () => undefined,
  });
  onTestFinished(() => void receiver.close());
  const flooder = await RawClient.connect(receiver.port);
  await flooder.next();
  const quiet = await RawClient.connect(receiver.port);
  await quiet.next();
  const pings = (conn: number): number[] =>
    events.flatMap((event, i) => (event.event === 'received' && event.conn === conn ? [i] : []));

  const many = 2000;
  flooder.type('PING\n'.repeat(many));
  flooder.socket.end();
  quiet.type('PING\n');
  await until(() => pings(1).length === many && pings(2).length === 1);
  expect(pings(2)[0]).toBeLessThan(pings(1).at(-1) ?? 0);
  await until(() => flooder.finished);
  expect(flooder.frames.filter(({ verb }) => verb === 'PONG')).toHaveLength(many);
});
