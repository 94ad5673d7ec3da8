// The end of `refuse` and `full`, and of nothing else.

import type { Fault } from './fault.ts';

export const accept: Fault = {
  word: 'accept',
  example: 'accept',
  summary: 'listen again, and take calls',
  takes: 'nothing',
  apply: (before) => ({ ...before, listening: true, full: false }),
};
