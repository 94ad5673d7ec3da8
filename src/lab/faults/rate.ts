// A thin line: so many bytes a second, in each direction of each connection.

import type { Fault } from './fault.ts';

export const rate: Fault = {
  word: 'rate',
  example: 'rate 64kB/s',
  summary: 'so many bytes a second each way (off: as fast as it goes)',
  takes: 'rate',
  apply: (before, bytes) => ({ ...before, rate: bytes }),
};
