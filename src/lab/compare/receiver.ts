// The receiver who comes and goes: really started and really killed, by the plan. What he handled is read from his flight recorder's
// log, which has also what he could no longer print; when he was there is measured, for starting a program takes a while.

import type { Recorded } from '../../core/event.ts';
import type { Actor } from '../stage/actor.ts';
import type { Stage } from '../stage/stage.ts';
import type { Presence } from './schedule.ts';
import type { Timeline } from './timeline.ts';

/** What the receiver's log says he handled. */
export interface Shown {
  readonly id: string;
  readonly text: string;
  /** Who sent it. */
  readonly from: string;
  /** Milliseconds since the beginning. */
  readonly at: number;
}

/** How a receiver is started, and when he is there. */
export interface Role {
  readonly name: string;
  readonly args: readonly string[];
  /** Resolves with the event from which on he can be reached. @throws DetourError `stage` if it does not come */
  ready(actor: Actor): Promise<Recorded>;
}

/** Of the last coming so much counts for the expectation of the next. */
const NEWEST = 0.3;
/** So many processes stand ready: their code is read, and a line brings them. */
const SPARES = 2;
/** So many of them are tried for one presence. */
const ATTEMPTS = 3;

/** One receiver, played by one process after the other. */
export class Receiver {
  readonly #stage: Stage;
  readonly #role: Role;
  readonly #processes: Actor[] = [];
  readonly #spares: Actor[] = [];
  readonly #presences: Presence[] = [];
  readonly #seen = new Set<string>();
  /** To come takes so long, in milliseconds, by experience. */
  #coming = 0;
  readonly #late: number[] = [];
  #here: { readonly actor: Actor; readonly from: number } | undefined;

  constructor(stage: Stage, role: Role) {
    this.#stage = stage;
    this.#role = role;
  }

  /** Brings him for the first time, before the beginning, and has others stand ready. @throws DetourError `stage` */
  async open(presences: readonly Presence[]): Promise<void> {
    const actor = this.#start();
    await this.#bring(actor);
    this.#here = { actor, from: 0 };
    this.#prepare(presences.length);
    await Promise.all(this.#spares.map((spare) => spare.until('notice')));
  }

  /** Is he to be away at the beginning? Then he goes now, before it. */
  async begin(presences: readonly Presence[]): Promise<void> {
    if (presences[0]?.from === 0) return;
    const actor = this.#here?.actor;
    this.#here = undefined;
    await actor?.kill();
  }

  /** Has he, by what he printed, handled a message with this text? */
  has(text: string): boolean {
    return this.#seen.has(text);
  }

  /** Comes and goes as planned, until he stays or Ctrl-C comes. @throws DetourError `stage` if he cannot be started */
  async play(presences: readonly Presence[], timeline: Timeline): Promise<void> {
    for (const [index, { from, to }] of presences.entries()) {
      // He sets out early, to be there in time. If an absence is too short for that, he comes late.
      if (from > 0) {
        if (!(await timeline.at(from - this.#coming))) return;
        await this.#come(from, timeline);
      }
      this.#prepare(presences.length - 1 - index);
      if (to === Number.POSITIVE_INFINITY || !(await timeline.at(to))) return;
      await this.#leave(timeline);
    }
  }

  /** Ends him, if he is there, and closes the account of his presences. */
  async close(timeline: Timeline): Promise<void> {
    await this.#leave(timeline);
    await Promise.all(this.#spares.map((actor) => actor.kill()));
  }

  /** When he really was there, in order. The last presence lasts until `close`. */
  get presences(): readonly Presence[] {
    return this.#presences;
  }

  /** How late he came each time, in milliseconds; below 0: too early. */
  get late(): readonly number[] {
    return this.#late;
  }

  /** All that he handled, by his logs. */
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

  // Has processes stand ready for the next presences.
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

  // A process can fail to start, its port taken for a moment: then the next one comes, a little late.
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
