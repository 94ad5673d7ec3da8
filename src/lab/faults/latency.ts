// A long line: every byte arrives later by the same time. It applies to bytes that arrive from now on.

import type { Fault } from './fault.ts';

export const latency: Fault = {
  word: 'latency',
  example: 'latency 200ms',
  summary: 'delay every byte by this time (0s: no delay)',
  takes: 'time',
  apply: (before, ms) => ({ ...before, latency: ms }),
};
