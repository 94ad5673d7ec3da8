// A listener whose backlog is full: the kernel drops every further SYN, and the client waits. Open connections go on.
// full-backlog.ts does it. A client that still waits when this ends gets in with the next SYN that its kernel sends.

import type { Fault } from './fault.ts';

export const full: Fault = {
  word: 'full',
  example: 'full',
  summary: 'fill the backlog: new calls hang, until accept or heal',
  takes: 'nothing',
  apply: (before) => ({ ...before, listening: true, full: true }),
};
