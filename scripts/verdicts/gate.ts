// Freezes one program within a process that goes on: whatever the program would do next waits at a gate.

import { type Clock, systemClock } from '../../src/core/clock.ts';

/** Delays actions while it is closed. It starts open. */
export class Gate {
  #closed = false;
  #waiting: (() => void)[] = [];

  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
  }

  /** Opens the gate and runs what waits, in order. */
  open(): void {
    this.#closed = false;
    for (const go of this.#waiting.splice(0)) go();
  }

  /** Runs `go` now, or when the gate is opened. */
  pass(go: () => void): void {
    if (this.#closed) this.#waiting.push(go);
    else go();
  }
}

/** A clock whose timers fire late while the gate is closed. @param ahead how far its wall clock is ahead, in milliseconds */
export const gatedClock = (gate: Gate, ahead = 0): Clock => ({
  monotonic: () => systemClock.monotonic(),
  epoch: () => systemClock.epoch() + ahead,
  after: (ms, fire) => systemClock.after(ms, () => gate.pass(fire)),
});
