// The end of `refuse`, and of nothing else.

import type { Fault } from './fault.ts';

export const accept: Fault = {
  word: 'accept',
  example: 'accept',
  summary: 'listen again',
  takes: 'nothing',
  apply: (before) => ({ ...before, listening: true }),
};
