// No address may hold more of a resource than is still free.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Shares } from '../../src/exchange/limits.ts';
import { seed } from '../seed.ts';

/** Lets an address take one after another, as many as it can. @returns how many that were */
function takeAll(shares: Shares, address: string, used: number, limit: number): number {
  let taken = 0;
  while (shares.admits(address, 1, used + taken, limit)) {
    shares.add(address, 1);
    taken += 1;
  }
  return taken;
}

describe('admission', () => {
  test('one address gets half, the next half of the rest, and there is always room for another', () => {
    const shares = new Shares();
    let used = 0;
    const taken = ['a', 'b', 'c', 'd'].map((address) => {
      const count = takeAll(shares, address, used, 1000);
      used += count;
      return count;
    });
    expect(taken).toEqual([500, 250, 125, 62]);
  });

  test('counts what is to be taken twice: as held, and as no longer free', () => {
    const shares = new Shares();
    expect(shares.admits('a', 50, 0, 100)).toBe(true);
    expect(shares.admits('a', 51, 0, 100)).toBe(false);
    shares.add('a', 30);
    expect(shares.admits('a', 20, 30, 100)).toBe(true);
    expect(shares.admits('a', 21, 30, 100)).toBe(false);
  });

  test('what no address is known to hold is not free, and counts for no address', () => {
    const shares = new Shares();
    expect(shares.admits('a', 10, 80, 100)).toBe(true);
    expect(shares.admits('a', 11, 80, 100)).toBe(false);
  });

  test('an address that holds a lot gets nothing more when others have taken the rest', () => {
    const shares = new Shares();
    shares.add('a', 50);
    shares.add('b', 20);
    expect(shares.admits('a', 1, 70, 100)).toBe(false);
    expect(shares.admits('b', 5, 70, 100)).toBe(true);
  });

  test('is refused when more is used than there is: the limit may have been lowered', () => {
    const shares = new Shares();
    expect(shares.admits('a', 1, 100, 100)).toBe(false);
    expect(shares.admits('a', 1, 200, 100)).toBe(false);
    // An empty body needs no bytes.
    expect(shares.admits('a', 0, 200, 100)).toBe(true);
  });
});

describe('memory', () => {
  test('an address that holds nothing is not kept', () => {
    const shares = new Shares();
    shares.add('a', 0);
    expect(shares.size).toBe(0);
    shares.add('a', 3);
    shares.add('b', 1);
    expect(shares.size).toBe(2);
    shares.remove('a', 2);
    expect([shares.size, shares.held('a')]).toEqual([2, 1]);
    shares.remove('a', 1);
    expect([shares.size, shares.held('a')]).toEqual([1, 0]);
  });

  test('more than an address is known to hold can be removed: the rest belonged to no address', () => {
    const shares = new Shares();
    shares.remove('a', 5);
    shares.add('a', 2);
    shares.remove('a', 5);
    expect([shares.size, shares.held('a')]).toEqual([0, 0]);
    expect(shares.admits('a', 50, 0, 100)).toBe(true);
    expect(shares.admits('a', 51, 0, 100)).toBe(false);
  });
});

test('whatever is taken and given back, the rule holds and no address is locked out', () => {
  const step = fc.record({
    address: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    count: fc.nat(40),
    take: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), fc.integer({ min: 64, max: 500 }), (steps, limit) => {
      const shares = new Shares();
      const held = new Map<string, number>();
      const used = (): number => [...held.values()].reduce((sum, count) => sum + count, 0);
      for (const { address, count, take } of steps) {
        const before = held.get(address) ?? 0;
        if (take && shares.admits(address, count, used(), limit)) {
          shares.add(address, count);
          held.set(address, before + count);
          if (count > 0) expect(before + count).toBeLessThanOrEqual(limit - used());
        } else if (!take) {
          const back = Math.min(count, before);
          shares.remove(address, back);
          held.set(address, before - back);
        }
        for (const [name, amount] of held) expect(shares.held(name)).toBe(amount);
        expect(shares.size).toBe([...held.values()].filter((amount) => amount > 0).length);
        // Five addresses leave at least a 32nd of it free, and a newcomer gets half of that.
        expect(limit - used()).toBeGreaterThanOrEqual(Math.floor(limit / 32));
        expect(shares.admits('newcomer', Math.floor((limit - used()) / 2), used(), limit)).toBe(true);
      }
    }),
    seed(),
  );
});
