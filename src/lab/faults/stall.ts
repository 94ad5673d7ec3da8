// Nothing passes in one direction while the other goes on: SEND arrives and its answer does not, or the other way round.

import type { Fault } from './fault.ts';

export const stall: Fault = {
  word: 'stall',
  example: 'stall down',
  summary: 'nothing passes in one direction (up: to --to, down: back)',
  takes: 'direction',
  apply: (before, direction) => ({ ...before, stalled: new Set([...before.stalled, direction]) }),
};
