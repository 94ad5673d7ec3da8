// One machine whose power is cut again and again. After each cut, everything that a client was told must be true (ledger.ts).

import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Random, randomFrom } from '../lib/random.ts';
import { audit } from './audit.ts';
import type { Repeat } from './clients.ts';
import { readFacts } from './facts.ts';
import type { Plan } from './guest.ts';
import { type Found, Ledger } from './ledger.ts';
import type { Lie } from './lies.ts';
import { Machine, MOUNT_POINT, type Writeback } from './machine.ts';
import { SPEED } from './sizes.ts';

/** How a trial is run. */
export interface TrialOptions {
  /** An empty folder for this trial alone. */
  readonly dir: string;
  readonly seed: number;
  /** The compiled guest.ts. */
  readonly guest: string;
  readonly lie?: Lie;
  /** Called with the number of cuts that were survived. */
  readonly progress: (survived: number) => void;
}

/** The longest time that a guest may be silent, in milliseconds. */
const PATIENCE_MS = 30_000;

/** The most characters that are shown of a guest's own report. */
const LONGEST = 600;

/** The name of the log's folder. */
const LOG = 'log';
/** The names of the senders. */
const SENDERS = ['alice', 'dave', 'erin'];
/** The most messages that a sender repeats after a start. */
const REPEATS = 20;
/** With this many messages in a mailbox that is rarely collected, it is collected. */
const MUCH = 100;
/** With this many messages in all mailboxes together, little is sent. */
const TOO_MUCH = 400;

/** The result of a trial. */
export class Tally {
  cuts = 0;
  /** Cuts while the log was being opened. */
  opening = 0;
  /** Cuts while senders were busy. */
  busy = 0;
  /** Cuts after a relay was killed and another had begun. */
  killed = 0;
  /** Cuts after which everything was there. */
  good = 0;
  /** What the clients were told. */
  readonly ledger = new Ledger();
  /** The most messages that were held after a cut. */
  held = 0;
  checkpoints = 0;
  moves = 0;
  freed = 0;
  /** Openings at which a commit that was never durable was cut off. */
  torn = 0;
  /** What was lost or wrong. The first ends the trial. */
  readonly violations: string[] = [];
}

/** A trial. */
export class Trial {
  readonly #options: TrialOptions;
  readonly #tally = new Tally();
  readonly #random: Random;
  readonly #machine: Machine;
  readonly #since = Date.now();
  // What was there after the last cut.
  #found: Found | undefined;
  #runs = 0;
  // Has a sender been told STORED since the relay opened the log? From then on all senders have something under way.
  #going = false;
  // The counts since the log was opened.
  #counted = { checkpoints: 0, moves: 0, freed: 0 };
  // How many runs of the program have begun, and how many have opened the log, since this boot.
  #begun = 0;
  #opened = 0;
  #console: string[] = [];
  #wake = (): void => {};

  constructor(options: TrialOptions) {
    this.#options = options;
    this.#random = randomFrom(options.seed);
    this.#machine = new Machine(options.dir);
  }

  /** Cuts the power this many times, or until something is wrong. */
  async run(cuts: number): Promise<Tally> {
    const tally = this.#tally;
    try {
      for (let cut = 1; cut <= cuts && tally.violations.length === 0; cut++) {
        await this.#boot();
        if (tally.violations.length === 0) this.#options.progress(cut);
      }
    } finally {
      await this.#machine.cut();
    }
    return tally;
  }

  // By the relay's clock, in milliseconds.
  get #now(): number {
    return this.#since + (Date.now() - this.#since) * SPEED;
  }

  async #boot(): Promise<void> {
    const tally = this.#tally;
    const random = this.#random;
    const killed = random.next() < 0.2;
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
    const opening = random.next() < 0.15;
    await this.#until(() => this.#begun === plans.length);
    if (opening) await pause(random.whole(0, 300));
    else {
      await this.#until(() => this.#opened === this.#begun);
      await this.#work();
    }
    await this.#machine.cut();
    if (tally.violations.length > 0) return;
    await this.#machine.repair();
    tally.cuts += 1;
    if (killed) tally.killed += 1;
    if (this.#opened < this.#begun) tally.opening += 1;
    else if (this.#going) tally.busy += 1;
    await this.#look();
  }

  // Waits until a random number of messages is stored, or for a random time. Usually both count from the first STORED.
  async #work(): Promise<void> {
    const { ledger } = this.#tally;
    if (this.#random.next() < 0.85) await this.#until(() => this.#going);
    const enough = ledger.stored + this.#random.whole(0, 4000);
    const until = performance.now() + this.#random.whole(0, 4000);
    await this.#until(() => ledger.stored >= enough, until);
  }

  // Opens a copy of what is left and compares it with what clients were told.
  async #look(): Promise<void> {
    const { ledger } = this.#tally;
    const copy = mkdtempSync(join(this.#options.dir, 'copy-'));
    try {
      if (this.#machine.copy(LOG, copy)) {
        this.#found = await audit(join(copy, LOG));
        ledger.judge(this.#found, this.#now);
        this.#tally.held = Math.max(this.#tally.held, this.#found.held.length);
      } else if (ledger.stored > 0) this.#violation('the log is gone');
    } catch (error) {
      this.#violation(error instanceof Error ? error.message : String(error));
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
    for (const violation of ledger.violations.splice(0, 3)) this.#violation(violation);
    if (this.#tally.violations.length === 0) this.#tally.good += 1;
  }

  #plan(killed: boolean): Plan {
    const random = this.#random;
    const { lie } = this.#options;
    const from = random.next() < 0.25 ? 'begin' : 'open';
    this.#runs += 1;
    const held = this.#found?.held ?? [];
    const waits = (name: string): boolean => held.filter(({ to }) => to === name).length > MUCH;
    const drained = ['away', 'news'].filter((name) => waits(name) || random.next() < 0.2);
    return {
      dir: `${MOUNT_POINT}/${LOG}`,
      seed: random.whole(0, 2 ** 31),
      run: this.#runs,
      since: this.#since,
      window: held.length > TOO_MUCH ? 1 : random.pick([1, 8, 64, 64]),
      repeats: Object.fromEntries(SENDERS.map((name) => [name, this.#repeats(name)])),
      drained: [...drained, `w-${random.whole(1, 3)}`],
      ...(killed ? { kill: { from, ms: random.whole(0, from === 'begin' ? 300 : 700) } } : {}),
      ...(lie === undefined ? {} : { lie }),
    };
  }

  #repeats(name: string): Repeat[] {
    const recent = this.#tally.ledger.recent(name);
    const count = recent.length === 0 ? 0 : this.#random.whole(0, REPEATS);
    const picked = Array.from({ length: count }, () => this.#random.pick(recent));
    return [...new Set(picked)].map(({ id, to, size, ttl, notify }) => ({ id, to, size, ttl, notify }));
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
    if (kind === 'B') this.#begun += 1;
    else if (kind === 'V') {
      this.#opened = this.#begun;
      this.#going = false;
      this.#counted = { checkpoints: 0, moves: 0, freed: 0 };
    } else if (kind === 'F') this.#told(rest);
    else if (kind === 'C') this.#count(rest.split(' ').map(Number));
    else if (kind === 'T') tally.torn += 1;
    else if (kind === 'N') this.#violation(`the relay says: ${rest}`);
    else if (kind === 'X') this.#violation(rest.slice(0, LONGEST));
    else this.#console.push(line);
    this.#wake();
  }

  #told(facts: string): void {
    const { ledger } = this.#tally;
    for (const fact of readFacts(facts)) {
      if (fact.kind === 'stored') this.#going = true;
      ledger.take(fact, this.#now);
    }
    for (const violation of ledger.violations.splice(0, 3)) this.#violation(violation);
  }

  #count([checkpoints = 0, moves = 0, freed = 0]: readonly number[]): void {
    const before = this.#counted;
    this.#tally.checkpoints += checkpoints - before.checkpoints;
    this.#tally.moves += moves - before.moves;
    this.#tally.freed += freed - before.freed;
    this.#counted = { checkpoints, moves, freed };
  }

  #violation(text: string): void {
    this.#tally.violations.push(`after ${this.#tally.cuts} power cuts: ${text}`);
  }
}
