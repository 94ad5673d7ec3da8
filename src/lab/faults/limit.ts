// Pulls the cable in the middle of something: after a given number of bytes.

import type { Fault } from './fault.ts';

export const limit: Fault = {
  word: 'limit',
  example: 'limit 500',
  summary: 'cut after this many more bytes, both directions together',
  takes: 'bytes',
  apply: (before, bytes) => ({ ...before, left: bytes }),
};
