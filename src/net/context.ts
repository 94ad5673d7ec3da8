// What all connections of one process share: where events go, where time comes from, and their numbers.

import type { Clock } from '../core/clock.ts';
import type { Emit } from '../core/event.ts';

/** What every connection of a process is given. */
export interface NetContext {
  /** Takes what happens; undefined if nobody wants to know: then no event is made. */
  readonly emit: Emit | undefined;
  /** Writes what was emitted to where it is kept. Called before the frames that it speaks of leave this process. */
  flush(): void;
  readonly clock: Clock;
  /** Report each frame as an event? Off on a hot path. */
  readonly frames: boolean;
  /** Numbers the connections of the process from 1. */
  nextNumber(): number;
}

/** Makes the context of one process. */
export function netContext<E extends Emit | undefined>(
  emit: E,
  clock: Clock,
  frames: boolean,
  flush: () => void = () => {},
): NetContext & { readonly emit: E } {
  let last = 0;
  return {
    emit,
    flush,
    clock,
    frames,
    nextNumber() {
      last += 1;
      return last;
    },
  };
}
