// Decides when a server reads from a client. It stops while a SEND of that client waits, and after a STATUS or LIST until it is answered
// and the other clients have had their turn. It reads more slowly from a client that asks too many questions that cost nothing to ask.

import type { Clock, Timer } from '../core/clock.ts';
import type { Connection } from '../net/connection.ts';
import type { Incoming } from '../wire/send.ts';
import { QUESTIONS, QUESTIONS_PER_S } from './limits.ts';

/** How long to stop reading from a client that has asked too much, in milliseconds. */
const PAUSE_MS = 1_000;

/** Stops and resumes the reading of one connection. */
export class Reading {
  readonly #connection: Pick<Connection, 'pause' | 'resume'>;
  readonly #clock: Clock;
  /** How many holds are not released. While there is one, nothing is read. */
  #holds = 0;
  /** How many questions the client may ask without a pause. It grows with time, up to QUESTIONS. */
  #left = QUESTIONS;
  /** When `#left` was computed, by the monotonic clock. */
  #at: number;
  #timer: Timer | undefined;
  /** The highest number in an ACK. */
  #acknowledged = 0;

  constructor(connection: Pick<Connection, 'pause' | 'resume'>, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
    this.#at = clock.monotonic();
  }

  /** Stops reading until `release`. Each hold must be released. */
  hold(): void {
    this.#holds += 1;
    if (this.#holds === 1) this.#connection.pause();
  }

  /** Ends one `hold`. */
  release(): void {
    this.#holds -= 1;
    if (this.#holds === 0) this.#connection.resume();
  }

  /** A message was read. After too many that store nothing and free nothing, reading stops for a while. */
  saw(message: Incoming): void {
    if (this.#isWork(message)) {
      // Each piece of work allows one more question, because a sender sends a PING after its SEND.
      this.#left = Math.min(QUESTIONS, this.#left + 1);
      return;
    }
    const now = this.#clock.monotonic();
    this.#left = Math.min(QUESTIONS, this.#left + ((now - this.#at) * QUESTIONS_PER_S) / 1000) - 1;
    this.#at = now;
    if (this.#left >= 1 || this.#timer !== undefined) return;
    this.hold();
    // The pause is long enough for several questions, because each pause and each timer has a cost, too.
    this.#timer = this.#clock.after(PAUSE_MS, () => {
      this.#timer = undefined;
      this.release();
    });
  }

  #isWork(message: Incoming): boolean {
    if (message.verb !== 'ACK') return message.verb === 'SEND';
    const fresh = message.seq > this.#acknowledged;
    if (fresh) this.#acknowledged = message.seq;
    return fresh;
  }

  /** Cancels the timer. Call this when the client's frames no longer count. */
  stop(): void {
    this.#timer?.cancel();
  }
}

/** Makes calls one after another, each in its own turn of the event loop, so that other work runs in between. */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  #turning = false;

  /** Adds a call. @param call runs in one of the next turns */
  add(call: () => void): void {
    this.#waiting.push(call);
    if (!this.#turning) this.#next();
  }

  #next(): void {
    this.#turning = this.#waiting.length > 0;
    if (!this.#turning) return;
    setImmediate(() => {
      this.#waiting.shift()?.();
      this.#next();
    });
  }
}
