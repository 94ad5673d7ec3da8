// A way that is now longer, now shorter. TCP keeps order, so nothing overtakes.

import type { Fault } from './fault.ts';

export const jitter: Fault = {
  word: 'jitter',
  example: 'jitter 50ms',
  summary: 'and by chance up to so much later still (0s: none)',
  takes: 'time',
  apply: (before, ms) => ({ ...before, jitter: ms }),
};
