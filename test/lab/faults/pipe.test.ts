// One direction by itself, under any sequence of faults: there are no sockets, and the test turns the clock.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseCommand } from '../../../src/cli/typed-commands.ts';
import { prng } from '../../../src/core/prng.ts';
import { type Conditions, HEALTHY } from '../../../src/lab/faults/fault.ts';
import { CHUNK_COST, MAX_HELD, MAX_HELD_BY_ALL, MAX_WINDOW, Pipe } from '../../../src/lab/faults/pipe.ts';
import { FakeClock } from '../../fake-clock.ts';
import { seed } from '../../seed.ts';

type Step =
  | { readonly do: 'send'; readonly bytes: number }
  | { readonly do: 'command'; readonly line: string }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'open' };

const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('send' as const), bytes: fc.integer({ min: 1, max: 3000 }) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('command' as const),
        line: fc.constantFrom(
          'cut',
          'heal',
          'refuse',
          'accept',
          'stall up',
          'stall down',
          'limit 1',
          'limit 700',
          'latency 0s',
          'latency 90ms',
          'jitter 0s',
          'jitter 40ms',
          'slice 1',
          'slice 40',
          'slice off',
          'rate off',
          'rate 1B/s',
          'rate 7.3kB/s',
        ),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 500 }) }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('open' as const) }) },
  ),
  { maxLength: 60 },
);

test('any sequence of faults: what comes out is what went in, in order, and all of it once it is healed', () => {
  fc.assert(
    fc.property(steps, fc.integer(), fc.boolean(), (script: readonly Step[], luck, hardEnd) => {
      const clock = new FakeClock();
      let conditions: Conditions = HEALTHY;
      let sent = Buffer.alloc(0);
      let got = Buffer.alloc(0);
      const ends: string[] = [];
      const random = prng(luck);
      let room = 3;
      const all = { held: 0 };
      const pipe = new Pipe(
        'up',
        {
          clock,
          random: prng(luck + 1),
          conditions: () => conditions,
          all,
          allow(_, wanted) {
            const bytes = Math.min(wanted, conditions.left);
            const left = conditions.left - bytes;
            conditions =
              left === 0 ? { ...HEALTHY, ...conditions, left: Infinity, cut: true } : { ...conditions, left };
            return bytes;
          },
        },
        {
          // A sink that is full after some writes.
          write(bytes) {
            expect(conditions.stalled.has('up')).toBe(false);
            expect(room).toBeGreaterThan(0);
            expect(ends).toEqual([]);
            got = Buffer.concat([got, bytes]);
            room -= 1;
            return room > 0;
          },
          end: () => void ends.push('fin'),
          reset: () => void ends.push('reset'),
        },
        () => {},
      );
      const command = (line: string): void => {
        conditions = parseCommand(line).apply(conditions);
        pipe.pump();
      };
      const open = (): void => {
        room = 1 + Math.floor(random() * 3);
        pipe.open();
      };
      const check = (): void => {
        expect(sent.subarray(0, got.length).equals(got)).toBe(true);
        expect(pipe.held).toBe(sent.length - got.length);
        expect(all.held).toBeGreaterThanOrEqual(pipe.held);
      };
      open();
      for (const step of script) {
        const before = got.length;
        const stood = conditions.cut || conditions.stalled.has('up');
        if (step.do === 'send') {
          const bytes = Buffer.from(Array.from({ length: step.bytes }, () => Math.floor(random() * 256)));
          sent = Buffer.concat([sent, bytes]);
          pipe.push(bytes);
        } else if (step.do === 'command') command(step.line);
        else if (step.do === 'open') open();
        else clock.advance(step.ms);
        if (stood && step.do !== 'command') expect(got.length).toBe(before);
        check();
      }
      pipe.finish(hardEnd ? 'reset' : 'fin');
      pipe.push(Buffer.from('behind the end'));
      for (const line of ['heal', 'rate off', 'slice off', 'latency 0s', 'jitter 0s']) command(line);
      for (let turn = 0; ends.length === 0 && turn < 1000; turn += 1) {
        clock.advance(1000);
        open();
      }
      expect(got.equals(sent)).toBe(true);
      expect(ends).toEqual([hardEnd ? 'reset' : 'fin']);
      expect(all.held).toBe(0);
    }),
    { ...seed(), numRuns: 300 },
  );
});

/** A pipe that nothing leaves, because the clock stands still or the cable is cut. */
function fillable(conditions: Partial<Conditions>, heldByAll = 0) {
  const all = { held: heldByAll };
  const pipe = new Pipe(
    'up',
    {
      clock: new FakeClock(),
      random: prng(1),
      conditions: () => ({ ...HEALTHY, ...conditions }),
      allow: (_, wanted) => wanted,
      all,
    },
    { write: () => true, end() {}, reset() {} },
    () => {},
  );
  pipe.open();
  return { pipe, all };
}

/** Fills a pipe, and returns the bytes that it held when its owner had to stop reading. */
function filled(conditions: Partial<Conditions>, heldByAll = 0): number {
  const { pipe } = fillable(conditions, heldByAll);
  for (let reads = 0; !pipe.full && reads < 1000; reads += 1) pipe.push(Buffer.alloc(65_536));
  return pipe.held;
}

/** The most that one read adds after the limit is nearly reached. */
const READ = 65_536;

test('many small chunks fill a pipe, too, because each takes memory beyond its bytes', () => {
  const { pipe } = fillable({ cut: true });
  let chunks = 0;
  for (; !pipe.full; chunks += 1) {
    expect(chunks * CHUNK_COST).toBeLessThan(MAX_HELD);
    pipe.push(Buffer.of(1));
  }
  expect(pipe.held).toBe(chunks);
});

test.each([
  ['cut', { cut: true }, MAX_HELD],
  ['latency', { latency: 50 }, MAX_WINDOW],
  ['jitter', { jitter: 50 }, MAX_WINDOW],
  ['latency and rate: what passes in that time', { latency: 500, rate: 1_000_000 }, MAX_HELD + 500_000],
  ['rate', { rate: 1_000_000 }, MAX_HELD],
] as const)('what a pipe holds before its owner stops reading: %s', (_, conditions, most) => {
  const held = filled(conditions);
  expect(held).toBeLessThanOrEqual(most + READ);
  expect(held).toBeGreaterThan(0.95 * most - READ);
});

test('a line with latency holds no more than any other when all pipes together hold too much', () => {
  expect(filled({ latency: 50 }, MAX_HELD_BY_ALL)).toBeLessThanOrEqual(MAX_HELD + READ);
  expect(filled({ latency: 50 }, MAX_HELD_BY_ALL - 1_000_000)).toBeLessThanOrEqual(1_000_000 + READ);
});

test('what all pipes hold is counted, and given back when a connection is gone', () => {
  const { pipe, all } = fillable({ latency: 50 });
  pipe.push(Buffer.alloc(1000));
  pipe.finish('fin');
  expect(all.held).toBe(1000 + 2 * CHUNK_COST);
  pipe.drop();
  expect(all.held).toBe(0);
});

test('random numbers: the same with the same seed, from 0 up to 1', () => {
  const [one, two] = [prng(7), prng(7)];
  const numbers = Array.from({ length: 1000 }, () => one());
  expect(numbers).toEqual(Array.from({ length: 1000 }, () => two()));
  expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
  const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
  expect(mean).toBeGreaterThan(0.45);
  expect(mean).toBeLessThan(0.55);
});
