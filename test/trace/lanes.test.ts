// The order of the lanes: arrows go between neighbours where possible, and a message is read from left to right.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lanesOf } from '../../src/trace/lanes.ts';
import { merge } from '../../src/trace/merge.ts';
import { rowsOf } from '../../src/trace/rows.ts';
import { seed } from '../seed.ts';
import { Actor, Connection, detourKill, logsOf } from './histories.ts';

function lanes(actors: readonly Actor[], first: readonly string[] = [], room = 100) {
  const merged = merge(logsOf(actors));
  return lanesOf(merged, rowsOf(merged), first, () => room);
}

/** A relay with clients, each of which sends or collects. */
function house(
  clients: readonly { readonly name: string; readonly sends: boolean; readonly collects: boolean }[],
) {
  const relay = new Actor('relay', 1).listen(0, 'relay', 4100);
  const others = clients.map(({ name, sends, collects }, index) => {
    const client = new Actor(name, 10 + index);
    const call = new Connection(client, relay, 1 + index, 4100);
    call.frame(relay, 2 + index, 'READY', { role: 'relay', as: 'relay' });
    call.frame(client, 3 + index, 'HELLO', { as: name, session: `session-${name}`, try: 1 });
    if (sends) call.frame(client, 10 + index, 'SEND', { id: `${name}-1`, size: 1 });
    if (collects) call.frame(relay, 20 + index, 'MESSAGE', { seq: 1, id: `x-${index}`, size: 1 });
    return client;
  });
  return { relay, others };
}
const alice = { name: 'alice', sends: true, collects: false };
const bob = { name: 'bob', sends: false, collects: true };

describe('the lanes', () => {
  it('are sender, relay, receiver; also without the log of the relay, and if both send', () => {
    expect(lanes(detourKill()).lanes).toEqual(['alice', 'relay', 'bob']);
    const { relay, others } = house([alice, bob]);
    expect(lanes([...others.toReversed(), relay]).lanes).toEqual(['alice', 'relay', 'bob']);
    expect(lanes(others).lanes).toEqual(['alice', 'relay', 'bob']);
    const talk = house([alice, { name: 'bob', sends: true, collects: true }]);
    expect(lanes([talk.relay, ...talk.others]).lanes).toEqual(['alice', 'relay', 'bob']);
  });

  it('have a link with a lane of its own between those whom it joins', () => {
    const { relay, others } = house([alice]);
    const link = new Actor('link', 5).listen(0, 'link', 4102);
    const receivers = ['bob', 'carol'].map((name, index) => {
      const receiver = new Actor(name, 20 + index);
      const own = `127.0.0.1:${7000 + index}`;
      const onward = `127.0.0.1:${8000 + index}`;
      const conn = 10 + index;
      receiver.at(30, { event: 'connecting', conn: 1, host: '127.0.0.1', port: 4102 });
      receiver.at(30.1, { event: 'connected', conn: 1, local: own, remote: '127.0.0.1:4102' });
      link.at(30.2, { event: 'linked', line: 1 + index, from: own });
      link.at(30.3, { event: 'reached', line: 1 + index, local: onward, remote: '127.0.0.1:4100' });
      relay.at(30.4, { event: 'accepted', conn, local: '127.0.0.1:4100', remote: onward });
      relay.at(30.5, { event: 'sent', conn, n: 1, verb: 'READY', fields: { role: 'relay', as: 'relay' } });
      receiver.at(31, {
        event: 'received',
        conn: 1,
        n: 1,
        verb: 'READY',
        fields: { role: 'relay', as: 'relay' },
      });
      return receiver;
    });
    link.at(40, { event: 'fault', fault: 'cut', up: 0, down: 0 });
    const found = lanes([...receivers, relay, link, ...others]).lanes;
    expect(found).toEqual(['alice', 'relay', 'link', 'bob', 'carol']);
  });

  it('stay where they were asked for', () => {
    const { relay, others } = house([alice, bob]);
    expect(lanes([relay, ...others], ['bob', 'alice']).lanes).toEqual(['bob', 'alice', 'relay']);
    expect(lanes([], ['alice', 'nobody']).lanes).toEqual(['alice', 'nobody']);
  });

  it('are those with the most rows if there is no room for all', () => {
    const { relay, others } = house(
      Array.from({ length: 30 }, (_, index) => ({ name: `s${index}`, sends: true, collects: index === 29 })),
    );
    const { lanes: kept, omitted } = lanes([...others, relay], [], 4);
    expect(kept).toHaveLength(4);
    expect(kept).toContain('relay');
    expect(kept).toContain('s29');
    expect(omitted).toHaveLength(27);
  });

  it('of any number of clients: one relay, never a receiver to the left of a sender, everybody once', () => {
    const client = fc.record({ sends: fc.boolean(), collects: fc.boolean() });
    fc.assert(
      fc.property(fc.array(client, { minLength: 1, maxLength: 8 }), (clients) => {
        const named = clients.map((one, index) => ({ ...one, name: `c${index}` }));
        const { relay, others } = house(named);
        const found = lanes([...others, relay]).lanes;
        expect(found.toSorted()).toEqual([...named.map(({ name }) => name), 'relay'].sort());
        const sends = found.flatMap((name) =>
          named.filter((one) => one.name === name).map((one) => one.sends),
        );
        expect(sends).toEqual(sends.toSorted((a, b) => Number(b) - Number(a)));
        // With one sender and one receiver, or two of a kind, the relay is between them.
        if (clients.length === 2) expect(found[1]).toBe('relay');
      }),
      { ...seed(), numRuns: 200 },
    );
  });
});
