import { expect, test } from 'vitest';
import { type Deadline, Deadlines } from '../../src/core/deadlines.ts';
import { prng as randomFrom } from '../../src/core/prng.ts';
import { seed } from '../seed.ts';

const chosen = seed().seed;
const LARGEST = 2 ** 48 - 1;

/** A deadline as text, to look it up by. */
const textOf = ({ t, serial, seq }: Deadline): string => `${t} ${serial} ${seq}`;

/** Takes out all deadlines, in order. */
function drain(deadlines: Deadlines): Deadline[] {
  const all: Deadline[] = [];
  for (let first = deadlines.first; first !== undefined; first = deadlines.first) {
    all.push(first);
    deadlines.shift();
  }
  expect(deadlines.length).toBe(0);
  return all;
}

const sorted = (all: readonly Deadline[]): number[] => all.map(({ t }) => t).sort((a, b) => a - b);

/** Some deadlines, many of them at the same time. */
function random(chance: () => number, count: number): Deadline[] {
  return Array.from({ length: count }, (_, index) => ({
    t: Math.floor(chance() * count * 0.7) * (chance() < 0.1 ? 2 ** 33 : 1),
    serial: 1 + Math.floor(chance() * 2 ** 32 - 1),
    seq: index * 1_000_003,
  }));
}

test('when it is empty there is no first deadline and nothing to take out', () => {
  const deadlines = new Deadlines();
  expect(deadlines.first).toBeUndefined();
  deadlines.shift();
  deadlines.sweep(() => false);
  expect(deadlines.length).toBe(0);
  expect(deadlines.freeze()).toHaveLength(0);
});

test('the largest times and numbers come back unchanged', () => {
  const all: Deadline[] = [
    { t: LARGEST, serial: 2 ** 32 - 1, seq: LARGEST },
    { t: 0, serial: 1, seq: 1 },
    { t: 2 ** 32 - 1, serial: 7, seq: 2 ** 32 },
    { t: 2 ** 32, serial: 8, seq: 2 ** 32 - 1 },
    { t: 2 ** 47, serial: 2 ** 31, seq: 2 ** 47 + 2 ** 31 },
  ];
  const deadlines = new Deadlines();
  for (const one of all) deadlines.add(one);
  expect(drain(deadlines)).toEqual([...all].sort((a, b) => a.t - b.t));
});

test.each([1, 2])('random additions and removals are those of a sorted array (%i)', (n) => {
  const chance = randomFrom(chosen + n);
  const deadlines = new Deadlines();
  const there = new Map<string, Deadline>();
  const times: number[] = [];
  const all = random(chance, 12_000);
  for (let step = 0; step < all.length; step++) {
    // It grows across the border of a part and shrinks back, several times.
    const count = chance() < (step % 6000 < 4500 ? 0.9 : 0.05) ? 1 : -1;
    if (count > 0) {
      const added = all[step] as Deadline;
      deadlines.add(added);
      there.set(textOf(added), added);
      let at = times.length;
      while (at > 0 && (times[at - 1] as number) > added.t) at -= 1;
      times.splice(at, 0, added.t);
    } else if (times.length > 0) {
      const first = deadlines.first as Deadline;
      if (first.t !== times.shift() || !there.delete(textOf(first)))
        throw new Error(`${textOf(first)}, ${step}`);
      deadlines.shift();
    }
    if (deadlines.length !== times.length) throw new Error(`${deadlines.length}, not ${times.length}`);
  }
  expect(drain(deadlines).map(({ t }) => t)).toEqual(times);
});

test('a sweep removes only what is not wanted, and keeps the order', () => {
  const chance = randomFrom(chosen + 4);
  for (const share of [0, 0.001, 0.4, 1]) {
    const deadlines = new Deadlines();
    const all = random(chance, 9000);
    for (const one of all) deadlines.add(one);
    const wanted = new Set(all.filter(() => chance() < share).map(textOf));
    deadlines.sweep((one) => wanted.has(textOf(one)));
    expect(deadlines.length).toBe(wanted.size);
    const more = random(chance, 5000);
    for (const one of more) deadlines.add(one);
    const kept = [...all.filter((one) => wanted.has(textOf(one))), ...more];
    const drained = drain(deadlines);
    expect(drained.map(({ t }) => t)).toEqual(sorted(kept));
    expect(drained.map(textOf).sort()).toEqual(kept.map(textOf).sort());
  }
});

test('swept before each addition, it never holds much more than twice the deadlines that are wanted', () => {
  const deadlines = new Deadlines();
  let asked = 0;
  for (let seq = 1; seq <= 30_000; seq++) {
    // The last 3,000 messages are held; all others are acknowledged.
    deadlines.sweep((one) => {
      asked += 1;
      return one.seq > seq - 3000;
    });
    deadlines.add({ t: 1_000_000 - (seq % 1000), serial: 1, seq });
    expect(deadlines.length).toBeLessThanOrEqual(2 * 3000 + 1024);
  }
  // It also costs little per message.
  expect(asked).toBeLessThan(3 * 30_000);
});

test('a checkpoint keeps all of them, and nothing that happens later changes it', () => {
  const chance = randomFrom(chosen + 5);
  for (const count of [0, 1, 4095, 4096, 4097, 9000]) {
    const live = new Deadlines();
    const all = random(chance, count);
    for (const one of all) live.add(one);
    const frozen = live.freeze();
    for (let i = 0; i < count / 2; i++) live.shift();
    for (const one of random(chance, 50)) live.add(one);
    live.sweep(() => false);
    const restored = new Deadlines();
    restored.restore(frozen);
    expect(restored.length).toBe(count);
    const more = random(chance, 100);
    for (const one of more) restored.add(one);
    const drained = drain(restored);
    expect(drained.map(({ t }) => t)).toEqual(sorted([...all, ...more]));
    expect(drained.map(textOf).sort()).toEqual([...all, ...more].map(textOf).sort());
  }
});

test('deadlines from a checkpoint are swept, too, once as many new ones have come', () => {
  const live = new Deadlines();
  for (let seq = 1; seq <= 2000; seq++) live.add({ t: seq, serial: 1, seq });
  const restored = new Deadlines();
  restored.restore(live.freeze());
  for (let seq = 2001; seq <= 4001; seq++) {
    restored.sweep((one) => one.seq > 2000);
    restored.add({ t: seq, serial: 1, seq });
  }
  expect(restored.length).toBe(2001);
  expect(drain(restored)[0]).toEqual({ t: 2001, serial: 1, seq: 2001 });
});

test('a deadline that is set aside is not due before its moment, but still counts', () => {
  const deadlines = new Deadlines();
  for (const t of [30, 10, 20]) deadlines.add({ t, serial: 1, seq: t });
  const first = deadlines.due(15) as Deadline;
  expect(first.t).toBe(10);
  deadlines.shift();
  deadlines.setAside(first, 100);
  expect(deadlines.due(15)).toBeUndefined();
  expect([deadlines.due(99)?.t, deadlines.length]).toEqual([20, 3]);
  const again = new Deadlines();
  again.restore(deadlines.freeze());
  // A state that takes them over knows of no reason to wait.
  for (const t of [10, 20, 30]) {
    expect(again.due(30)).toEqual({ t, serial: 1, seq: t });
    again.shift();
  }
  expect(deadlines.due(100)).toEqual(first);
  expect(deadlines.length).toBe(3);
});
