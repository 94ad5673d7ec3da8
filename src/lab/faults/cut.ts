// A pulled cable. Nothing passes and nobody is told: no FIN, no RST. What arrives meanwhile is held, because a kernel would retransmit it.
// New connections are still accepted, because this computer's own kernel accepts them; but nothing passes on them either.

import type { Fault } from './fault.ts';

export const cut: Fault = {
  word: 'cut',
  example: 'cut',
  summary: 'pull the cable: nothing passes, and nobody is told',
  takes: 'nothing',
  apply: (before) => ({ ...before, cut: true }),
};
