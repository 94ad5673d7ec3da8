// What is kept of a run, how much at most, and in which parts it goes out.

import { expect, test } from 'vitest';
import { History } from '../../../src/lab/board/history.ts';
import type { BoardEvent } from '../../../src/lab/board/messages.ts';
import { event } from './http.ts';

interface Sent {
  readonly run: number;
  readonly dropped: number;
  readonly events: readonly BoardEvent[];
}
const read = (json: string | undefined): Sent => JSON.parse(json ?? 'null') as Sent;
const all = (history: History): number[] =>
  history.snapshot().flatMap((json) => read(json).events.map(({ n }) => n));

test('events are numbered from 1 and go out in order, each once, in parts that are not too large', () => {
  const history = new History();
  expect(history.batch(0)).toBeUndefined();
  for (let n = 1; n <= 500; n += 1)
    history.add(event(n, 'x'.repeat(1000)), n % 2 === 0 ? 'direct' : undefined);
  const first = history.batch(0);
  expect(first?.json.length).toBeLessThan(70_000);
  expect(read(first?.json).events[0]).toEqual({ n: 1, recorded: event(1, 'x'.repeat(1000)) });
  expect(read(first?.json).events[1]).toMatchObject({ n: 2, route: 'direct' });
  expect(read(history.batch(first?.last ?? 0)?.json).events[0]?.n).toBe((first?.last ?? 0) + 1);
  expect(all(history)).toEqual(Array.from({ length: 500 }, (_, index) => index + 1));
  expect(history.batch(500)).toBeUndefined();
  expect(history.batch(499)?.last).toBe(500);
});

test('the oldest are dropped when there are too many, or when they are too long; the newest never', () => {
  const few = new History(3);
  for (let n = 1; n <= 10; n += 1) few.add(event(n), undefined);
  expect([all(few), few.dropped, few.last]).toEqual([[8, 9, 10], 7, 10]);
  expect(read(few.batch(2)?.json)).toMatchObject({ dropped: 7, events: [{ n: 8 }, { n: 9 }, { n: 10 }] });
  const short = new History(1000, 5000);
  for (let n = 1; n <= 10; n += 1) short.add(event(n, 'x'.repeat(1000)), undefined);
  expect(all(short)).toEqual([7, 8, 9, 10]);
  short.add(event(11, 'x'.repeat(10_000)), undefined);
  expect(all(short)).toEqual([11]);
  short.add(event(12), undefined);
  expect(all(short)).toEqual([12]);
});

test('a new run begins at 1, without what was before, in the logs, too', () => {
  const history = new History(3);
  for (let n = 1; n <= 10; n += 1) history.add(event(n), undefined);
  expect(history.log('bob-7')).toHaveLength(3);
  history.clear();
  expect([history.run, history.last, history.dropped, all(history)]).toEqual([2, 0, 0, []]);
  expect(history.log('bob-7')).toEqual([]);
  history.add(event(1), undefined);
  expect(read(history.batch(0)?.json)).toMatchObject({ run: 2, dropped: 0, events: [{ n: 1 }] });
});

test('what goes out is plain ASCII, whatever came from the network', () => {
  const history = new History();
  history.add(event(1, '\u202e\u2028\ud800\u0000 é'), undefined);
  expect(history.batch(0)?.json).toMatch(/^[\x20-\x7e]+$/);
  expect(read(history.batch(0)?.json).events[0]?.recorded).toMatchObject({
    text: '1 \u202e\u2028\ud800\u0000 é',
  });
});
