// Sends RST to both sides of every connection immediately. What was on its way is lost. New connections are accepted as before.

import type { Fault } from './fault.ts';

export const reset: Fault = {
  word: 'reset',
  example: 'reset',
  summary: 'RST to both sides of every connection; what is held is lost',
  strike: 'reset',
  takes: 'nothing',
  apply: (before) => before,
};
