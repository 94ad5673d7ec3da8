// A delay that varies. TCP keeps order, so nothing overtakes.

import type { Fault } from './fault.ts';

export const jitter: Fault = {
  word: 'jitter',
  example: 'jitter 50ms',
  summary: 'add a random delay of at most this (0s: none)',
  takes: 'time',
  apply: (before, ms) => ({ ...before, jitter: ms }),
};
