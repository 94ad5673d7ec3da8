// Is the other *program* alive? TCP keepalive asks the other kernel, which answers for a frozen program too; PING asks the program.
// PROTOCOL.md, "Heartbeats".

import type { Timer } from '../core/clock.ts';
import type { Connection } from '../net/connection.ts';
import type { NetContext } from '../net/context.ts';

/** Detour's own clients ask for a heartbeat of so many seconds, unless told. */
export const HEARTBEAT_S = 10;

/** After so many heartbeats without a byte the other side is given up. */
export const SILENT_BEATS = 3;

/** Watches one connection: PING after one heartbeat of silence, `giveUp` after three, but never without having asked. */
export class Heartbeat {
  readonly #connection: Connection;
  readonly #context: NetContext;
  readonly #ms: number;
  readonly #giveUp: () => void;
  readonly #ask: () => void;
  #timer: Timer | undefined;
  /** PINGs since a judgement last found the other side talking. */
  #asked = 0;

  /**
   * @param seconds the heartbeat, as HELLO asked for it
   * @param ask says PING
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

  /** Stops watching. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #wait(ms: number): void {
    // A timer that fires reads once more before judging: when this process was frozen, the peer's bytes wait in the kernel.
    this.#timer = this.#context.clock.after(ms, () =>
      setImmediate(() => this.#timer !== undefined && this.#judge()),
    );
  }

  #judge(): void {
    const silent = this.#context.clock.monotonic() - this.#connection.heard;
    if (this.#connection.paused || silent < this.#ms) {
      // One who is not listening cannot call the other silent.
      this.#asked = 0;
      this.#wait(this.#connection.paused ? this.#ms : this.#ms - silent);
      return;
    }
    const missing = SILENT_BEATS * this.#ms - silent;
    // After a freeze of this process many heartbeats may have passed at once, in which nobody asked.
    if (this.#asked < SILENT_BEATS - 1 || missing > this.#ms / 2) {
      this.#asked += 1;
      this.#ask();
      this.#wait(this.#ms);
      return;
    }
    // A timer of Node's may fire up to a millisecond early: that little is waited for, without asking again.
    if (missing > 0) {
      this.#wait(missing);
      return;
    }
    this.stop();
    this.#context.emit?.({ event: 'silent', conn: this.#connection.number, ms: Math.round(silent) });
    this.#giveUp();
  }
}
