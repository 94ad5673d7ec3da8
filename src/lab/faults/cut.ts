// A pulled cable. Nothing passes and nobody is told: no FIN, no RST. What comes meanwhile is held, as a kernel would send it again.
// New calls are still taken, for this computer's own kernel takes them; but nothing passes on them either.

import type { Fault } from './fault.ts';

export const cut: Fault = {
  word: 'cut',
  example: 'cut',
  summary: 'pull the cable: nothing passes, and nobody is told',
  takes: 'nothing',
  apply: (before) => ({ ...before, cut: true }),
};
