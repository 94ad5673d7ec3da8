// Is the other *program* alive? TCP keepalive asks the other kernel, which answers for a frozen program too; PING asks the program.
// PROTOCOL.md, "Heartbeats".

import type { Connection, NetContext } from '../net/connection.ts';
import type { Timer } from '../trace/clock.ts';

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
  /** PINGs in a row that brought no byte. */
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
    // After a freeze of this process many heartbeats may have passed at once, in which nobody asked.
    if (this.#asked >= SILENT_BEATS - 1 && silent >= SILENT_BEATS * this.#ms) {
      this.stop();
      this.#context.emit({ event: 'silent', conn: this.#connection.number, ms: Math.round(silent) });
      this.#giveUp();
      return;
    }
    this.#asked += 1;
    this.#ask();
    this.#wait(this.#ms);
  }
}
