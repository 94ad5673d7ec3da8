// Notices that a connection on which answers are waited for has gone silent. When this computer gets another address, for one, its old
// connections are never answered again, and TCP alone needs minutes to say so. The relay recognises a repeat, so to ask anew on a new
// connection is safe; this file only says when that is better than to go on waiting. PROTOCOL.md, "Repeats".

import type { Clock, Timer } from '../core/clock.ts';
import { BACKOFF_BASE_MS } from '../exchange/backoff.ts';
import type { InFlight, PendingSend } from '../exchange/pending.ts';
import type { Progress } from '../net/unacknowledged.ts';

/**
 * How many bytes a kernel may send before the first acknowledgement (RFC 6928: 10 segments). If no more were written, whether they moved may
 * not be visible.
 */
const INITIAL_WINDOW = 14_600;

/** A connection is silent only if it has been so for this many times as long as it took until READY. */
const MANY_GREETINGS = 10;

/** What is watched of a connection. */
export interface WatchedConnection {
  readonly over: boolean;
  /** When the last byte came, by the monotonic clock. */
  readonly heard: number;
  /** How long it took until READY, in milliseconds. */
  readonly greetedAfter: number;
  readonly progress: Progress;
  ping(): void;
}

/** Watches one connection while SENDs on it are unanswered. */
export class SilenceWatch {
  readonly #clock: Clock;
  readonly #client: WatchedConnection;
  readonly #inFlight: InFlight;
  readonly #silent: (ms: number, left: number) => void;
  #timer: Timer | undefined;

  /**
   * @param silent called when half of the time that a SEND has left is over, and in all that time no byte came, no PING was answered, and
   *   the other kernel acknowledged nothing. It gets how long that was, and how long the SEND has left, in
   *   milliseconds. For one SEND that was repeated for this reason it does not happen again
   */
  constructor(
    clock: Clock,
    client: WatchedConnection,
    inFlight: InFlight,
    silent: (ms: number, left: number) => void,
  ) {
    this.#clock = clock;
    this.#client = client;
    this.#inFlight = inFlight;
    this.#silent = silent;
  }

  /** A SEND has been written. If nothing is watched yet, its time begins now. */
  written(): void {
    if (this.#timer === undefined) this.#begin();
  }

  /** Stops watching. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  // Nothing is watched if greeting took long: then the relay or the way to it is slow, and a late answer does not mean that the connection is dead.
  #begin(): void {
    this.stop();
    const pending = this.#inFlight.find((one) => !one.done && !askedAgain(one));
    if (pending === undefined) return;
    const half = pending.left / 2;
    if (half < BACKOFF_BASE_MS || half < MANY_GREETINGS * this.#client.greetedAfter) return;
    const began = this.#clock.monotonic();
    const { heard } = this.#client;
    const silent = (): boolean => this.#client.heard === heard;
    this.#wait(half / 2, pending, silent, () => {
      const moves = this.#movement();
      // A program that is there answers this at once, whatever the disk of the relay is doing.
      this.#client.ping();
      this.#wait(
        half / 2,
        pending,
        () => silent() && !moves(),
        () => {
          this.#timer = undefined;
          this.#silent(this.#clock.monotonic() - began, pending.left);
        },
      );
    });
  }

  #wait(ms: number, pending: PendingSend, silent: () => boolean, still: () => void): void {
    // setImmediate: what has arrived in the kernel is read before it is judged.
    this.#timer = this.#clock.after(ms, () =>
      setImmediate(() => {
        if (this.#timer === undefined || this.#client.over) return;
        if (pending.done || !silent()) this.#begin();
        else still();
      }),
    );
  }

  // Tells later whether the other kernel has acknowledged more of what is written by now. It does so for a PING even if nobody is there to
  // read it, so what is written from now on does not count.
  #movement(): () => boolean {
    const { written, acknowledged } = this.#client.progress;
    return () => {
      const now = this.#client.progress.acknowledged;
      if (now === undefined || acknowledged === undefined) return this.#inFlight.bytes > INITIAL_WINDOW;
      return Math.min(now, written) > acknowledged;
    };
  }
}

const askedAgain = ({ attempts }: PendingSend): boolean =>
  attempts.some(({ end }) => end?.how === 'unanswered');
