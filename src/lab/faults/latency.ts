// A long way: every byte arrives later, none is slower than another. It holds for bytes that come from now on.

import type { Fault } from './fault.ts';

export const latency: Fault = {
  word: 'latency',
  example: 'latency 200ms',
  summary: 'delay every byte by this much (0s: not at all)',
  takes: 'time',
  apply: (before, ms) => ({ ...before, latency: ms }),
};
