// One machine whose power is cut again and again, and what must be there each time: everything that was ever acknowledged, in order, with
// its bytes, and nothing that was deleted.

import { setTimeout as pause } from 'node:timers/promises';
import { type Random, randomFrom } from '../lib/random.ts';
import type { Plan } from './guest.ts';
import { digest, History } from './history.ts';
import type { Lie } from './lies.ts';
import { Machine, MOUNT_POINT, type Writeback } from './machine.ts';

/** How a trial is run. */
export interface TrialOptions {
  /** An empty folder of its own. */
  readonly dir: string;
  readonly seed: number;
  /** The compiled guest.ts. */
  readonly guest: string;
  readonly lie?: Lie;
  /** Is called with the number of cuts that were survived. */
  readonly progress: (survived: number) => void;
}

/** Nothing that a guest says next may take longer, in milliseconds. */
const PATIENCE_MS = 30_000;

/** So much is shown of what a guest says about itself, in characters. */
const LONGEST = 600;

/** What a trial came to. */
export class Tally {
  cuts = 0;
  /** Cuts while the log was being opened; while the program was appending; after a program was killed and another had begun. */
  opening = 0;
  appending = 0;
  killed = 0;
  /** Openings after which everything was there. */
  good = 0;
  acknowledged = 0;
  checkpoints = 0;
  moves = 0;
  freed = 0;
  /** Openings at which a commit was cut off that was never durable. */
  torn = 0;
  /** What was lost or wrong. The first ends the trial. */
  readonly violations: string[] = [];
}

/** A trial. */
export class Trial {
  readonly #options: TrialOptions;
  readonly #tally = new Tally();
  readonly #random: Random;
  readonly #history: History;
  readonly #machine: Machine;
  // Every entry up to it must be there for ever.
  #acknowledged = 0;
  // Has the program acknowledged anything since it opened the log? From then on it always has entries outstanding.
  #going = false;
  // Since the log was opened.
  #counted = { checkpoints: 0, moves: 0, freed: 0 };
  // How many runs of the program have begun, and have opened the log, in this boot.
  #begun = 0;
  #opened = 0;
  #console: string[] = [];
  #wake = (): void => {};

  constructor(options: TrialOptions) {
    this.#options = options;
    this.#random = randomFrom(options.seed);
    this.#history = new History(options.seed);
    this.#machine = new Machine(options.dir);
  }

  /** Cuts the power so many times, or until something is wrong, and looks once more after the last cut. */
  async run(cuts: number): Promise<Tally> {
    const tally = this.#tally;
    try {
      for (let cut = 0; cut <= cuts && tally.violations.length === 0; cut++) {
        await this.#boot(cut === cuts);
        if (tally.violations.length === 0) this.#options.progress(cut);
      }
    } finally {
      await this.#machine.cut();
    }
    tally.acknowledged = this.#acknowledged;
    return tally;
  }

  async #boot(last: boolean): Promise<void> {
    const tally = this.#tally;
    const random = this.#random;
    const killed = !last && random.next() < 0.2;
    this.#begun = 0;
    this.#opened = 0;
    this.#console = [];
    const plans = [...(killed ? [this.#plan(true)] : []), this.#plan(false)];
    this.#machine.boot({
      commands: plans.map(
        (plan) => `'${process.execPath}' '${this.#options.guest}' '${JSON.stringify(plan)}'`,
      ),
      writeback: random.pick<Writeback>(['never', 'never', 'usual', 'eager']),
      line: (line) => this.#heard(line),
    });
    const opening = !last && random.next() < 0.15;
    await this.#until(() => this.#begun === plans.length);
    if (opening) await pause(random.whole(0, 150));
    else {
      await this.#until(() => this.#opened === this.#begun);
      if (!last) await this.#work();
    }
    await this.#machine.cut();
    if (tally.violations.length > 0) return;
    await this.#machine.repair();
    if (last) return;
    tally.cuts += 1;
    if (killed) tally.killed += 1;
    if (this.#opened < this.#begun) tally.opening += 1;
    else if (this.#going) tally.appending += 1;
  }

  // Until so many entries are acknowledged, or for a while if that is over first.
  async #work(): Promise<void> {
    const enough = this.#acknowledged + this.#random.whole(0, 4000);
    const until = performance.now() + this.#random.whole(0, 1500);
    await this.#until(() => this.#acknowledged >= enough, until);
  }

  #plan(killed: boolean): Plan {
    const random = this.#random;
    const { seed, lie } = this.#options;
    const from = random.next() < 0.25 ? 'begin' : 'open';
    return {
      dir: `${MOUNT_POINT}/log`,
      seed,
      window: random.pick([1, 4, 64, 256]),
      checkpointEvery: random.whole(50, 500),
      ...(killed ? { kill: { from, ms: random.whole(0, from === 'begin' ? 150 : 500) } } : {}),
      ...(lie === undefined ? {} : { lie }),
    };
  }

  /** Waits for the guest. @throws Error if it says nothing for PATIENCE_MS, or its kernel ends */
  async #until(done: () => boolean, deadline?: number): Promise<void> {
    const patience = performance.now() + PATIENCE_MS;
    while (!done() && this.#tally.violations.length === 0) {
      const left = (deadline ?? patience) - performance.now();
      if (left <= 0 && deadline !== undefined) return;
      if (left <= 0 || !this.#machine.on)
        throw new Error(`the guest fell silent; its console: ${this.#console.slice(-10).join(' | ')}`);
      const timeout = new AbortController();
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const late = pause(Math.min(left, 500), undefined, { signal: timeout.signal }).catch(() => undefined);
      await Promise.race([woken, late]);
      timeout.abort();
    }
  }

  #heard(line: string): void {
    const tally = this.#tally;
    const [, kind, rest = ''] = /^@(\w) ?(.*)$/.exec(line) ?? [];
    const numbers = rest.split(' ').map(Number);
    if (kind === 'B') this.#begun += 1;
    else if (kind === 'V') this.#check(numbers);
    else if (kind === 'A') this.#went(numbers);
    else if (kind === 'T') tally.torn += 1;
    else if (kind === 'N') this.#violation(`the log says: ${rest}`);
    else if (kind === 'X')
      this.#violation(`entry ${this.#acknowledged} was acknowledged: ${rest.slice(0, LONGEST)}`);
    else this.#console.push(line);
    this.#wake();
  }

  #went([acknowledged = 0, checkpoints = 0, moves = 0, freed = 0]: readonly number[]): void {
    this.#acknowledged = acknowledged;
    this.#going = true;
    const before = this.#counted;
    this.#tally.checkpoints += checkpoints - before.checkpoints;
    this.#tally.moves += moves - before.moves;
    this.#tally.freed += freed - before.freed;
    this.#counted = { checkpoints, moves, freed };
  }

  // The guest has checked the bytes of what it found; here is checked that it found what it must.
  #check([last = 0, live = 0, found = 0, restores = 0]: readonly number[]): void {
    const expected = this.#history.liveAt(last);
    if (last < this.#acknowledged)
      this.#violation(`LOST: entry ${this.#acknowledged} was acknowledged, and the log ends at ${last}`);
    else if (live !== expected.length || found !== digest(expected))
      this.#violation(
        `after entry ${last} ${live} entries are live, not the ${expected.length} that must be`,
      );
    else if (restores > 1) this.#violation(`the newest checkpoint of ${restores} could not be read`);
    else this.#tally.good += 1;
    // What was found when the log was opened is durable, acknowledged or not.
    this.#acknowledged = last;
    this.#going = false;
    this.#counted = { checkpoints: 0, moves: 0, freed: 0 };
    this.#opened = this.#begun;
  }

  #violation(text: string): void {
    this.#tally.violations.push(`after ${this.#tally.cuts} power cuts: ${text}`);
  }
}
