// Random numbers that come again: what a script draws, it draws again with the same --seed.

import { prng } from '../../src/core/prng.ts';

/** A source of random numbers. */
export interface Random {
  /** From 0 to below 1. */
  next(): number;
  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number;
  /** One of these. */
  pick<T>(from: readonly T[]): T;
}

/** Makes a source. @param seed a whole number */
export function randomFrom(seed: number): Random {
  const next = prng(seed);
  return {
    next,
    whole: (low, high) => low + Math.floor(next() * (high - low + 1)),
    pick(from) {
      const one = from[Math.floor(next() * from.length)];
      if (one === undefined) throw new RangeError('nothing to pick from');
      return one;
    },
  };
}
