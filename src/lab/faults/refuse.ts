// Nobody listens any more: a new call is refused by the kernel. Connections that stand are left alone.

import type { Fault } from './fault.ts';

export const refuse: Fault = {
  word: 'refuse',
  example: 'refuse',
  summary: 'stop listening: new calls meet ECONNREFUSED',
  takes: 'nothing',
  apply: (before) => ({ ...before, listening: false, full: false }),
};
