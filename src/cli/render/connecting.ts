// What is said while a send connects. With --patient the kernel decides, and what it does is shown: live on a terminal, and at the end how
// long it took. Otherwise only the addresses of a name that has several are shown, because detour divides its time among them.

import { systemClock, type Timer } from '../../core/clock.ts';
import type { Event } from '../../core/event.ts';
import { ms } from '../../core/units.ts';
import { patienceSeconds, sentSyns, synRetries } from '../../net/proc-net-tcp.ts';
import { obeysEscapes, statusLine } from './output.ts';

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
  readonly #patient: boolean;
  /** The address that is being tried, of a name that has several; else empty. */
  #address = '';
  /** Does the name have more addresses, which will be tried if this one fails? */
  more = false;
  #began = 0;
  #timer: Timer | undefined;
  #drawn = false;

  /**
   * @param step says one step, on a line of its own
   * @param patient does the kernel decide how long a connect may take?
   */
  constructor(step: (what: string, more: string) => void, patient: boolean) {
    this.#step = step;
    this.#patient = patient;
  }

  /** Takes an event, and says it if it is about a connect. */
  tell(event: Event): void {
    if (event.event === 'resolving' && this.#patient) this.#step('looking up', event.host);
    else if (event.event === 'connecting') this.#begin(event);
    else if (event.event === 'connected') this.over();
    else if (event.event === 'gave_up')
      this.#step(
        'next address',
        `${this.#address} gave no answer for ${ms(event.ms)}. That is detour's decision: the kernel would try longer`,
      );
    else if (event.event === 'broken' && event.syscall === 'connect') this.#failed(event.code);
  }

  /** Stops the live line and wipes it. */
  over(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#drawn) statusLine('');
    this.#drawn = false;
  }

  #begin({ address, nth = 1, of = 1 }: Extract<Event, { event: 'connecting' }>): void {
    this.over();
    this.#began = performance.now();
    this.more = nth < of;
    this.#address = of > 1 ? (address ?? '') : '';
    const which = of > 1 ? `${this.#address}, address ${nth} of ${of}` : '';
    if (this.#patient) {
      this.#step('connecting', `${which && `${which}, `}until the kernel gives up${patienceText()}`);
      if (obeysEscapes(process.stderr)) this.#watch();
    } else if (which !== '') this.#step('connecting', which);
  }

  #failed(code: string): void {
    this.over();
    const after = `after ${ms(performance.now() - this.#began)}`;
    const where = this.#address && `${this.#address}: `;
    if (this.#patient) this.#step(code, `${where}the kernel decided that, ${after}`);
    else if (where !== '') this.#step(code, where + after);
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
