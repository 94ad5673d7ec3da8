// The receiver that comes and goes: really started and really killed, according to the plan. What it handled is read from the log of its
// flight recorder, which also has what it could no longer print. When it was there is measured, because a program takes time to start.

import type { Recorded } from '../../core/event.ts';
import type { Actor } from '../stage/actor.ts';
import type { Stage } from '../stage/stage.ts';
import type { Presence } from './schedule.ts';
import type { Timeline } from './timeline.ts';

/** A message that the receiver handled, according to its log. */
export interface Shown {
  readonly id: string;
  readonly text: string;
  /** The sender's name. */
  readonly from: string;
  /** Milliseconds since the beginning. */
  readonly at: number;
}

/** How a receiver is started, and from when on it can be reached. */
export interface Role {
  readonly name: string;
  readonly args: readonly string[];
  /** Resolves with the event from which on the receiver can be reached. @throws DetourError `stage` if it does not come */
  ready(actor: Actor): Promise<Recorded>;
}

/** The weight of the latest start in the expected time that a start takes (an exponential moving average). */
const NEWEST = 0.3;
/** The number of processes on standby: their code is loaded, and a line on their input starts them. */
const SPARES = 2;
/** The number of processes that are tried for one presence. */
const ATTEMPTS = 3;

/** One receiver, played by one process after another. */
export class Receiver {
  readonly #stage: Stage;
  readonly #role: Role;
  readonly #processes: Actor[] = [];
  readonly #spares: Actor[] = [];
  readonly #presences: Presence[] = [];
  readonly #seen = new Set<string>();
  /** The expected time from starting to being reachable, in milliseconds. */
  #coming = 0;
  readonly #late: number[] = [];
  #here: { readonly actor: Actor; readonly from: number } | undefined;

  constructor(stage: Stage, role: Role) {
    this.#stage = stage;
    this.#role = role;
  }

  /** Starts the receiver for the first time, before the beginning, and puts others on standby. @throws DetourError `stage` */
  async open(presences: readonly Presence[]): Promise<void> {
    const actor = this.#start();
    await this.#bring(actor);
    this.#here = { actor, from: 0 };
    this.#prepare(presences.length);
    await Promise.all(this.#spares.map((spare) => spare.until('notice')));
  }

  /** Ends the receiver, before the beginning, if the plan begins with an absence. */
  async begin(presences: readonly Presence[]): Promise<void> {
    if (presences[0]?.from === 0) return;
    const actor = this.#here?.actor;
    this.#here = undefined;
    await actor?.kill();
  }

  /** Has it printed that it handled a message with this text? */
  has(text: string): boolean {
    return this.#seen.has(text);
  }

  /** Comes and goes as planned, until it stays or Ctrl-C comes. @throws DetourError `stage` if it cannot be started */
  async play(presences: readonly Presence[], timeline: Timeline): Promise<void> {
    for (const [index, { from, to }] of presences.entries()) {
      // It is started early, to be there in time. If an absence is too short for that, it comes late.
      if (from > 0) {
        if (!(await timeline.at(from - this.#coming))) return;
        await this.#come(from, timeline);
      }
      this.#prepare(presences.length - 1 - index);
      if (to === Number.POSITIVE_INFINITY || !(await timeline.at(to))) return;
      await this.#leave(timeline);
    }
  }

  /** Ends the receiver, if it is there, which also ends its last presence. */
  async close(timeline: Timeline): Promise<void> {
    await this.#leave(timeline);
    await Promise.all(this.#spares.map((actor) => actor.kill()));
  }

  /** When it was really there, in order. The last presence lasts until `close`. */
  get presences(): readonly Presence[] {
    return this.#presences;
  }

  /** How late it came each time, in milliseconds; negative: too early. */
  get late(): readonly number[] {
    return this.#late;
  }

  /** Everything that it handled, according to its logs. */
  shown(timeline: Timeline): Shown[] {
    return this.#processes.flatMap((actor) =>
      actor.recorded().flatMap((recorded) =>
        recorded.event === 'shown'
          ? [
              {
                id: recorded.id,
                text: recorded.text ?? '',
                from: recorded.from,
                at: timeline.of(recorded.time),
              },
            ]
          : [],
      ),
    );
  }

  // Puts processes on standby for the next presences.
  #prepare(presences: number): void {
    while (this.#spares.length < Math.min(SPARES, presences)) this.#spares.push(this.#start());
  }

  #start(): Actor {
    const { name, args } = this.#role;
    const actor = this.#stage.start(name, ...args, '--later');
    this.#processes.push(actor);
    actor.watch((recorded) => {
      if (recorded.event === 'shown' && recorded.text !== undefined) this.#seen.add(recorded.text);
    });
    return actor;
  }

  #bring(actor: Actor): Promise<Recorded> {
    actor.type('come');
    return this.#role.ready(actor);
  }

  // A process can fail to start, for example because its port is taken for a moment: then the next one is tried, and it comes late.
  async #next(): Promise<{ actor: Actor; ready: Recorded }> {
    for (let left = ATTEMPTS; ; left -= 1) {
      const actor = this.#spares.shift() ?? this.#start();
      try {
        return { actor, ready: await this.#bring(actor) };
      } catch (error) {
        await actor.kill();
        if (left <= 1) throw error;
      }
    }
  }

  async #come(planned: number, timeline: Timeline): Promise<void> {
    const began = timeline.now();
    const { actor, ready } = await this.#next();
    const from = timeline.of(ready.time);
    this.#late.push(from - planned);
    this.#coming += NEWEST * (from - began - this.#coming);
    this.#here = { actor, from };
  }

  async #leave(timeline: Timeline): Promise<void> {
    if (this.#here === undefined) return;
    const { actor, from } = this.#here;
    this.#here = undefined;
    this.#presences.push({ from, to: timeline.now() });
    await actor.kill();
  }
}
