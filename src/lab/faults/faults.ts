// All faults, in the order in which help shows them. To add one, add a file of the same shape and a line here.

import { accept } from './accept.ts';
import { close } from './close.ts';
import { cut } from './cut.ts';
import type { Fault } from './fault.ts';
import { full } from './full.ts';
import { heal } from './heal.ts';
import { jitter } from './jitter.ts';
import { latency } from './latency.ts';
import { limit } from './limit.ts';
import { rate } from './rate.ts';
import { refuse } from './refuse.ts';
import { reset } from './reset.ts';
import { slice } from './slice.ts';
import { stall } from './stall.ts';

/** All faults. */
export const FAULTS: readonly Fault[] = [
  cut,
  heal,
  reset,
  close,
  refuse,
  full,
  accept,
  stall,
  limit,
  latency,
  jitter,
  rate,
  slice,
];
