// One run: it sets up a world, sends the message, lets the faults strike where the schedule wants them, mends and drains everything, and
// then compares what really happened with what the sender was told.

import type { Emit, Recorded } from '../../src/core/event.ts';
import type { Random } from '../lib/random.ts';
import { Detour } from './detour.ts';
import { Direct } from './direct.ts';
import { judge, type Said, type Truth } from './oracle.ts';
import type { Parts } from './parts.ts';
import { type Blow, DEADLINE_MS, NETWORK, type Phase, type Schedule } from './plan.ts';
import { pause, type Setting, type World } from './world.ts';

/** The result of one run. */
export interface Result {
  readonly schedule: Schedule;
  /** Was the phase reached, and did the fault strike? */
  readonly struck: boolean;
  /** What the sender of the subject concluded; undefined if there was no sender any more. */
  readonly said: Said | undefined;
  /** Did the receiving program handle the subject, sooner or later? */
  readonly handled: boolean;
  /** What was wrong, one text each. */
  readonly lies: readonly string[];
}

/** A run that takes longer than this many milliseconds hangs. */
const LIMIT_MS = 40_000;

/** Makes one run. @param record called with every event, if given */
export async function perform(
  parts: Parts,
  schedule: Schedule,
  random: Random,
  record?: (event: Recorded) => void,
): Promise<Result> {
  const play = new Play(parts, schedule, random, record);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it hangs: ${play.stage}`)), LIMIT_MS);
  });
  try {
    return await Promise.race([play.run(), late]);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return {
      schedule,
      struck: play.struck,
      said: undefined,
      handled: false,
      lies: [`the run failed: ${why}`],
    };
  } finally {
    clearTimeout(timer);
  }
}

class Play {
  readonly #schedule: Schedule;
  readonly #random: Random;
  readonly #setting: Setting;
  #world: World | undefined;
  #mending: Promise<void> = Promise.resolve();
  #failure: unknown;
  /** May the faults strike? Not during the warm-up message, and not after the sender has concluded. */
  #ready = false;
  struck = false;
  /** How far the run is, for error messages. */
  stage = 'beginning';

  constructor(parts: Parts, schedule: Schedule, random: Random, record?: (event: Recorded) => void) {
    this.#schedule = schedule;
    this.#random = random;
    const emitOf = (actor: string): Emit =>
      record === undefined
        ? () => {}
        : (event) => record({ ...event, time: new Date().toISOString(), actor, pid: process.pid });
    this.#setting = {
      parts,
      schedule,
      random,
      subject: `subject-${schedule.name.replace(/\D.*/, '')}`,
      reach: (phase) => this.#reach(phase),
      pending: () => this.#ready && !this.struck,
      emitOf,
    };
  }

  async run(): Promise<Result> {
    const world = await (this.#schedule.mode === 'sync' ? Direct : Detour).start(this.#setting);
    this.#world = world;
    try {
      await this.#send(world);
      this.stage = 'mending';
      await pause(this.#random.whole(0, 20));
      await this.#mending;
      if (this.#failure !== undefined) throw this.#failure;
      // Sometimes the network never comes back: what it still holds is lost.
      if (this.#random.next() < 0.5) world.network.strike('reset');
      await world.mend(true);
      this.stage = 'draining';
      await world.settle();
      return this.#result(world);
    } finally {
      this.stage += ', closing';
      await world.close();
    }
  }

  async #send(world: World): Promise<void> {
    const { phase, mode, blows } = this.#schedule;
    const random = this.#random;
    // Some faults strike before there is a connection, the others on an open one.
    const cold = phase === 'connect' || phase === 'before' || (phase === 'storm' && random.next() < 0.5);
    this.stage = 'the message before';
    if (!cold) await world.warm();
    this.#ready = true;
    const large = random.next() < 0.06 ? random.whole(5_000, 60_000) : random.whole(0, 200);
    const body = Buffer.alloc(large, 'x');
    if (mode !== 'wait' && phase === 'before') {
      this.#reach('before');
      await pause(random.whole(0, 15));
    }
    const timers = blows
      .filter(({ at }) => at !== undefined)
      .map((blow) => setTimeout(() => this.#strike(blow), blow.at));
    this.stage = 'sending';
    // In one turn of the event loop, so the sender cannot have noticed the fault yet.
    if (phase === 'greeted') this.#reach('greeted');
    await world.send(body);
    for (const timer of timers) clearTimeout(timer);
    if (mode !== 'wait' && phase === 'after') this.#reach('after');
    this.#ready = false;
  }

  #reach(phase: Phase): void {
    if (this.struck || !this.#ready || phase !== this.#schedule.phase) return;
    for (const blow of this.#schedule.blows) if (blow.at === undefined) this.#strike(blow);
    // Otherwise what is held stays held until everything is mended.
    const after = this.#random.whole(0, 10);
    if (this.#random.next() < 0.75) setTimeout(() => this.#world?.network.release(), after);
  }

  #strike({ fault, back }: Blow): void {
    const world = this.#world;
    if (world === undefined) return;
    this.struck = true;
    if (NETWORK.has(fault)) world.network.strike(fault);
    else world.strike(fault);
    // The first two come back changed, and a sender that is frozen for ever concludes nothing.
    const until =
      fault === 'full later' || fault === 'forgets'
        ? Math.min(back ?? 40, 100)
        : fault === 'freeze sender'
          ? (back ?? 2 * DEADLINE_MS[this.#schedule.mode])
          : back;
    if (until === undefined) return;
    const waited = pause(until);
    // One after another, because each may start what is not running.
    this.#mending = this.#mending
      .then(() => waited)
      .then(() => world.mend(false))
      .catch((error: unknown) => {
        this.#failure ??= error;
      });
  }

  #result(world: World): Result {
    const { subject } = this.#setting;
    const truth: Truth = {
      route: this.#schedule.mode === 'sync' ? 'sync' : 'async',
      forgotten: this.#schedule.blows.some(({ fault }) => fault === 'forgets'),
      inOrder: true,
      said: world.said,
      handled: world.handled,
    };
    return {
      schedule: this.#schedule,
      struck: this.struck,
      said: world.said.find(({ id }) => id === subject),
      handled: world.handled.some(({ id }) => id === subject),
      lies: judge(truth),
    };
  }
}
