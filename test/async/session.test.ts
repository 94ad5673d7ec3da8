// Which ids are remembered, and for how long, also over restarts: against the promise of PROTOCOL.md, "Repeats".

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Memory, REMEMBER_MS } from '../../src/async/session.ts';
import { seed } from '../seed.ts';

const id = (from: string, name: string, seq = 1) => ({ from, id: name, to: 'bob', seq, size: 0, crc: 0 });

describe('a session', () => {
  test('remembers its last ids, and lets go of the one sent longest ago', () => {
    const memory = new Memory(3);
    for (const name of ['a', 'b', 'c']) memory.remember('s', id('alice', name), 0);
    memory.remember('s', id('alice', 'a'), 1);
    memory.remember('s', id('alice', 'd'), 2);
    expect(['a', 'b', 'c', 'd'].map((name) => memory.find('alice', name) !== undefined)).toEqual([
      true,
      false,
      true,
      true,
    ]);
  });

  test('of another name cannot push ids out, nor find them', () => {
    const memory = new Memory(1);
    memory.remember('s', id('alice', 'a'), 0);
    memory.remember('s', id('mallory', 'b'), 0);
    expect(memory.find('alice', 'a')).toBeDefined();
    expect(memory.find('mallory', 'a')).toBeUndefined();
  });

  test('whose names and ids run together does not mix them up', () => {
    const memory = new Memory(9);
    memory.remember('s', id('a', 'b:c', 1), 0);
    memory.remember('s', id('a-b', 'c', 2), 0);
    expect(memory.find('a', 'b:c')?.seq).toBe(1);
    expect(memory.find('a-b', 'c')?.seq).toBe(2);
  });
});

test('another session that repeats an id remembers it for as long as itself', () => {
  const memory = new Memory(9);
  memory.remember('s1', id('alice', 'a'), 0);
  memory.remember('s2', id('alice', 'a'), REMEMBER_MS - 1);
  memory.forget(REMEMBER_MS);
  expect(memory.find('alice', 'a')).toBeDefined();
  memory.forget(2 * REMEMBER_MS + 2000);
  expect(memory.find('alice', 'a')).toBeUndefined();
});

test('full is full: what is old enough goes, nothing else does', () => {
  const memory = new Memory(10, 2);
  memory.remember('s1', id('alice', 'a'), 0);
  memory.remember('s2', id('alice', 'b'), 1);
  expect(memory.hasRoom(REMEMBER_MS)).toBe(false);
  expect(memory.find('alice', 'a')).toBeDefined();
  expect(memory.hasRoom(REMEMBER_MS + 1001)).toBe(true);
  expect(memory.find('alice', 'a')).toBeUndefined();
  expect(memory.find('alice', 'b')).toBeDefined();
});

// ---- a model: some sessions send and repeat ids, the relay is restarted at any time and comes back with what the store was given

const MINUTE = 60_000;
const PER_SESSION = 4;

interface Written {
  readonly session: string;
  readonly id: ReturnType<typeof id>;
  readonly at: number;
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      send: fc.constantFrom('s1', 's2', 's3'),
      name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      wait: fc.oneof(fc.integer({ min: 1, max: MINUTE }), fc.integer({ min: 1, max: 5 * MINUTE })),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ restart: true } as const) },
);

test('the last ids of every session are known for ten minutes after its last SEND, whatever happens', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100, size: 'max' }), (steps) => {
      let memory = new Memory(PER_SESSION);
      let records: Written[] = [];
      let now = 0;
      let seq = 0;
      // What was promised: per session its ids, the newest last, and when it last sent.
      const promised = new Map<string, { names: string[]; last: number }>();
      const numbers = new Map<string, number>();
      for (const one of steps) {
        if ('wait' in one) now += one.wait;
        else if ('restart' in one) {
          // The store keeps a record as long as the id is remembered, and brings all of them back, oldest first.
          records = records.filter(({ id: { from, id: name, seq } }) => memory.find(from, name)?.seq === seq);
          memory = new Memory(PER_SESSION);
          for (const record of records.toSorted((a, b) => a.at - b.at))
            memory.remember(record.session, record.id, record.at);
        } else {
          const mine = promised.get(one.send)?.names ?? [];
          const known = memory.find('alice', one.name);
          if (known === undefined) {
            seq += 1;
            const fresh = id('alice', one.name, seq);
            memory.remember(one.send, fresh, now);
            records.push({ session: one.send, id: fresh, at: now });
            numbers.set(one.name, seq);
          } else {
            const { from, id: name, to, seq: number, size, crc } = known;
            expect(number).toBe(numbers.get(name));
            const again = { from, id: name, to, seq: number, size, crc };
            memory.remember(one.send, again, now);
            records.push({ session: one.send, id: again, at: now });
          }
          const newest = [...mine.filter((name) => name !== one.name), one.name].slice(-PER_SESSION);
          promised.set(one.send, { names: newest, last: now });
        }
        memory.forget(now);
        for (const [session, { names, last }] of promised) {
          if (now - last >= REMEMBER_MS) promised.delete(session);
          else
            for (const name of names)
              expect(memory.find('alice', name)?.seq, `${session} ${name}`).toBe(numbers.get(name));
        }
      }
    }),
    { numRuns: 600, ...seed() },
  );
});
