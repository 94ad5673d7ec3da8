// What is said while `send --patient` waits for the kernel to decide a connect: live on a terminal, and at the end how long it took.

import { systemClock, type Timer } from '../../core/clock.ts';
import type { Event } from '../../core/event.ts';
import { patienceSeconds, sentSyns, synRetries } from '../../net/proc-net-tcp.ts';
import { obeysEscapes, statusLine } from './output.ts';
import { ms } from './report.ts';

/** How often the live line is redrawn, in milliseconds. */
const EVERY_MS = 500;

/** How long a system tries according to its documentation. Linux itself is asked instead. */
const DOCUMENTED: Partial<Record<NodeJS.Platform, string>> = {
  darwin: ': 75 s according to its documentation',
  win32: ': 21 s according to its documentation',
};

/** Narrates the connects of one process, one after the other. */
export class Connecting {
  readonly #step: (what: string, more: string) => void;
  #began = 0;
  #timer: Timer | undefined;
  #drawn = false;

  /** @param step says one step, on a line of its own */
  constructor(step: (what: string, more: string) => void) {
    this.#step = step;
  }

  /** Takes an event, and says it if it is about a connect. */
  tell(event: Event): void {
    if (event.event === 'connecting') this.#begin();
    else if (event.event === 'connected') this.over();
    else if (event.event === 'broken' && event.syscall === 'connect') {
      this.over();
      this.#step(event.code, `the kernel decided that, after ${ms(performance.now() - this.#began)}`);
    }
  }

  /** Stops the live line and wipes it. */
  over(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#drawn) statusLine('');
    this.#drawn = false;
  }

  #begin(): void {
    this.over();
    this.#began = performance.now();
    this.#step('connecting', `until the kernel gives up${patienceText()}`);
    if (obeysEscapes(process.stderr)) this.#watch();
  }

  // A line that is redrawn in place.
  #watch(): void {
    this.#timer = systemClock.after(EVERY_MS, () => {
      const sent = sentSyns();
      const syns = sent === undefined ? '' : `; SYNs sent: ${sent}`;
      const line = `  ${ms(performance.now() - this.#began).padStart(8)}  no answer yet${syns}`;
      statusLine(line);
      this.#drawn = true;
      this.#watch();
    });
  }
}

function patienceText(): string {
  const retries = synRetries();
  if (retries === undefined) return DOCUMENTED[process.platform] ?? '';
  return `: ${patienceSeconds(retries)} s or more`;
}
