// The cable is pulled in the middle of something: after so many bytes more.

import type { Fault } from './fault.ts';

export const limit: Fault = {
  word: 'limit',
  example: 'limit 500',
  summary: 'cut after so many bytes more, both directions together',
  takes: 'bytes',
  apply: (before, bytes) => ({ ...before, left: bytes }),
};
