// Is the other *program* alive? TCP keepalive asks the other kernel, which answers even if its program is frozen; PING asks the program.
// PROTOCOL.md, "Heartbeats".

import type { Timer } from '../core/clock.ts';
import type { Connection } from '../net/connection.ts';
import type { NetContext } from '../net/context.ts';

/** The heartbeat that detour's own clients ask for by default, in seconds. PROTOCOL.md, "Heartbeats". */
export const HEARTBEAT_S = 10;

/** After this many heartbeats without a byte the connection is given up. PROTOCOL.md, "Heartbeats". */
export const SILENT_BEATS = 3;

/** Watches one connection: sends PING after one heartbeat of silence, and calls `giveUp` after SILENT_BEATS, but never without having asked. */
export class Heartbeat {
  readonly #connection: Connection;
  readonly #context: NetContext;
  readonly #ms: number;
  readonly #giveUp: () => void;
  readonly #ask: () => void;
  #timer: Timer | undefined;
  /** When the timer is due, by the monotonic clock. */
  #due = 0;
  /** When the timer last fired a whole heartbeat late, by the monotonic clock, and how late. */
  #stood: { readonly until: number; readonly ms: number } | undefined;
  /** PINGs sent since the last check that found the other side talking. */
  #asked = 0;

  /**
   * @param seconds the heartbeat that HELLO asked for
   * @param giveUp called once, when the other side counts as gone
   * @param ask sends PING
   */
  constructor(
    connection: Connection,
    context: NetContext,
    seconds: number,
    giveUp: () => void,
    ask = () => connection.send({ verb: 'PING' }),
  ) {
    this.#connection = connection;
    this.#context = context;
    this.#ms = seconds * 1000;
    this.#giveUp = giveUp;
    this.#ask = ask;
    this.#wait(this.#ms);
  }

  /**
   * For how long this program has just not run at all, in milliseconds; undefined if it has run. It is known from a timer that is a whole
   * heartbeat late or more, and counts for one heartbeat: until then what the other side did meanwhile has been read.
   */
  get stoodStillMs(): number | undefined {
    this.#checkTimer();
    const now = this.#context.clock.monotonic();
    return this.#stood !== undefined && now - this.#stood.until <= this.#ms ? this.#stood.ms : undefined;
  }

  #checkTimer(): void {
    const now = this.#context.clock.monotonic();
    const late = now - this.#due;
    if (this.#timer !== undefined && late >= this.#ms) this.#stood = { until: now, ms: Math.round(late) };
  }

  /** Stops watching. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #wait(ms: number): void {
    this.#due = this.#context.clock.monotonic() + ms;
    // When the timer fires, the socket is read once more before the check: if this process was frozen, the peer's bytes wait in the kernel.
    this.#timer = this.#context.clock.after(ms, () => {
      this.#checkTimer();
      setImmediate(() => this.#timer !== undefined && this.#judge());
    });
  }

  #judge(): void {
    const silent = this.#context.clock.monotonic() - this.#connection.heard;
    if (this.#connection.paused || silent < this.#ms) {
      // A side that is not reading cannot call the other silent.
      this.#asked = 0;
      this.#wait(this.#connection.paused ? this.#ms : this.#ms - silent);
      return;
    }
    const missing = SILENT_BEATS * this.#ms - silent;
    // If this process was frozen, many heartbeats may have passed in which no PING was sent.
    if (this.#asked < SILENT_BEATS - 1 || missing > this.#ms / 2) {
      this.#asked += 1;
      this.#ask();
      this.#wait(this.#ms);
      return;
    }
    // A Node timer may fire up to a millisecond early: wait for the rest, without another PING.
    if (missing > 0) {
      this.#wait(missing);
      return;
    }
    this.stop();
    this.#context.emit?.({ event: 'silent', conn: this.#connection.number, ms: Math.round(silent) });
    this.#giveUp();
  }
}
