// The schedule, the theory and the statistics as pure functions. The closed forms are compared with long simulated runs, with each other at
// their limits, and with an integral calculated by hand.

import { describe, expect, it } from 'vitest';
import { prng } from '../../../src/core/prng.ts';
import {
  absencesOf,
  drawPlan,
  exponential,
  meanPresence,
  shareOf,
  slotOf,
} from '../../../src/lab/compare/schedule.ts';
import { simulate, spreadOf } from '../../../src/lab/compare/simulate.ts';
import { aroundMean, mean, quantile, wilson } from '../../../src/lab/compare/statistics.ts';
import { backAfter, waitByRelay, waitByRetry } from '../../../src/lab/compare/theory.ts';
import { ALL } from '../../cases.ts';

const SETTING = { absence: 1000, retry: 250 };
const SIZE = { messages: 100, span: 36_000, absence: 1000, tail: 4000 };
const BETWEEN = ALL ? [0.9, 0.75, 0.5, 0.25, 0.1] : [0.5];

describe('the schedule', () => {
  it('is the same with the same seed, and differs with another', () => {
    const draw = (seed: number): unknown => drawPlan({ ...SIZE, availability: 0.5 }, prng(seed));
    expect(draw(3)).toEqual(draw(3));
    expect(draw(3)).not.toEqual(draw(4));
  });

  it.each([...BETWEEN, 0, 1])(
    'at %d: in order, within its time, and the receiver stays at the end',
    (availability) => {
      for (let seed = 1; seed <= 200; seed += 1) {
        const { arrivals, presences, span } = drawPlan({ ...SIZE, availability }, prng(seed));
        expect(arrivals).toHaveLength(SIZE.messages);
        expect([...arrivals].sort((a, b) => a - b)).toEqual(arrivals);
        expect(Math.min(...arrivals)).toBeGreaterThanOrEqual(0);
        expect(Math.max(...arrivals)).toBeLessThan(span);
        const edges = presences.flatMap(({ from, to }) => [from, to]);
        expect([...edges].sort((a, b) => a - b)).toEqual(edges);
        if (availability === 0) expect(presences).toEqual([]);
        else expect(presences.at(-1)?.to).toBe(Number.POSITIVE_INFINITY);
        if (availability === 1) expect(presences).toEqual([{ from: 0, to: Number.POSITIVE_INFINITY }]);
      }
    },
  );

  it.each(BETWEEN)(
    'at %d: the receiver is there for that share of a long time, and away for D on average',
    (availability) => {
      const { presences, span } = drawPlan({ ...SIZE, messages: 1, span: 1e8, availability }, prng(11));
      expect(shareOf(presences, span)).toBeCloseTo(availability, 1.5);
      const absences = absencesOf(presences, span);
      expect(absences.length).toBeGreaterThan(5000);
      expect(Math.abs((mean(absences) ?? 0) / SIZE.absence - 1)).toBeLessThan(0.03);
      expect(meanPresence(availability, 1000) / (meanPresence(availability, 1000) + 1000)).toBeCloseTo(
        availability,
        12,
      );
      // Exponential: the mean of the squares is twice the square of the mean.
      expect(Math.abs((mean(absences.map((one) => one ** 2)) ?? 0) / 2e6 - 1)).toBeLessThan(0.1);
    },
  );

  it('measures shares and absences of presences', () => {
    const presences = [
      { from: 10, to: 20 },
      { from: 20, to: 30 },
      { from: 60, to: Number.POSITIVE_INFINITY },
    ];
    expect(shareOf(presences, 100)).toBeCloseTo(0.6, 12);
    expect(shareOf(presences, 25)).toBeCloseTo(0.6, 12);
    expect(shareOf([], 100)).toBe(0);
    expect(absencesOf(presences, 100)).toEqual([10, 30]);
    // An absence that begins in time is counted to its end; one that begins later is not.
    expect(absencesOf(presences, 40)).toEqual([10, 30]);
    expect(absencesOf(presences, 30)).toEqual([10]);
    expect(absencesOf([{ from: 0, to: 5 }], 100)).toEqual([]);
  });

  it('never draws a time that cannot be waited for', () => {
    expect(exponential(1000, () => 0)).toBe(-0);
    expect(exponential(1000, () => 1 - 2 ** -32)).toBeLessThan(23_000);
  });

  it('ends all slots of a default run within 36 s', () => {
    for (const availability of [...BETWEEN, 0, 1]) {
      const { begin, span } = slotOf(availability, 100, 1000);
      expect(begin + span).toBeLessThanOrEqual(36_000);
      expect(span).toBeGreaterThan(0);
    }
  });
});

describe('the theory', () => {
  it.each(BETWEEN)('at %d: a long simulated run agrees with the closed forms', (availability) => {
    const options = { availability, messages: 300_000, span: 3e8, absence: 1000, tail: 4000 };
    const found = simulate(drawPlan(options, prng(5)), SETTING);
    expect(Math.abs(found.first - availability)).toBeLessThan(0.005);
    expect(Math.abs(found.relay / waitByRelay(availability, SETTING) - 1)).toBeLessThan(0.04);
    expect(Math.abs(found.retry / waitByRetry(availability, SETTING) - 1)).toBeLessThan(0.04);
  });

  it('gives the numbers that are calculated by hand', () => {
    expect(waitByRelay(0.5, SETTING)).toBe(500);
    expect(waitByRelay(0.9, SETTING)).toBeCloseTo(100, 9);
    // a = 1/2, D = 1 s: tau = 0.5 s. p = (1 - e^-0.5)/2 = 0.19673, q = (1 - 2 (1 - e^-0.5))/2 = 0.10653.
    expect(waitByRetry(0.5, SETTING)).toBeCloseTo(0.5 * (125 + ((1 - 0.1065307) * 250) / 0.1967347), 2);
    expect(backAfter(0.5, 1000, 250)).toBeCloseTo(0.1967347, 6);
  });

  it('has the right limits', () => {
    for (const availability of BETWEEN) {
      const often = { absence: 1000, retry: 0.01 };
      expect(waitByRetry(availability, often)).toBeCloseTo(waitByRelay(availability, often), 1);
      // With rare rounds, each is a new throw of the dice, and finds him with probability a.
      const rare = { absence: 1, retry: 1e6 };
      expect(
        waitByRetry(availability, rare) /
          (1e6 * (1 - availability) * (0.5 + (1 - availability) / availability)),
      ).toBeCloseTo(1, 4);
      // Asking is never faster than being told.
      expect(waitByRetry(availability, SETTING)).toBeGreaterThan(waitByRelay(availability, SETTING));
      expect(backAfter(availability, 1000, 1e9)).toBeCloseTo(availability, 9);
    }
    expect([waitByRelay(1, SETTING), waitByRetry(1, SETTING)]).toEqual([0, 0]);
    expect([waitByRelay(0, SETTING), waitByRetry(0, SETTING)]).toEqual([
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
  });

  it('takes the first round as the mean of a moment anywhere in it', () => {
    const steps = 100_000;
    for (const availability of BETWEEN) {
      const tau = availability * 1000;
      let sum = 0;
      for (let step = 0; step < steps; step += 1)
        sum += backAfter(availability, 1000, ((step + 0.5) / steps) * SETTING.retry) / steps;
      expect(availability * (1 - (tau / 250) * -Math.expm1(-250 / tau))).toBeCloseTo(sum, 8);
    }
  });
});

describe('the statistics', () => {
  it("has Wilson's interval as in the literature", () => {
    // E. B. Wilson 1927; the values are from Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    expect(wilson(81, 263).low).toBeCloseTo(0.2553, 4);
    expect(wilson(81, 263).high).toBeCloseTo(0.3662, 4);
    expect(wilson(15, 148).low).toBeCloseTo(0.0624, 4);
    expect(wilson(15, 148).high).toBeCloseTo(0.1605, 4);
    expect(wilson(0, 20)).toEqual({ low: 0, high: expect.closeTo(0.1611, 4) });
    expect(wilson(29, 29)).toEqual({ low: expect.closeTo(0.883, 4), high: 1 });
    expect(wilson(0, 0)).toEqual({ low: 0, high: 1 });
  });

  it('takes quantiles by the nearest rank, and has no mean of nothing', () => {
    const values = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
    expect([0, 0.5, 0.95, 1].map((q) => quantile(values, q))).toEqual([1, 5, 10, 10]);
    expect(quantile([], 0.5)).toBeUndefined();
    expect(mean([])).toBeUndefined();
    expect(mean([1, 2, 6])).toBe(3);
  });

  it('puts the spread of the theory around a mean', () => {
    const ratios = Array.from({ length: 1000 }, (_, index) => 0.5 + index / 999);
    const { low, high } = aroundMean(100, ratios);
    expect(low).toBeCloseTo(100 / 1.474, 1);
    expect(high).toBeCloseTo(100 / 0.524, 1);
    expect(aroundMean(100, [0, 0, 0, 1]).high).toBe(Number.POSITIVE_INFINITY);
    expect(aroundMean(0, ratios).low).toBe(0);
  });

  it.each(BETWEEN)(
    'at %d: 95 of 100 intervals contain the theory, if the theory holds',
    { tags: ['slow'] },
    (availability) => {
      const slot = { ...SIZE, span: slotOf(availability, SIZE.messages, SIZE.absence).span, availability };
      const hop = { relay: 3, retry: 1 };
      const spread = spreadOf(slot, SETTING, hop, 1000, prng(1));
      const runs = 1000;
      const hits = { first: 0, relay: 0, retry: 0 };
      const random = prng(2);
      for (let run = 0; run < runs; run += 1) {
        const found = simulate(drawPlan(slot, random), SETTING);
        const came = { ...SETTING, absence: found.absence ?? SETTING.absence };
        const holds = (low: number, high: number, theory: number): number =>
          low <= theory && theory <= high ? 1 : 0;
        const share = wilson(found.first * slot.messages, slot.messages);
        hits.first += holds(share.low, share.high, found.present);
        const relay = aroundMean(found.relay + hop.relay, spread.relay);
        hits.relay += holds(relay.low, relay.high, waitByRelay(found.present, came) + hop.relay);
        const retry = aroundMean(found.retry + hop.retry, spread.retry);
        hits.retry += holds(retry.low, retry.high, waitByRetry(found.present, came) + hop.retry);
      }
      for (const [name, hit] of Object.entries(hits)) {
        expect(hit / runs, name).toBeGreaterThan(0.92);
        expect(hit / runs, name).toBeLessThan(0.98);
      }
    },
  );
});
