// RST to both sides of every connection, at once. What was on its way is lost. New calls are taken as before.

import type { Fault } from './fault.ts';

export const reset: Fault = {
  word: 'reset',
  example: 'reset',
  summary: 'RST to both sides of every connection; what is held is lost',
  strike: 'reset',
  takes: 'nothing',
  apply: (before) => before,
};
