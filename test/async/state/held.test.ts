import { expect, test } from 'vitest';
import { HeldMessages, MOST_FRAMES, type Place } from '../../../src/async/held.ts';
import type { FrozenPage } from '../../../src/core/pages.ts';
import { prng as randomFrom } from '../../../src/core/prng.ts';
import { seed } from '../../seed.ts';

const chosen = seed().seed;

/** A place that identifies its message. */
const place = (n: number): Place => ({
  lsn: 100 + n,
  index: n % MOST_FRAMES,
  size: n % 2 ** 21,
  at: 1_700_000_000_000 + n,
  notify: n % 3 === 0,
});

/** A place in which each part is as large as possible, or random. */
function anyPlace(chance: () => number): Place {
  const below = (most: number): number => (chance() < 0.1 ? most - 1 : Math.floor(chance() * most));
  return {
    lsn: below(2 ** 48),
    index: below(MOST_FRAMES),
    size: below(2 ** 21),
    at: below(2 ** 42),
    notify: chance() < 0.5,
  };
}

/** Everything held above a number, by `each`. */
function listed(held: HeldMessages, above: number): [number, Place][] {
  const all: [number, Place][] = [];
  held.each(above, (seq, found) => all.push([seq, found]));
  return all;
}

/** Everything held above a number, by `after` and `get`. */
function walked(held: HeldMessages, above: number): [number, Place | undefined][] {
  const all: [number, Place | undefined][] = [];
  for (let seq = held.after(above); seq !== 0; seq = held.after(seq)) all.push([seq, held.get(seq)]);
  return all;
}

/** A copy of frozen pages as they are at this moment. */
const copied = (pages: readonly FrozenPage[]): FrozenPage[] =>
  pages.map(({ first, words }) => ({ first, words: words.slice() }));

/** What comes back from a checkpoint with these pages. */
function restored(pages: readonly FrozenPage[], above: number): HeldMessages {
  const held = new HeldMessages();
  for (const page of copied(pages)) held.restore(page, above);
  return held;
}

test('nothing is held at the beginning', () => {
  const held = new HeldMessages();
  expect(held.get(1)).toBeUndefined();
  expect(held.after(0)).toBe(0);
  expect(listed(held, 0)).toEqual([]);
  expect(held.freeze()).toEqual([]);
  held.remove(1);
  held.dropUpTo(10);
  expect(held.after(0)).toBe(0);
});

test('every part of a place comes back, up to the largest', () => {
  const chance = randomFrom(chosen);
  const held = new HeldMessages();
  const places = Array.from({ length: 3000 }, () => anyPlace(chance));
  for (const [index, one] of places.entries()) held.put(index + 1, one);
  for (const [index, one] of places.entries()) expect(held.get(index + 1)).toEqual(one);
});

test('nothing is lost or found twice at the border between pages, at 1024', () => {
  for (const first of [1, 7, 1_000_000_001]) {
    const held = new HeldMessages();
    for (let n = 0; n < 2050; n++) held.put(first + n, place(n));
    expect(held.freeze().map((page) => [page.first - first, page.words.length / 4])).toEqual([
      [0, 1024],
      [1024, 1024],
      [2048, 2],
    ]);
    for (const n of [0, 1, 1022, 1023, 1024, 1025, 2047, 2048, 2049])
      expect(held.get(first + n)).toEqual(place(n));
    expect([held.get(first - 1), held.get(first + 2050)]).toEqual([undefined, undefined]);
    expect(held.after(first + 1022)).toBe(first + 1023);
    expect(held.after(first + 1023)).toBe(first + 1024);
    expect(held.after(first + 2048)).toBe(first + 2049);
    expect(held.after(first + 2049)).toBe(0);
    expect(listed(held, first + 1022)[0]).toEqual([first + 1023, place(1023)]);
    expect(listed(held, first - 1)).toHaveLength(2050);
  }
});

test('a page is dropped when its last message is taken out, and when all of it is acknowledged', () => {
  const held = new HeldMessages();
  for (let n = 1; n <= 3072; n++) held.put(n, place(n));
  for (let n = 1025; n <= 2048; n++) held.remove(n);
  expect(held.freeze().map(({ first }) => first)).toEqual([1, 2049]);
  expect(held.after(1024)).toBe(2049);
  held.dropUpTo(1023);
  expect(held.freeze().map(({ first }) => first)).toEqual([1, 2049]);
  held.dropUpTo(1024);
  expect(held.freeze().map(({ first }) => first)).toEqual([2049]);
  held.remove(2049);
  held.remove(2049);
  expect(held.after(0)).toBe(2050);
  held.dropUpTo(5000);
  expect(held.freeze()).toEqual([]);
});

test('numbers far apart need no pages between them', () => {
  const held = new HeldMessages();
  for (const n of [1, 2, 1_000_000_003, 1_000_000_004, 2 ** 40]) held.put(n, place(n));
  expect(held.freeze().map(({ first, words }) => [first, words.length / 4])).toEqual([
    [1, 2],
    [1_000_000_003, 2],
    [2 ** 40, 1],
  ]);
  expect(walked(held, 0).map(([seq]) => seq)).toEqual([1, 2, 1_000_000_003, 1_000_000_004, 2 ** 40]);
});

test('a missing message can be put back anywhere: in a page, between pages, before all of them', () => {
  const held = new HeldMessages();
  const numbers = [10, 11, 12, 2000, 2001];
  for (const n of numbers) held.put(n, place(n));
  held.remove(11);
  for (const n of [11, 1, 500, 9, 13, 1999, 501]) {
    held.put(n, place(n));
    numbers.push(n);
    const expected = [...new Set(numbers)].sort((a, b) => a - b).map((seq) => [seq, place(seq)]);
    if (n === 11) expect(expected).toHaveLength(5);
    expect(listed(held, 0)).toEqual(expected);
    expect(walked(held, 0)).toEqual(expected);
  }
  // And after all of them, if the last page is one that was put back.
  held.remove(2000);
  held.remove(2001);
  for (const n of [2002, 2003, 2004]) held.put(n, place(n));
  expect(listed(held, 1998).map(([seq]) => seq)).toEqual([1999, 2002, 2003, 2004]);
});

/** Frozen pages, and what they held then. */
interface Frozen {
  readonly pages: readonly FrozenPage[];
  readonly copy: readonly FrozenPage[];
  readonly acknowledged: number;
  readonly expected: readonly (readonly [number, Place])[];
}

/** Puts, takes out, moves, acknowledges and freezes messages at random, and does the same to a Map. */
class Trial {
  held = new HeldMessages();
  readonly expected = new Map<number, Place>();
  acknowledged = 0;
  next = 1;
  readonly frozen: Frozen[] = [];

  constructor(readonly chance: () => number) {}

  below(most: number): number {
    return Math.floor(this.chance() * most);
  }

  /** What is held, in order of the numbers. */
  get all(): [number, Place][] {
    return [...this.expected].sort(([a], [b]) => a - b);
  }

  /** A random number, usually one that is held. */
  some(): number {
    const numbers = [...this.expected.keys()];
    return this.chance() < 0.9 && numbers.length > 0
      ? (numbers[this.below(numbers.length)] as number)
      : this.acknowledged + 1 + this.below(this.next - this.acknowledged);
  }

  put(seq: number): void {
    const to = anyPlace(this.chance);
    this.held.put(seq, to);
    this.expected.set(seq, to);
    this.next = Math.max(this.next, seq + 1);
  }

  remove(seq: number): void {
    this.held.remove(seq);
    this.expected.delete(seq);
  }

  step(): void {
    const what = this.chance();
    if (what < 0.25)
      for (let count = this.chance() < 0.1 ? 1000 + this.below(50) : this.below(40); count > 0; count--)
        this.put(this.next);
    else if (what < 0.3) this.put(this.next + this.below(this.chance() < 0.2 ? 1_000_000_000 : 2000));
    else if (what < 0.5) for (let count = this.below(20); count > 0; count--) this.remove(this.some());
    // All of one page, or of two.
    else if (what < 0.53) {
      const first = this.some();
      for (const seq of [...this.expected.keys()]) if (seq >= first && seq < first + 1024) this.remove(seq);
    } else if (what < 0.63) {
      const seq = this.some();
      if (this.expected.has(seq)) {
        const to = anyPlace(this.chance);
        this.held.put(seq, to);
        this.expected.set(seq, to);
      }
    } else if (what < 0.73) {
      const seq = this.some();
      if (seq > this.acknowledged && !this.expected.has(seq)) this.put(seq);
    } else if (what < 0.83) {
      this.acknowledged = Math.min(this.next - 1, Math.max(this.acknowledged, this.some() - this.below(3)));
      for (const seq of [...this.expected.keys()]) if (seq <= this.acknowledged) this.expected.delete(seq);
      this.held.dropUpTo(this.acknowledged);
    } else if (what < 0.88) {
      const pages = this.held.freeze();
      const { acknowledged, all } = this;
      this.frozen.push({ pages, copy: copied(pages), acknowledged, expected: all });
    } else if (what < 0.9) this.held = restored(this.held.freeze(), this.acknowledged);
  }

  check(): void {
    const { held, expected, acknowledged, all } = this;
    expect(listed(held, acknowledged)).toEqual(all);
    expect(walked(held, acknowledged)).toEqual(all);
    for (let i = 0; i < 20; i++) {
      const seq = acknowledged + 1 + this.below(this.next - acknowledged + 3);
      expect(held.get(seq)).toEqual(expected.get(seq));
      expect(held.after(seq)).toBe(all.find(([number]) => number > seq)?.[0] ?? 0);
    }
  }
}

test('random messages that are put, taken out, moved and acknowledged are those of a Map; what was frozen stays', {
  tags: ['slow'],
}, () => {
  for (let run = 0; run < 15; run++) {
    const trial = new Trial(randomFrom(chosen + run));
    for (let step = 0; step < 60; step++) {
      trial.step();
      if (step % 5 === 0) trial.check();
    }
    trial.check();
    for (const { pages, copy, acknowledged, expected } of trial.frozen) {
      expect(pages).toEqual(copy);
      expect(listed(restored(pages, acknowledged), acknowledged)).toEqual(expected);
    }
  }
});

test('no change to a page changes what a checkpoint has of it', () => {
  const changes: ((held: HeldMessages) => void)[] = [
    (held) => held.remove(3),
    (held) => held.put(3, place(99)),
    (held) => held.put(5, place(99)),
    (held) => held.put(7, place(99)),
    (held) => held.put(9, place(99)),
    (held) => held.dropUpTo(6),
    (held) => {
      for (const n of [1, 2, 3, 4, 6]) held.remove(n);
      for (let n = 7; n < 12; n++) held.put(n, place(99));
    },
    (held) => {
      for (let n = 7; n < 20; n++) held.put(n, place(99));
      for (let n = 1; n < 20; n++) held.put(n, place(98));
    },
  ];
  for (const change of changes)
    for (const other of changes) {
      const held = new HeldMessages();
      for (let n = 1; n <= 6; n++) held.put(n, place(n));
      held.remove(5);
      const first = held.freeze();
      const copyOfFirst = copied(first);
      change(held);
      const second = held.freeze();
      const copyOfSecond = copied(second);
      other(held);
      expect(first).toEqual(copyOfFirst);
      expect(second).toEqual(copyOfSecond);
    }
});

test('what is acknowledged in a page does not come back from a checkpoint', () => {
  const held = new HeldMessages();
  for (let n = 1; n <= 2000; n++) held.put(n, place(n));
  held.dropUpTo(1500);
  const again = restored(held.freeze(), 1500);
  expect(again.get(1500)).toBeUndefined();
  expect(again.after(0)).toBe(1501);
  expect(listed(again, 0)).toHaveLength(500);
  // The same for a page of which everything is acknowledged.
  expect(restored(held.freeze(), 2000).freeze()).toEqual([]);
});
