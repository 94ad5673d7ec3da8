// What all connections of a process share: where events go, the clock, and the numbers of the connections.

import type { Clock } from '../core/clock.ts';
import type { Emit } from '../core/event.ts';

/** What every connection of a process gets. */
export interface NetContext {
  /** Takes events; undefined if nobody wants them, and then none are created. */
  readonly emit: Emit | undefined;
  /** Writes all emitted events to the log. Called before the frames that they report leave this process. */
  flush(): void;
  readonly clock: Clock;
  /** Is each frame reported as an event? False where speed matters. */
  readonly frames: boolean;
  /** How many connections have more to read than fits into one turn. */
  busy: number;
  /** The number of the next connection of this process, from 1. */
  nextNumber(): number;
}

/** Creates the context of one process. */
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
    busy: 0,
    nextNumber() {
      last += 1;
      return last;
    },
  };
}
