// Counting, from histories made by hand. No false verdict gets through.

import { describe, expect, it } from 'vitest';
import type { VerdictName } from '../../../src/core/event.ts';
import { prng } from '../../../src/core/prng.ts';
import { aboardByTheory, compareToTheory, hopOf, type Row } from '../../../src/lab/compare/against-theory.ts';
import type { Shown } from '../../../src/lab/compare/receiver.ts';
import type { Try } from '../../../src/lab/compare/sender.ts';
import { type Observed, tally } from '../../../src/lab/compare/tally.ts';

const attempt = (message: number, typed: number, verdict?: VerdictName, settled = typed + 2): Try => ({
  message,
  typed,
  ...(verdict === undefined ? {} : { verdict, settled, id: `${message}@${typed}` }),
});
const shown = (message: number, typed: number, at: number): Shown => ({
  id: `${message}@${typed}`,
  text: `m${message}`,
  from: 'x',
  at,
});
const observed = (more: Partial<Observed>): Observed => ({
  strategy: 'once',
  arrived: [],
  tries: [],
  shown: [],
  stored: new Set(),
  aboard: [],
  settled: true,
  end: 1000,
  ...more,
});

describe('counting', () => {
  it('once: what was handled, what was not, and what is unknown', () => {
    const found = tally(
      observed({
        arrived: [0, 10, 20, 30],
        tries: [
          attempt(-1, 0, 'DELIVERED'),
          attempt(0, 0, 'DELIVERED'),
          attempt(1, 10, 'NOT_DELIVERED'),
          attempt(2, 20, 'UNKNOWN'),
          attempt(3, 30, 'UNKNOWN', 90),
        ],
        shown: [shown(-1, 0, 1), shown(0, 0, 1), shown(2, 20, 21)],
      }),
    );
    expect(found).toMatchObject({
      messages: 4,
      first: 2,
      handled: 2,
      notDelivered: 1,
      unknown: 2,
      unknownTries: 2,
    });
    expect(found).toMatchObject({ unknownHandled: 1, twice: 0, tries: 4, lost: 0, faults: [] });
    expect(found.time).toEqual({ mean: 1, p50: 1, p95: 1, max: 1 });
    expect(found.each).toEqual([1, undefined, 1, undefined]);
    expect(found.kept.max).toBe(60);
  });

  it('again: kept until it works, and handled twice if an UNKNOWN had been handled', () => {
    const found = tally(
      observed({
        strategy: 'again',
        arrived: [0, 100, 200],
        tries: [
          attempt(0, 0, 'UNKNOWN'),
          attempt(0, 250, 'DELIVERED'),
          attempt(1, 100, 'NOT_DELIVERED'),
          attempt(1, 250, 'NOT_DELIVERED'),
          attempt(1, 500, 'DELIVERED'),
          attempt(2, 200, 'NOT_DELIVERED'),
        ],
        shown: [shown(0, 0, 1), shown(0, 250, 251), shown(1, 500, 510)],
        settled: false,
      }),
    );
    expect(found).toMatchObject({
      first: 0,
      handled: 2,
      notDelivered: 1,
      unknown: 1,
      unknownHandled: 1,
      twice: 1,
      tries: 6,
    });
    // Handled counts from the first showing; kept ends when the sender knows, or for the last message when all is over.
    expect(found.each).toEqual([1, 410, undefined]);
    expect(found.kept).toMatchObject({ max: 800, p50: 402 });
    expect(found.faults).toEqual([]);
  });

  it('relay: the sender may go when it is stored; what the relay has is not lost with the sender', () => {
    const found = tally(
      observed({
        strategy: 'relay',
        arrived: [0, 10, 20],
        tries: [attempt(0, 0, 'STORED', 3), attempt(1, 10), attempt(2, 20, 'STORED', 24)],
        stored: new Set(['0@0', '2@20']),
        shown: [shown(0, 0, 700), shown(0, 0, 720), shown(2, 20, 730)],
        aboard: [1],
      }),
    );
    expect(found).toMatchObject({ handled: 2, first: 2, twice: 1, lost: 1, faults: [] });
    expect(found.kept).toMatchObject({ p50: 4, max: 990 });
    expect(found.each).toEqual([700, undefined, 710]);
  });

  it('lost messages are those that nobody has: neither handled nor stored', () => {
    const found = tally(
      observed({
        strategy: 'again',
        arrived: [0, 10],
        tries: [attempt(0, 0), attempt(1, 10, 'NOT_DELIVERED')],
        shown: [shown(0, 0, 1)],
        aboard: [0, 1],
        killed: 100,
      }),
    );
    expect(found.lost).toBe(1);
    // The sender kept them until it was killed, not until all was over.
    expect(found.kept).toMatchObject({ max: 100, p50: 90 });
  });

  it.each<[string, Partial<Observed>, RegExp]>([
    ['DELIVERED', { tries: [attempt(0, 0, 'DELIVERED')] }, /DELIVERED, but bob had not handled it/],
    // The same text by another try proves nothing of this one.
    [
      'DELIVERED by another try',
      { tries: [attempt(0, 0, 'DELIVERED'), attempt(0, 250, 'UNKNOWN')], shown: [shown(0, 250, 260)] },
      /DELIVERED, but bob had not handled it/,
    ],
    [
      'NOT DELIVERED',
      { tries: [attempt(0, 0, 'NOT_DELIVERED')], shown: [shown(0, 0, 5)] },
      /NOT DELIVERED, but somebody has it/,
    ],
    [
      'NOT DELIVERED, stored',
      { strategy: 'relay', tries: [attempt(0, 0, 'NOT_DELIVERED')], stored: new Set(['0@0']) },
      /NOT DELIVERED, but somebody has it/,
    ],
    [
      'STORED',
      { strategy: 'relay', tries: [attempt(0, 0, 'STORED')], shown: [shown(0, 0, 5)] },
      /STORED, but the relay had not stored it/,
    ],
    [
      'STORED and gone',
      { strategy: 'relay', tries: [attempt(0, 0, 'STORED')], stored: new Set(['0@0']) },
      /STORED, and bob never got it/,
    ],
  ])('finds a false %s', (_, more, says) => {
    const { faults } = tally(observed({ arrived: [0], ...more }));
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(says);
  });

  it('does not call it false if nobody came for the message, or the run was stopped', () => {
    const more = { tries: [attempt(0, 0, 'STORED')], stored: new Set(['0@0']), settled: false };
    expect(tally(observed({ strategy: 'relay', arrived: [0], ...more })).faults).toEqual([]);
  });
});

const SIZE = { messages: 100, absence: 1000, retry: 250, tail: 4000, killSender: false };
const TIMES = { mean: 2, p50: 2, p95: 2, max: 2 };
const row = (more: Partial<Row>): Row => ({
  ...tally(observed({})),
  messages: 100,
  first: 50,
  handled: 100,
  each: Array.from({ length: 100 }, (_, index) => 2 + (index % 2)),
  time: TIMES,
  kept: TIMES,
  availability: 0.5,
  present: 0.5,
  absences: [1000],
  strategy: 'once',
  killed: false,
  settled: true,
  ...more,
});

describe('comparing with theory', () => {
  it('marks a share that is off, and no other', () => {
    const [fine] = compareToTheory([row({ first: 52 })], SIZE, prng(1));
    expect(fine).toMatchObject({ what: 'first', measured: 0.52, theory: 0.5, off: false });
    const [wrong] = compareToTheory([row({ first: 62 })], SIZE, prng(1));
    expect(wrong).toMatchObject({ measured: 0.62, off: true });
    // It is compared for the time that he was really there, not for the plan.
    expect(compareToTheory([row({ first: 62, present: 0.6 })], SIZE, prng(1))[0]).toMatchObject({
      theory: 0.6,
      off: false,
    });
  });

  it('marks a mean wait that is off, and no other', () => {
    const off = (strategy: 'again' | 'relay', ms: number): boolean | undefined =>
      compareToTheory([row({ strategy, time: { ...TIMES, mean: ms } })], SIZE, prng(1))[0]?.off;
    expect([off('relay', 500), off('again', 630)]).toEqual([false, false]);
    expect([off('relay', 5000), off('again', 5000)]).toEqual([true, true]);
    expect([off('relay', 20), off('again', 20)]).toEqual([true, true]);
  });

  it('compares no wait that was cut short, or that lacks the messages of a killed sender', () => {
    const rows = [
      row({ strategy: 'relay', settled: false }),
      row({ strategy: 'again', availability: 0, settled: false }),
      row({ strategy: 'relay', handled: 99 }),
    ];
    expect(compareToTheory(rows, SIZE, prng(1))).toEqual([]);
    expect(compareToTheory([row({ strategy: 'relay' })], { ...SIZE, killSender: true }, prng(1))).toEqual([]);
  });

  it('compares no wait if the receiver never came while it was measured', () => {
    const never = { present: 0, availability: 0.1, absences: [] };
    expect(compareToTheory([row({ strategy: 'again', ...never })], SIZE, prng(1))).toEqual([]);
    expect(compareToTheory([row({ strategy: 'relay', ...never })], SIZE, prng(1))).toEqual([]);
  });

  it('takes the hop from 100 %, message by message', () => {
    const direct = row({ availability: 1, present: 1 });
    const relay = row({ availability: 1, strategy: 'relay', each: direct.each.map((ms) => (ms ?? 0) + 3) });
    expect(hopOf([direct, relay])?.extra).toEqual({ mean: 3, low: 3, high: 3 });
    expect(hopOf([row({}), relay])).toBeUndefined();
  });

  it('calculates with Little how many messages the sender holds', () => {
    // 100 messages in 18 s, each kept 630 ms: 3.5.
    expect(aboardByTheory(row({ strategy: 'again' }), SIZE)).toBeCloseTo(3.5, 1);
    expect(aboardByTheory(row({ strategy: 'again', availability: 0, present: 0 }), SIZE)).toBe(50);
    expect(aboardByTheory(row({ strategy: 'again', present: 0 }), SIZE)).toBe(50);
    expect(aboardByTheory(row({ strategy: 'relay' }), SIZE)).toBe(0);
    expect(aboardByTheory(row({ strategy: 'again', availability: 1, present: 1 }), SIZE)).toBe(0);
  });
});
