// Stops listening: the kernel refuses new connections. Open connections are left alone.

import type { Fault } from './fault.ts';

export const refuse: Fault = {
  word: 'refuse',
  example: 'refuse',
  summary: 'stop listening: new calls get ECONNREFUSED',
  takes: 'nothing',
  apply: (before) => ({ ...before, listening: false, full: false }),
};
