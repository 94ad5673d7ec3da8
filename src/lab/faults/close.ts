// Sends FIN to both sides of every connection, after what is held. Whatever either side sends after that is dropped.

import type { Fault } from './fault.ts';

export const close: Fault = {
  word: 'close',
  example: 'close',
  summary: 'FIN to both sides of every connection, after what is held',
  strike: 'close',
  takes: 'nothing',
  apply: (before) => before,
};
