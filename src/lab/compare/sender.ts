// The three senders. Each is a real `detour sync send --lines` or `detour async send --lines`; messages are typed to it as they arrive.
// This file adds no way to send. For two of them each message is typed once; for the third, what failed is kept and typed again.

import type { VerdictName } from '../../core/event.ts';
import type { Actor } from '../stage/actor.ts';
import type { Stage } from '../stage/stage.ts';
import type { Timeline } from './timeline.ts';

/** `once`: sync, tried once. `again`: sync, tried again until it works. `relay`: async. */
export type Strategy = 'once' | 'again' | 'relay';

/** The three, in the order in which they are shown. */
export const STRATEGIES: readonly Strategy[] = ['once', 'again', 'relay'];

/** A message that was typed to a sender, and its verdict. Without a verdict, the sender was killed before it had one. */
export interface Try {
  /** The number of the message, from 0. Negative: it is a warm-up and does not count. */
  readonly message: number;
  /** When it was typed, in milliseconds since the beginning. */
  readonly typed: number;
  /** When the verdict came, in milliseconds since the beginning. */
  readonly settled?: number | undefined;
  readonly verdict?: VerdictName | undefined;
  readonly id?: string | undefined;
}

interface Open {
  readonly message: number;
  readonly typed: number;
  readonly done: (settled: Try) => void;
}

/** The text of a message. It identifies the message at the receiver, because each try has its own id. */
export const textOf = (message: number): string => `m${message}`;

/** The number of messages that are sent before the beginning, with negative numbers, to see that everything works. */
const WARM_UP = 5;

/** A sender and what it still has to do. */
export class Sender {
  readonly strategy: Strategy;
  readonly #stage: Stage;
  readonly #name: string;
  readonly #args: readonly string[];
  #actor: Actor;
  /** The process that takes over when the sender is killed. */
  #successor: Actor | undefined;
  #timeline: Timeline;
  /** Typed and without a verdict, in order. Verdicts come in the same order. */
  #open: Open[] = [];
  /** Messages to be tried again, in order of arrival. */
  #waiting: number[] = [];
  #inRound = false;
  #closed = false;
  readonly #arrived: number[] = [];
  readonly #tries: Try[] = [];
  readonly #aboard: number[] = [];
  #killedAt: number | undefined;
  #fault: string | undefined;

  /**
   * Starts the sender.
   * @param args its command and flags, without --lines
   * @param mortal will it be killed? Then its successor is started, too
   */
  constructor(
    strategy: Strategy,
    stage: Stage,
    name: string,
    args: readonly string[],
    timeline: Timeline,
    mortal: boolean,
  ) {
    this.strategy = strategy;
    this.#stage = stage;
    this.#name = name;
    this.#args = args;
    this.#timeline = timeline;
    this.#actor = this.#start();
    if (mortal) this.#successor = this.#start();
  }

  /** When each message arrived here, in milliseconds since the beginning. */
  get arrived(): readonly number[] {
    return this.#arrived;
  }

  /** All tries that are over, in order. */
  get tries(): readonly Try[] {
    return this.#tries;
  }

  /** The messages that it had when it was killed: under way, or kept to be tried again. */
  get aboard(): readonly number[] {
    return this.#aboard;
  }

  /** When it was killed, in milliseconds since the beginning, if it was. */
  get killedAt(): number | undefined {
    return this.#killedAt;
  }

  /** What went wrong with it, if anything did. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Is a try under way? */
  get busy(): boolean {
    return this.#open.length > 0;
  }

  /** Does it have nothing more to do, now or later? */
  get idle(): boolean {
    return !this.busy && this.#waiting.length === 0;
  }

  /** Sends a few messages that do not count, and waits for their verdicts. */
  async warmUp(): Promise<void> {
    for (let number = 1; number <= WARM_UP; number += 1) await this.#type(-number);
  }

  /** Starts the measurement: from now on, times count from this beginning, and the tries so far are forgotten. */
  begin(timeline: Timeline): void {
    this.#timeline = timeline;
    this.#tries.length = 0;
  }

  /** The next message arrives and is sent immediately. */
  arrive(): void {
    const message = this.#arrived.push(this.#timeline.now()) - 1;
    void this.#attempt(message);
  }

  /**
   * Tries again what failed: the oldest first, and if it works, all others. If it fails, the receiver is still away, and the others
   * need not be tried. Does nothing while the previous round is still under way.
   */
  async round(): Promise<void> {
    const oldest = this.#waiting[0];
    if (this.#inRound || oldest === undefined) return;
    this.#inRound = true;
    this.#waiting.shift();
    if (await this.#attempt(oldest))
      await Promise.all(this.#waiting.splice(0).map((one) => this.#attempt(one)));
    this.#inRound = false;
  }

  /** Kills it. Its successor takes over and knows nothing of what the first one kept. */
  async killed(): Promise<void> {
    const before = this.#actor;
    this.#killedAt = this.#timeline.now();
    this.#aboard.push(...this.#open.map(({ message }) => message), ...this.#waiting);
    this.#waiting = [];
    this.#actor = this.#successor ?? this.#start();
    this.#successor = undefined;
    this.#drop();
    await before.kill();
  }

  /** Ends it for good. A message that has no verdict by now is a fault, because it would be in no column of the table. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.busy)
      this.#fault ??= `the sender (${this.strategy}) never gave a verdict on ${this.#open.length} of its messages`;
    await Promise.all([this.#actor.kill(), this.#successor?.kill()]);
    this.#drop();
  }

  #start(): Actor {
    const actor = this.#stage.start(this.#name, ...this.#args, '--lines');
    actor.watch((recorded) => {
      if (recorded.event !== 'outcome' || actor !== this.#actor) return;
      const { id, verdict, time } = recorded;
      const open = this.#open.shift();
      open?.done({ message: open.message, typed: open.typed, settled: this.#timeline.of(time), verdict, id });
    });
    void actor.ended.then((exit) => {
      if (actor !== this.#actor || this.#closed) return;
      this.#fault = `the sender (${this.strategy}) ended by itself, exit ${exit}`;
      this.#drop();
    });
    return actor;
  }

  #type(message: number): Promise<Try> {
    const typed = this.#timeline.now();
    return new Promise((resolve) => {
      const done = (settled: Try): void => {
        this.#tries.push(settled);
        resolve(settled);
      };
      this.#open.push({ message, typed, done });
      this.#actor.type(textOf(message));
    });
  }

  /** Sends one message. @returns did it work? */
  async #attempt(message: number): Promise<boolean> {
    const { verdict } = await this.#type(message);
    const worked = verdict === 'DELIVERED' || verdict === 'STORED';
    // UNKNOWN is not a success: this sender would rather send twice than not at all.
    if (this.strategy === 'again' && !worked && verdict !== undefined) this.#keep(message);
    return worked;
  }

  #keep(message: number): void {
    const after = this.#waiting.findIndex((other) => other > message);
    this.#waiting.splice(after === -1 ? this.#waiting.length : after, 0, message);
  }

  #drop(): void {
    for (const { message, typed, done } of this.#open.splice(0)) done({ message, typed });
  }
}
