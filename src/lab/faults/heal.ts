// The cable is whole again and somebody takes calls: what was held passes on, in order. How slow the line is stays as it was.

import { type Fault, HEALTHY } from './fault.ts';

const { cut, stalled, listening, full, left } = HEALTHY;

export const heal: Fault = {
  word: 'heal',
  example: 'heal',
  summary: 'undo cut, stall, refuse, full, limit: what was held passes on',
  takes: 'nothing',
  apply: (before) => ({ ...before, cut, stalled, listening, full, left }),
};
