// A slow line: at most this many bytes per second in each direction of each connection.

import type { Fault } from './fault.ts';

export const rate: Fault = {
  word: 'rate',
  example: 'rate 64kB/s',
  summary: 'at most this many bytes a second each way (off: no limit)',
  takes: 'rate',
  apply: (before, bytes) => ({ ...before, rate: bytes }),
};
