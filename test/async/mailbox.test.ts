// The rules of a mailbox against a naive one, over random histories: messages, receivers, acknowledgements, expiries, a store that
// is late, and crashes.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Held, Mailbox } from '../../src/async/mailbox.ts';
import { seed } from '../seed.ts';
import { Naive } from './naive-mailbox.ts';

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ add: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }) }) },
  { weight: 8, arbitrary: fc.record({ settle: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 6, arbitrary: fc.record({ pump: fc.integer({ min: 1, max: 5 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      window: fc.integer({ min: 1, max: 4 }),
      limit: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
      drain: fc.boolean(),
      again: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ detach: true } as const) },
  { weight: 6, arbitrary: fc.record({ ack: fc.integer({ min: -1, max: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ wait: fc.integer({ min: 1, max: 3000 }) }) },
  { weight: 4, arbitrary: fc.constant({ expire: true } as const) },
  { weight: 1, arbitrary: fc.constant({ crash: true } as const) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Both mailboxes, and a store that calls back in its order, when it is told to. */
class Pair {
  real = new Mailbox('bob');
  readonly naive = new Naive();
  now = 0;
  /** Every number that was sent, and how often; every number that may not be sent any more. */
  readonly over = new Set<number>();
  #pending: (() => void)[] = [];
  #lastSent = 0;

  do(one: Step): void {
    if ('add' in one) this.#add(one.add);
    else if ('settle' in one) for (const durable of this.#pending.splice(0, one.settle)) durable();
    else if ('pump' in one) this.#pump(one.pump);
    else if ('window' in one) this.#attach(one);
    else if ('detach' in one) {
      this.real.detach();
      this.naive.detach();
    } else if ('ack' in one) this.#ack(Math.max(1, this.naive.acked + one.ack));
    else if ('wait' in one) this.now += one.wait;
    else if ('expire' in one) this.#expire();
    else this.#crash();
    this.compare();
  }

  compare(): void {
    expect(Naive.viewOf(this.real, this.now)).toEqual(this.naive.view(this.now));
    expect(this.real.nextToSend(this.now)?.seq).toBe(this.naive.next(this.now, this.real.open === 'yes'));
    expect(this.real.drained()).toBe(this.naive.drained());
  }

  #add(ttl: number | undefined): void {
    const size = 10 + this.real.next;
    const { seq } = this.real.add({ id: 'x', from: 'alice', at: 0, born: this.now, size, ttl });
    this.naive.add(size, ttl, this.now);
    this.#pending.push(() => {
      this.real.stored(seq, { segment: 1, offset: seq, length: size });
      this.naive.stored(seq);
    });
  }

  #attach({ again, ...collecting }: Extract<Step, { window: number }>): void {
    const same = again && this.real.attached;
    if (!same) this.#lastSent = 0;
    this.real.attach(collecting, same);
    this.naive.attach(collecting, same);
  }

  // As relay.ts does it.
  #pump(most: number): void {
    if (this.real.waiting) {
      this.real.open = 'pending';
      this.#pending.push(() => {
        this.real.open = 'yes';
        this.naive.openDurably = true;
      });
    }
    for (let i = 0; i < most; i++) {
      const held = this.real.nextToSend(this.now);
      expect(held?.seq).toBe(this.naive.next(this.now, this.real.open === 'yes'));
      if (held === undefined) return;
      // In order on one connection, and never what is over.
      expect(held.seq).toBeGreaterThan(this.#lastSent);
      expect(this.over.has(held.seq)).toBe(false);
      this.#lastSent = held.seq;
      this.real.sent(held.seq);
      this.naive.sent(held.seq);
    }
  }

  #ack(seq: number): void {
    if (!this.naive.attached) return;
    const freed = this.real.ack(seq);
    const expected = this.naive.ack(seq);
    expect(typeof freed === 'string' ? freed : freed.map((held) => held.seq)).toEqual(expected);
    if (typeof freed === 'string') return;
    this.#pending.push(() => {
      this.real.acknowledged(seq);
      this.naive.ackedDurably = seq;
      for (const held of freed) this.over.add(held.seq);
    });
  }

  #expire(): void {
    for (const seq of this.naive.expirable(this.now).slice(0, 2)) {
      const held = this.real.get(seq) as Held;
      // The truth that a bounce tells: `no` only of what was not sent since it is there.
      expect(this.real.triedOf(held)).toBe(this.naive.triedOf(seq));
      expect(this.real.expire(seq)).toBe(held);
      this.naive.expire(seq);
      this.#pending.push(() => {
        this.real.expired(seq);
        this.naive.expired(seq);
        this.naive.expiredDurably.add(seq);
        this.over.add(seq);
      });
    }
  }

  #crash(): void {
    this.#pending = [];
    this.#lastSent = 0;
    const { state, messages } = this.naive.crash();
    this.real = new Mailbox('bob');
    this.real.recover(state, messages);
  }
}

test('does what a naive one does, whatever happens', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100, size: 'max' }), (steps) => {
      const pair = new Pair();
      for (const one of steps) pair.do(one);
      // And in the end everything that is not over comes out, in order.
      pair.do({ settle: 1000 });
      pair.do({ window: 1000, limit: undefined, drain: false, again: false });
      pair.do({ pump: 1 });
      pair.do({ settle: 1 });
      const left = [...pair.real.messages()].map(({ seq }) => seq);
      const overdue = left.filter((seq) => pair.real.expirable(seq, pair.now));
      const upTo = overdue[0] ?? Number.POSITIVE_INFINITY;
      pair.do({ pump: 1000 });
      expect(
        [...pair.real.messages()].filter(({ seq }) => pair.real.inFlight(seq)).map(({ seq }) => seq),
      ).toEqual(left.filter((seq) => seq < upTo));
    }),
    { numRuns: 150, ...seed() },
  );
});

test('what is sent was open before: no message goes out of a mailbox whose OPEN is not durable', () => {
  const box = new Mailbox('bob');
  const { seq } = box.add({ id: 'x', from: 'alice', at: 0, born: 0, size: 1 });
  box.stored(seq, { segment: 1, offset: 0, length: 1 });
  box.attach({ window: 1, limit: undefined, drain: false }, false);
  for (const open of ['no', 'pending'] as const) {
    box.open = open;
    expect(box.nextToSend(0)).toBeUndefined();
  }
  box.open = 'yes';
  expect(box.nextToSend(0)?.seq).toBe(1);
});

test('a damaged one sends nothing more, and holds what it holds', () => {
  const box = new Mailbox('bob');
  box.recover({ next: 3, watermark: 0, tried: 0 }, [
    ...[1, 2].map(
      (seq): Held => ({
        ...{ to: 'bob', seq, id: 'x', from: 'alice', at: 0, size: 1, born: 0, attempts: 0 },
        ref: { segment: 1, offset: seq, length: 1 },
      }),
    ),
  ]);
  box.open = 'yes';
  box.attach({ window: 9, limit: undefined, drain: false }, false);
  box.damage = 'the first cannot be read';
  expect(box.nextToSend(0)).toBeUndefined();
  expect(box.count).toBe(2);
});
