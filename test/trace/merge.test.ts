// Merging: cause comes before effect whatever the clocks say, and nothing is lost or added.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Recorded } from '../../src/core/event.ts';
import { type Merged, merge, toNs } from '../../src/trace/merge.ts';
import type { Placed } from '../../src/trace/model.ts';
import {
  Actor,
  Connection,
  detourKill,
  directKill,
  LATER,
  logsOf,
  play,
  pulledCable,
  skew,
  steps,
} from './histories.ts';

const indexIn = ({ events }: Merged): ((recorded: Recorded) => number) => {
  const indices = new Map(events.map(({ recorded }, index) => [recorded, index]));
  return (recorded) => indices.get(recorded) ?? Number.NaN;
};

describe('merge', () => {
  it('puts any history into causal order under any skew of the clocks', () => {
    fc.assert(
      fc.property(fc.array(skew, { minLength: 2, maxLength: 6 }), steps, (skews, history) => {
        const actors = play(skews, history);
        const merged = merge(logsOf(actors));
        const index = indexIn(merged);
        expect(merged.events).toHaveLength(actors.reduce((sum, { log }) => sum + log.length, 0));
        for (const { log } of actors) {
          const places = log.map(index);
          expect(places).toEqual([...places].sort((a, b) => a - b));
        }
        for (const { recorded, peer } of merged.events) {
          if (recorded.event === 'received') {
            expect(peer?.recorded).toMatchObject({ event: 'sent', n: recorded.n, verb: recorded.verb });
            expect(index(recorded)).toBeGreaterThan(index((peer as Placed).recorded));
          }
          if (recorded.event === 'accepted') expect(peer?.recorded.event).toBe('connected');
        }
        expect(merged.findings.filter(({ kind }) => kind !== 'not_received')).toEqual([]);
        for (const [i, { at }] of merged.events.entries())
          expect(at).toBeGreaterThanOrEqual(merged.events[i - 1]?.at ?? 0);
      }),
      { numRuns: 100 },
    );
  });

  it('moves no clock when the clocks agree with the frames', () => {
    const merged = merge(logsOf(detourKill()));
    expect(merged.shifts).toEqual([0, 0, 0, 0]);
    const times = merged.events.map(({ recorded }) => toNs(recorded.time));
    expect(times).toEqual([...times].sort((a, b) => Number(a - b)));
  });

  it('moves a wrong clock into the middle of what the frames allow', () => {
    const { shifts } = merge(logsOf(directKill(-90_000)));
    expect(shifts[0]).toBe(0);
    expect(shifts[1]).toBeCloseTo(90_000, 0);
  });

  it('distinguishes runs of one program, even with the same pid', () => {
    const [alice, relay, bob, newBob] = detourKill() as [Actor, Actor, Actor, Actor];
    const samePid = newBob.log.map((recorded) => ({ ...recorded, pid: bob.pid }));
    const merged = merge([alice.log, relay.log, [...bob.log, ...samePid]]);
    expect(merged.processes.map(({ actor }) => actor)).toEqual(['alice', 'relay', 'bob', 'bob']);
    expect(merged.findings).toEqual([]);
  });

  it('matches by address if there is no HELLO, also between an IPv6 socket and an IPv4 client', () => {
    const bob = new Actor('bob', 1).listen(0, 'receiver', 4101);
    const alice = new Actor('alice', 2);
    const call = new Connection(alice, bob, 1, 4101);
    call.frame(bob, 2, 'READY', { as: 'bob' });
    const six = bob.log.map((recorded) =>
      recorded.event === 'accepted'
        ? { ...recorded, local: `::ffff:${recorded.local}`, remote: `::ffff:${recorded.remote}` }
        : recorded,
    );
    const merged = merge([alice.log, six]);
    expect(merged.channels).toHaveLength(1);
    expect(merged.findings).toEqual([]);
  });

  it('reports frames that only one end has, and logs that contradict each other', () => {
    const [alice, bob] = directKill() as [Actor, Actor];
    const without = bob.log.filter((recorded) => recorded.event !== 'received' || recorded.verb !== 'SEND');
    expect(merge([alice.log, without]).findings).toMatchObject([
      { kind: 'not_received', placed: { recorded: { verb: 'SEND' } } },
    ]);
    const mute = bob.log.filter((recorded) => recorded.event !== 'sent');
    expect(merge([alice.log, mute]).findings).toMatchObject([
      { kind: 'not_sent', placed: { recorded: { verb: 'READY' } } },
    ]);
    // Each end says that it read the other's frame before it sent its own.
    const stranger = new Actor('carol', 8);
    const other = new Actor('dave', 9);
    const call = new Connection(stranger, other, 0, 4101);
    const forth = call.frame(stranger, 4, 'PING', {}, LATER);
    const back = call.frame(other, 4, 'PONG', {}, LATER);
    back(2);
    forth(2);
    const swapped = [stranger, other].map(({ log }) => [...log.slice(0, -2), ...log.slice(-2).reverse()]);
    expect(merge(swapped).findings.map(({ kind }) => kind)).toEqual(['impossible']);
  });

  it('accepts no logs, and empty ones', () => {
    expect(merge([])).toMatchObject({ events: [], processes: [], findings: [] });
    expect(merge([[], []]).events).toEqual([]);
  });
});

describe('a connection through links', () => {
  it.each([1, 2, 3])('is one connection, even through %d of them, whatever the clocks say', (cables) => {
    for (const skew of [0, 3_600_000, -3_600_000]) {
      const actors = pulledCable(cables, skew);
      const merged = merge(logsOf(actors));
      const [alice, bob] = [actors[0] as Actor, actors.at(-1) as Actor];
      expect(merged.channels).toHaveLength(1);
      expect(merged.channels[0]?.client?.process.actor).toBe('alice');
      expect(merged.channels[0]?.server?.process.actor).toBe('bob');
      expect(merged.channels[0]?.hops.map(({ process }) => process.actor)).toEqual(
        actors.slice(1, -1).map(({ actor }) => actor),
      );
      expect(merged.findings.map(({ kind }) => kind)).toEqual(['not_received']);
      const place = indexIn(merged);
      const of = (actor: Actor, event: string): number =>
        place(actor.log.find((one) => one.event === event) as Recorded);
      const steps = [of(alice, 'connecting'), ...actors.slice(1, -1).map((link) => of(link, 'linked'))];
      steps.push(of(bob, 'accepted'), of(bob, 'shown'));
      expect(steps).toEqual([...steps].sort((one, other) => one - other));
    }
  });

  it('is two halves without the log of the link, and one half with it if the other end has no log', () => {
    const [alice, link, bob] = pulledCable() as [Actor, Actor, Actor];
    expect(merge(logsOf([alice, bob])).channels).toHaveLength(2);
    const half = merge(logsOf([link, bob])).channels;
    expect(half).toHaveLength(1);
    expect(half[0]?.hops).toHaveLength(1);
  });
});
