// How often random and repeated tests run: a sample in `npm test`, all in `npm run test:all`.

import { inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** Is this `npm run test:all`? vitest.config.ts sets it. */
    readonly all: boolean;
  }
}

/** Is this `npm run test:all`, which leaves nothing out? */
export const ALL = inject('all');

/**
 * How many cases a random test tries: `CASES` from the environment, if it is set.
 * @param all otherwise, in `npm run test:all`
 * @param sample otherwise, in `npm test`
 */
export function cases(all: number, sample: number): number {
  return Number(process.env.CASES ?? (ALL ? all : sample));
}
