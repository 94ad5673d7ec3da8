// The queue of bytes in front of the kernel: nothing is lost or reordered, and no piece is larger than asked for.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WriteQueue } from '../../src/net/write-queue.ts';
import { seed } from '../seed.ts';

test('small buffers are joined, a large one is cut', () => {
  const queue = new WriteQueue();
  for (const text of ['ab', 'c', 'de', 'fghijk', '']) queue.push(Buffer.from(text));
  expect(queue.bytes).toBe(11);
  const taken: string[] = [];
  for (let piece = queue.take(4); piece !== undefined; piece = queue.take(4)) taken.push(piece.toString());
  expect(taken).toEqual(['abc', 'de', 'fghi', 'jk']);
  expect(queue.bytes).toBe(0);
});

test('what goes in comes out, in order, whatever is waiting meanwhile', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.constant('take' as const)), { maxLength: 600 }),
      fc.integer({ min: 1, max: 30 }),
      (steps, most) => {
        const queue = new WriteQueue();
        const put: Uint8Array[] = [];
        const got: Buffer[] = [];
        const take = (): boolean => {
          const before = queue.bytes;
          const piece = queue.take(most);
          if (piece === undefined) return false;
          expect(piece.length).toBeLessThanOrEqual(most);
          expect(queue.bytes).toBe(before - piece.length);
          got.push(Buffer.from(piece));
          return true;
        };
        for (const step of steps) {
          if (step === 'take') take();
          else {
            put.push(step);
            queue.push(Buffer.from(step));
          }
        }
        while (take());
        expect(Buffer.concat(got)).toEqual(Buffer.concat(put));
        expect(queue.bytes).toBe(0);
      },
    ),
    seed(),
  );
});

test('what was taken is released, even while something is always waiting', async () => {
  const queue = new WriteQueue();
  const watched: WeakRef<Buffer>[] = [];
  for (let i = 0; i < 1000; i += 1) {
    const bytes = Buffer.alloc(10_000, i);
    watched.push(new WeakRef(bytes));
    queue.push(bytes);
    if (i > 0) queue.take(10_000);
  }
  expect(queue.bytes).toBe(10_000);
  // A WeakRef holds its object until the turn of the event loop is over.
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  expect(watched.filter((ref) => ref.deref() !== undefined).length).toBeLessThanOrEqual(200);
  expect(queue.take(10_000)?.length).toBe(10_000);
});

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}
