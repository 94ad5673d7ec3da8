// Contradictions: never in the logs of one run, however much of them is missing; always if one log was changed.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FrameFields, Recorded } from '../../src/core/event.ts';
import { type Finding, isContradiction } from '../../src/trace/findings.ts';
import { merge } from '../../src/trace/merge.ts';
import { seed } from '../seed.ts';
import {
  Actor,
  Connection,
  detourKill,
  directKill,
  logsOf,
  play,
  pulledCable,
  skew,
  steps,
} from './histories.ts';

const contradictionsIn = (logs: readonly (readonly Recorded[])[]): Finding[] =>
  merge(logs).findings.filter(isContradiction);

type FrameEvent = Extract<Recorded, { event: 'sent' | 'received' }>;
const isFrame = (recorded: Recorded): recorded is FrameEvent =>
  recorded.event === 'sent' || recorded.event === 'received';

const history = fc.tuple(fc.array(skew, { minLength: 2, maxLength: 5 }), steps);

/** A session as this process may have logged it. */
const shortened = (log: readonly Recorded[]): Recorded[] =>
  log.map((one) =>
    isFrame(one) && one.fields.session !== undefined
      ? { ...one, fields: { ...one.fields, session: String(one.fields.session).slice(0, 8) } }
      : one,
  );

describe('the logs of one run do not contradict each other', () => {
  it('whatever is missing: an end, a beginning, a whole log, the frames of a process, most of a session', () => {
    const loss = fc.record({
      what: fc.constantFrom('nothing', 'end', 'beginning', 'log', 'frames', 'session'),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(history, fc.array(loss, { minLength: 5, maxLength: 5 }), ([skews, script], losses) => {
        const logs = play(skews, script).map(({ log }, index): Recorded[] => {
          const { what = 'nothing', share = 0 } = losses[index] ?? {};
          const at = Math.round(share * log.length);
          if (what === 'end') return log.slice(0, at);
          if (what === 'beginning') return log.slice(at);
          if (what === 'log') return [];
          if (what === 'frames') return log.filter((one) => !isFrame(one));
          return what === 'session' ? shortened(log) : log;
        });
        expect(contradictionsIn(logs)).toEqual([]);
      }),
      { ...seed(), numRuns: 300 },
    );
  });

  it.each([0, 3_600_000])('killed processes, links and a clock that is wrong by %d ms', (wrong) => {
    const runs = [
      directKill(wrong),
      detourKill(wrong),
      ...[1, 2, 3].map((links) => pulledCable(links, wrong)),
    ];
    for (const actors of runs) {
      expect(contradictionsIn(logsOf(actors))).toEqual([]);
      for (const actor of actors)
        expect(contradictionsIn(logsOf(actors.filter((one) => one !== actor)))).toEqual([]);
    }
  });

  it('connections that used the same pair of addresses, if no log says which is which', () => {
    const bob = new Actor('bob', 1).listen(0, 'receiver', 4101);
    const alice = new Actor('alice', 2);
    for (const id of ['one', 'two', 'three']) {
      const call = new Connection(alice, bob, 1, 4101);
      call.frame(alice, 2, 'SEND', { id, size: 1 });
      call.frame(alice, 2.1, 'BYE');
      for (const end of [alice, bob]) end.at(3, { event: 'closed', conn: call.connOf(end) });
    }
    const later = bob.log.slice(bob.log.findIndex((one) => one.event === 'closed') + 1);
    expect(contradictionsIn([alice.log, later])).toEqual([]);
    // The same log twice, and once more without its end.
    expect(contradictionsIn([alice.log, alice.log, alice.log.slice(0, -4), bob.log])).toEqual([]);
  });
});

it('a log that begins in the middle of a connection contradicts nothing', () => {
  const bob = new Actor('bob', 1).listen(0, 'receiver', 4101);
  const alice = new Actor('alice', 2);
  const call = new Connection(alice, bob, 1, 4101);
  call.frame(bob, 2, 'READY', { as: 'bob' });
  call.frame(alice, 2.1, 'HELLO', { as: 'alice', session: 'abcdefgh-1', try: 1 });
  call.frame(alice, 2.2, 'SEND', { id: 'x', size: 1 });
  call.frame(bob, 2.3, 'RECEIVED', { id: 'x' });
  const half = bob.log.slice(bob.log.findIndex(({ event }) => event === 'received'));
  const { findings, channels } = merge([alice.log, half]);
  expect(channels).toHaveLength(1);
  expect(findings.map(({ kind }) => kind)).toEqual(['not_sent']);
});

describe('a log that was changed contradicts the other', () => {
  /** Every frame that was received, with the two places where it was logged. */
  function pairsIn(actors: readonly Actor[]): [FrameEvent, FrameEvent][] {
    return merge(logsOf(actors)).events.flatMap(({ recorded, peer }) =>
      recorded.event === 'sent' && peer?.recorded.event === 'received'
        ? [[recorded, peer.recorded] as [FrameEvent, FrameEvent]]
        : [],
    );
  }
  const replaced = (actors: readonly Actor[], old: Recorded, by: Recorded | undefined): Recorded[][] =>
    logsOf(actors).map((log) => log.flatMap((one) => (one !== old ? [one] : by === undefined ? [] : [by])));

  const CHANGES: Readonly<Record<string, string | number>> = {
    id: 'other',
    size: 99,
    as: 'mallory',
    to: 'eve',
    from: 'eve',
  };
  const changed = (frame: FrameEvent, key: string): FrameEvent => {
    if (key === 'verb') return { ...frame, verb: 'OTHER' };
    const fields: FrameFields = { ...frame.fields, [key]: CHANGES[key] ?? '' };
    return { ...frame, fields };
  };

  it('in an id, a size, a name or a verb, whichever end was changed', () => {
    let planted = 0;
    fc.assert(
      fc.property(history, fc.nat(), fc.nat(), fc.boolean(), ([skews, script], which, what, atSender) => {
        const actors = play(skews, script);
        const pairs = pairsIn(actors);
        const pair = pairs[which % Math.max(1, pairs.length)];
        if (pair === undefined) return;
        const frame = pair[atSender ? 0 : 1];
        const keys = ['verb', ...Object.keys(frame.fields).filter((key) => key in CHANGES)];
        const lie = changed(frame, keys[what % keys.length] ?? 'verb');
        const found = contradictionsIn(replaced(actors, frame, lie)).filter(({ kind }) => kind === 'differs');
        expect(found).toHaveLength(1);
        const [one] = found;
        const told = one?.kind === 'differs' ? [one.placed.recorded, one.other.recorded] : [];
        expect(told).toEqual(atSender ? [lie, pair[1]] : [pair[0], lie]);
        planted += 1;
      }),
      { ...seed(), numRuns: 200 },
    );
    expect(planted).toBeGreaterThan(50);
  });

  it('in a frame that the sender does not have, although it logged more of that connection', () => {
    let planted = 0;
    fc.assert(
      fc.property(history, fc.nat(), ([skews, script], which) => {
        const actors = play(skews, script);
        const pairs = pairsIn(actors).filter(([sent]) => {
          const log = actors.find(({ pid }) => pid === sent.pid)?.log ?? [];
          const own = log.filter((one) => 'conn' in one && one.conn === sent.conn);
          return own.some((one) => one.event === 'closed' || (one.event === 'sent' && one.n > sent.n));
        });
        const pair = pairs[which % Math.max(1, pairs.length)];
        if (pair === undefined) return;
        const framesLeft = actors.find(({ pid }) => pid === pair[0].pid)?.log.filter(isFrame).length ?? 0;
        if (framesLeft < 2) return;
        expect(contradictionsIn(replaced(actors, pair[0], undefined))).toMatchObject([
          { kind: 'never_sent', placed: { recorded: pair[1] }, other: { process: { pid: pair[0].pid } } },
        ]);
        planted += 1;
      }),
      { ...seed(), numRuns: 200 },
    );
    expect(planted).toBeGreaterThan(50);
  });

  it('through a link, too', () => {
    const actors = pulledCable();
    for (const [sent, received] of pairsIn(actors)) {
      const lie = changed(received, sent.verb === 'SEND' ? 'size' : 'as');
      expect(contradictionsIn(replaced(actors, received, lie))).toMatchObject([{ kind: 'differs' }]);
    }
  });
});
