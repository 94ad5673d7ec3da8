// The link of one run: its faults, and how it holds bytes where the schedule wants them until the fault has struck.

import { systemClock } from '../../src/core/clock.ts';
import type { Emit } from '../../src/core/event.ts';
import { type Conditions, HEALTHY } from '../../src/lab/faults/fault.ts';
import { FAULTS } from '../../src/lab/faults/faults.ts';
import { type Link, type LinkCommand, startLink } from '../../src/lab/faults/link.ts';
import { OWN_ADDRESS } from '../../src/lab/stage/address.ts';
import type { Random } from '../lib/random.ts';
import type { FaultName } from './plan.ts';
import { onPort } from './ports.ts';

type Change = (before: Conditions) => Conditions;

/** How each fault of the network changes its conditions. */
type Making = Partial<Record<FaultName, (random: Random, deadline: number) => Change>>;

const stall = (direction: 'up' | 'down'): Change => {
  return (before) => ({ ...before, stalled: new Set([...before.stalled, direction]) });
};

/** How long connections may take to close, in milliseconds. Each lingers for at most 2 s, a few in a row, and this process is busy. */
const QUIET_MS = 12_000;

/** A link, and how it is broken and mended. */
export class Network {
  readonly link: Link;
  readonly #strikes: ReadonlyMap<string, LinkCommand['fault']>;
  readonly #random: Random;
  readonly #deadline: number;
  #broken: Change[] = [];
  #holding = false;
  #last: Promise<void> = Promise.resolve();

  private constructor(link: Link, random: Random, deadline: number) {
    this.link = link;
    this.#random = random;
    this.#deadline = deadline;
    this.#strikes = new Map(FAULTS.map((fault) => [fault.word, fault]));
  }

  /** Starts a link to the server on port `to`. @param cut called when a limit is used up */
  static async start(
    to: number,
    random: Random,
    deadline: number,
    emit: Emit,
    cut: () => void,
  ): Promise<Network> {
    const link = await onPort((port) =>
      startLink({
        host: OWN_ADDRESS,
        port,
        to: { host: OWN_ADDRESS, port: to },
        clock: systemClock,
        random: () => random.next(),
        emit: (event) => {
          emit(event);
          if (event.event === 'fault' && event.fault === 'cut' && event.value === 'limit') cut();
        },
      }),
    );
    return new Network(link, random, deadline);
  }

  /** Holds bytes until `release`: those of one direction, or all after this many more. */
  hold(how: 'up' | 'down' | number): void {
    this.#holding = true;
    this.#command('stall', typeof how === 'number' ? (before) => ({ ...before, left: how }) : stall(how));
  }

  /** Breaks it. What is held stays held. */
  strike(fault: FaultName): void {
    const change = MAKING[fault]?.(this.#random, this.#deadline);
    // Filling the backlog takes time and affects only new connections.
    if (fault === 'full') this.release();
    if (change === undefined) throw new RangeError(`${fault} is not the network's`);
    this.#broken.push(change);
    const word = fault === 'reset, refuse' ? 'reset' : fault;
    // While something is held, the release would overwrite the limit, so the limit counts from the release.
    this.#command(word, fault === 'limit' && this.#holding ? (before) => before : change);
  }

  /** Stalls both directions, as in front of a frozen program. */
  freeze(): void {
    const change: Change = (before) => stall('up')(stall('down')(before));
    this.#broken.push(change);
    this.#command('stall', change);
  }

  /** Releases what was held, as far as the faults allow. */
  release(): void {
    if (!this.#holding) return;
    this.#holding = false;
    const broken = this.#broken;
    this.#command('accept', () => broken.reduce((before, change) => change(before), HEALTHY));
  }

  /** Mends everything. */
  async heal(): Promise<void> {
    this.#holding = false;
    this.#broken = [];
    this.#command('heal', () => HEALTHY);
    await this.#last;
  }

  /** Resolves when no connection is open. @throws Error if one is still open after QUIET_MS */
  async quiet(): Promise<void> {
    const until = performance.now() + QUIET_MS;
    while (this.link.counts().connections > 0) {
      if (performance.now() > until)
        throw new Error(`connections are open that nobody needs: ${JSON.stringify(this.link.counts())}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  // One command after another. A command that does not have to listen again takes effect before the next byte can arrive.
  #command(word: string, apply: Change): void {
    const strike = this.#strikes.get(word)?.strike;
    const command: LinkCommand = { fault: strike === undefined ? { word } : { word, strike }, apply };
    this.#last = this.#last.then(() => this.link.obey(command)).catch(() => this.#again());
  }

  // The kernel may not have released the port yet.
  async #again(): Promise<void> {
    for (let tries = 1; tries <= 50; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      const done = await this.link
        .obey({ fault: { word: 'accept' }, apply: (before) => ({ ...before, listening: true }) })
        .then(
          () => true,
          () => false,
        );
      if (done) return;
    }
    throw new Error(`the link cannot listen on ${this.link.port} again`);
  }
}

const simple = (word: FaultName): Change => {
  const fault = FAULTS.find((one) => one.word === word);
  if (fault?.takes !== 'nothing') throw new RangeError(`${word} is not a fault without a value`);
  return fault.apply;
};
const MAKING: Making = {
  cut: () => simple('cut'),
  reset: () => simple('reset'),
  close: () => simple('close'),
  refuse: () => simple('refuse'),
  full: () => simple('full'),
  'reset, refuse': () => simple('refuse'),
  'stall up': () => stall('up'),
  'stall down': () => stall('down'),
  limit: (random) => {
    const left = random.next() < 0.5 ? random.whole(1, 30) : random.whole(1, 300);
    return (before) => ({ ...before, left });
  },
  latency: (random, deadline) => {
    const latency = random.whole(5, 1.5 * deadline);
    return (before) => ({ ...before, latency });
  },
  rate: (random) => {
    const rate = random.whole(100, 3000);
    return (before) => ({ ...before, rate });
  },
};
