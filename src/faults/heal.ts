// The cable is whole again and somebody listens: what was held passes on, in order. How slow the line is stays as it was.

import { type Fault, HEALTHY } from './fault.ts';

const { cut, stalled, listening, left } = HEALTHY;

export const heal: Fault = {
  word: 'heal',
  example: 'heal',
  summary: 'undo cut, stall, refuse and limit: what was held passes on',
  takes: 'nothing',
  apply: (before) => ({ ...before, cut, stalled, listening, left }),
};
