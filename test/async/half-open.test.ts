// A receiver whose cable was cut comes back while the relay still holds its dead connection. The new connection replaces it, the mail comes
// again, in order and counted, and whatever the ghost says once the cable is whole has no effect. PROTOCOL.md, "Repeats".

import { expect, test } from 'vitest';
import { Receiver } from '../../src/async/receiver.ts';
import { parseCommand } from '../../src/cli/typed-commands.ts';
import type { Event } from '../../src/core/event.ts';
import { netContext } from '../../src/net/context.ts';
import { FakeClock } from '../fake-clock.ts';
import { nothingCame, startLinkTo, startTheRelay, turns, until } from '../servers.ts';
import { send } from './house.ts';

test('the same session over another path: its higher try replaces the ghost, which acknowledges nothing', async () => {
  // The relay's clock stands still, so it notices nothing by itself.
  const bench = await startTheRelay();
  const [first, second] = [await startLinkTo(bench.port), await startLinkTo(bench.port)];
  const alice = await bench.greeted('HELLO version=1 as=alice session=a try=1');
  const clock = new FakeClock();
  const events: Event[] = [];
  let calls = 0;
  const works: (() => void)[] = [];
  const got: string[] = [];
  const receiver = new Receiver({
    as: 'bob',
    session: 'b',
    host: '127.0.0.1',
    // His second connection takes another path.
    get port() {
      calls += 1;
      return calls === 1 ? first.port : second.port;
    },
    context: netContext((event) => events.push(event), clock, true),
    follow: true,
    patienceMs: 10_000,
    random: () => 0,
    handle: ([message]) => {
      got.push(`${message?.seq}, attempt ${message?.attempt}`);
      return new Promise<void>((done) => works.push(done));
    },
  });
  const running = receiver.run();
  for (const id of ['one', 'two', 'three']) alice.type(send(id, 'bob', id));
  await until(() => works.length === 1);
  await first.obey(parseCommand('cut'));
  // He has shown it, and his acknowledgement goes into the cut cable.
  const held = first.counts().held;
  works[0]?.();
  await until(() => works.length === 2 && first.counts().held > held);

  for (let beat = 0; beat < 3; beat += 1) {
    clock.advance(10_000);
    await turns(12);
  }
  expect(events).toContainEqual({ event: 'silent', conn: 1, ms: 30_000 });
  clock.advance(1);
  const messages = (attempt: number): number =>
    bench.events.filter(
      (event) => event.event === 'sent' && event.verb === 'MESSAGE' && event.fields.attempt === attempt,
    ).length;
  await until(() => messages(2) === 3);
  expect(messages(1)).toBe(3);
  const hellos = bench.events.flatMap((event) =>
    event.event === 'received' && event.verb === 'HELLO' && event.fields.as === 'bob'
      ? [event.fields.try]
      : [],
  );
  expect(hellos).toEqual([1, 2]);

  // Closed without a word, before the new connection says RECEIVE: with the same session there is nobody to take over from.
  expect(bench.events).not.toContainEqual(expect.objectContaining({ event: 'mailbox', state: 'replaced' }));

  await first.obey(parseCommand('heal'));
  await until(() => first.counts().connections === 0);
  await turns(12);
  for (let answers = 0; answers < 3; answers += 1) await alice.next();
  await nothingCame(alice);
  expect(bench.events.filter(({ event }) => event === 'acknowledged')).toEqual([]);
  alice.type('STATUS\n');
  expect((await alice.next())[0]).toMatch(/^MAILBOX name=bob held=3 .* connected=yes$/);

  // He goes on where he was: what he has already shown is acknowledged, not shown again.
  works[1]?.();
  await until(() => works.length === 3);
  works[2]?.();
  const acknowledged = (): number[] =>
    bench.events.flatMap((event) => (event.event === 'acknowledged' ? [event.seq] : []));
  await until(() => acknowledged().includes(3));
  expect(acknowledged().toSorted()).toEqual(acknowledged());
  expect(got).toEqual(['1, attempt 1', '2, attempt 1', '3, attempt 2']);
  receiver.stop();
  await running;
});
