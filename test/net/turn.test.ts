// A client that sends without end gets its turn like every other: its data is read for a while, then that of the others.

import { expect, onTestFinished, test } from 'vitest';
import type { Event } from '../../src/core/event.ts';
import { netContext } from '../../src/net/context.ts';
import { startReceiver } from '../../src/sync/receiver.ts';
import { FakeClock } from '../fake-clock.ts';
import { RawClient } from '../harness.ts';
import { until } from '../servers.ts';

/** A clock that advances each time it is read, by a millisecond or by another step. */
class BusyClock extends FakeClock {
  readonly #step: number;
  #looks = 0;

  constructor(step = 1) {
    super();
    this.#step = step;
  }

  override monotonic(): number {
    this.#looks += 1;
    return super.monotonic() + this.#looks * this.#step;
  }
}

test('a PING right after a SEND is read in the same turn, however long the SEND took: its PONG leaves first', async () => {
  const receiver = await startReceiver({
    as: 'bob',
    host: '127.0.0.1',
    port: 0,
    context: netContext(() => {}, new BusyClock(10), false),
    handle: async () => undefined,
  });
  onTestFinished(() => void receiver.close());
  const client = await RawClient.connect(receiver.port);
  await client.next();
  client.type('HELLO version=1 as=alice\nSEND id=1 size=1\na\nPING\n');
  expect(await client.next()).toEqual(['PONG', undefined]);
  expect(await client.next()).toEqual(['RECEIVED id=1', undefined]);
});

test('a flood from one client does not keep another waiting, and none of it is lost', async () => {
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
  const frames = (conn: number): number[] =>
    events.flatMap((event, i) => (event.event === 'received' && event.conn === conn ? [i] : []));

  const many = 2000;
  // SENDs that are refused immediately; this many questions would be read slowly.
  flooder.type(`HELLO version=1 as=alice\n${'SEND id=1 to=carol size=0\n\n'.repeat(many)}`);
  flooder.socket.end();
  quiet.type('PING\n');
  await until(() => frames(1).length === many + 1 && frames(2).length === 1);
  expect(frames(2)[0]).toBeLessThan(frames(1).at(-1) ?? 0);
  await until(() => flooder.finished);
  expect(flooder.frames.filter(({ verb }) => verb === 'REFUSED')).toHaveLength(many);
});
