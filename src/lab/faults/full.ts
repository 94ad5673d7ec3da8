// A listener that takes no more calls: its backlog is full, so the kernel drops every further SYN and a caller waits. What
// stands goes on. full-backlog.ts does it; a caller who still waits when this ends gets in with the next SYN that its kernel sends.

import type { Fault } from './fault.ts';

export const full: Fault = {
  word: 'full',
  example: 'full',
  summary: 'fill the backlog: new calls hang, until accept or heal',
  takes: 'nothing',
  apply: (before) => ({ ...before, listening: true, full: true }),
};
