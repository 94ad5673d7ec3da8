// Undoes `refuse` and `full`, and nothing else.

import type { Fault } from './fault.ts';

export const accept: Fault = {
  word: 'accept',
  example: 'accept',
  summary: 'listen again, and take new calls',
  takes: 'nothing',
  apply: (before) => ({ ...before, listening: true, full: false }),
};
