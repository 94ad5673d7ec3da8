// The cable is whole again and connections are accepted. What was held passes on, in order. Latency, jitter, rate and slice stay as they
// were.

import { type Fault, HEALTHY } from './fault.ts';

const { cut, stalled, listening, full, left } = HEALTHY;

export const heal: Fault = {
  word: 'heal',
  example: 'heal',
  summary: 'undo cut, stall, refuse, full, limit: what was held passes on',
  takes: 'nothing',
  apply: (before) => ({ ...before, cut, stalled, listening, full, left }),
};
