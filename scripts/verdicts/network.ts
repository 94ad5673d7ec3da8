// The link of one run: its faults, and what holds the bytes where the schedule wants them until the fault has struck.

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

/** What faults of the network make of its conditions. */
type Making = Partial<Record<FaultName, (random: Random, deadline: number) => Change>>;

const stall = (direction: 'up' | 'down'): Change => {
  return (before) => ({ ...before, stalled: new Set([...before.stalled, direction]) });
};

/** Whoever leaves lingers for 2 s at the most, a few times in a row; and this process is busy. Milliseconds. */
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

  /** Sets it up before the server on `to`. @param cut called when a limit is used up */
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

  /** Holds bytes back until `release`: those of one direction, or those behind so many more. */
  hold(how: 'up' | 'down' | number): void {
    this.#holding = true;
    this.#command('stall', typeof how === 'number' ? (before) => ({ ...before, left: how }) : stall(how));
  }

  /** Breaks it. What is held stays held. */
  strike(fault: FaultName): void {
    const change = MAKING[fault]?.(this.#random, this.#deadline);
    // It takes its time, and touches only new calls.
    if (fault === 'full') this.release();
    if (change === undefined) throw new RangeError(`${fault} is not the network's`);
    this.#broken.push(change);
    const word = fault === 'reset, refuse' ? 'reset' : fault;
    // While something is held a limit would be overwritten by the release, and counts from there.
    this.#command(word, fault === 'limit' && this.#holding ? (before) => before : change);
  }

  /** Both directions stand still, as before a program that does. */
  freeze(): void {
    const change: Change = (before) => stall('up')(stall('down')(before));
    this.#broken.push(change);
    this.#command('stall', change);
  }

  /** Lets go what was held, as far as the faults let it. */
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

  /** Resolves when no connection stands. @throws Error if some do for longer than anybody lingers */
  async quiet(): Promise<void> {
    const until = performance.now() + QUIET_MS;
    while (this.link.counts().connections > 0) {
      if (performance.now() > until)
        throw new Error(`connections stand that nobody needs: ${JSON.stringify(this.link.counts())}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  // One order after the other. Without listening anew it is obeyed before the next byte can arrive.
  #command(word: string, apply: Change): void {
    const strike = this.#strikes.get(word)?.strike;
    const command: LinkCommand = { fault: strike === undefined ? { word } : { word, strike }, apply };
    this.#last = this.#last.then(() => this.link.obey(command)).catch(() => this.#again());
  }

  // The kernel may not have let go of the port yet.
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
  if (fault?.takes !== 'nothing') throw new RangeError(`${word} is not a fault that stands alone`);
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
