import { expect, test } from 'vitest';
import { prng as randomFrom } from '../../src/core/prng.ts';
import { Queue, type Queued } from '../../src/core/queue.ts';
import { seed } from '../seed.ts';

interface Item extends Queued<Item> {
  readonly number: number;
}

const item = (number: number): Item => ({ number, before: undefined, after: undefined });

/** The numbers in a queue, from first to last. It is read backwards, too, which must give the same. */
function numbersOf(queue: Queue<Item>): number[] {
  const items = [...queue];
  for (const [at, { before, after }] of items.entries()) {
    expect(before).toBe(items[at - 1]);
    expect(after).toBe(items[at + 1]);
  }
  expect(queue.first).toBe(items[0]);
  expect(queue.length).toBe(items.length);
  return items.map(({ number }) => number);
}

test('what is pushed comes out in order, and can be removed from the beginning, the middle and the end', () => {
  const queue = new Queue<Item>();
  expect(numbersOf(queue)).toEqual([]);
  const items = [1, 2, 3, 4].map(item);
  for (const one of items) queue.push(one);
  expect(numbersOf(queue)).toEqual([1, 2, 3, 4]);
  queue.remove(items[1] as Item);
  expect(numbersOf(queue)).toEqual([1, 3, 4]);
  queue.remove(items[0] as Item);
  expect(numbersOf(queue)).toEqual([3, 4]);
  queue.remove(items[3] as Item);
  expect(numbersOf(queue)).toEqual([3]);
  queue.remove(items[2] as Item);
  expect(numbersOf(queue)).toEqual([]);
});

test('what was taken out can be pushed again, and is then at the end', () => {
  const queue = new Queue<Item>();
  const items = [1, 2, 3].map(item);
  for (const one of items) queue.push(one);
  queue.remove(items[1] as Item);
  expect(items[1]).toMatchObject({ before: undefined, after: undefined });
  queue.push(items[1] as Item);
  expect(numbersOf(queue)).toEqual([1, 3, 2]);
});

test('random pushes and removals give the same as an array', () => {
  const chance = randomFrom(seed().seed);
  const queue = new Queue<Item>();
  const expected: Item[] = [];
  for (let step = 0; step < 2000; step++) {
    // Sometimes it grows, sometimes it shrinks to nothing.
    if (chance() < (step % 500 < 250 ? 0.7 : 0.3)) {
      const added = item(step);
      queue.push(added);
      expected.push(added);
    } else if (expected.length > 0) {
      const [taken] = expected.splice(Math.floor(chance() * expected.length), 1);
      queue.remove(taken as Item);
    }
    expect(queue.length).toBe(expected.length);
    if (step % 50 === 0) expect(numbersOf(queue)).toEqual(expected.map(({ number }) => number));
  }
});
