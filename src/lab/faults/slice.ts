// Small segments: one write of the sender becomes many reads of the receiver. TCP is a stream of bytes and keeps no borders, so this can
// happen on any network; a program that takes one read for one message works until it does.

import type { Fault } from './fault.ts';

export const slice: Fault = {
  word: 'slice',
  example: 'slice 3',
  summary: 'cut the stream into segments of this many bytes (off: whole)',
  takes: 'segment',
  apply: (before, bytes) => ({ ...before, slice: bytes }),
};
