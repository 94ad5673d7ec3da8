// Whether a server reads on from one client. It does not while a SEND of that client waits, nor after a STATUS until the others have had
// their turn; and a client that asks too many questions that cost nothing to ask is read more slowly.

import type { Clock, Timer } from '../core/clock.ts';
import type { Connection } from '../net/connection.ts';
import type { Incoming } from '../wire/send.ts';
import { QUESTIONS, QUESTIONS_PER_S } from './limits.ts';

/** How long nothing is read from a client that has asked too much, in milliseconds. */
const PAUSE_MS = 1_000;

/** Stops and resumes the reading of one connection. */
export class Reading {
  readonly #connection: Pick<Connection, 'pause' | 'resume'>;
  readonly #clock: Clock;
  /** For how many reasons nothing is read. */
  #holds = 0;
  /** How many questions may be asked at once: it grows with time, up to QUESTIONS. */
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

  /** Stops reading until `release`. Of several holds each must be released. */
  hold(): void {
    this.#holds += 1;
    if (this.#holds === 1) this.#connection.pause();
  }

  /** Ends one `hold`. */
  release(): void {
    this.#holds -= 1;
    if (this.#holds === 0) this.#connection.resume();
  }

  /** A message came. After too many that store nothing and free nothing, nothing is read for a while. */
  saw(message: Incoming): void {
    if (this.#isWork(message)) {
      // One more question is free, as the PING is that a sender sends after its SEND.
      this.#left = Math.min(QUESTIONS, this.#left + 1);
      return;
    }
    const now = this.#clock.monotonic();
    this.#left = Math.min(QUESTIONS, this.#left + ((now - this.#at) * QUESTIONS_PER_S) / 1000) - 1;
    this.#at = now;
    if (this.#left >= 1 || this.#timer !== undefined) return;
    this.hold();
    // Until there is room for some at once: each pause and each timer costs, too.
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

  /** Nothing that the client sends counts any more. */
  stop(): void {
    this.#timer?.cancel();
  }
}

/** Calls one after the other, each in a turn of the event loop of its own, so that others have theirs between. */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  #turning = false;

  /** @param call is called in one of the next turns */
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
