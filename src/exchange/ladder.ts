// The ladder of one message: five rungs from "handed to my kernel" to "handled", and the evidence for each. It only watches: pending.ts
// sends, and verdict.ts decides the verdict. Every rung is reported exactly once: when it is reached, or when the verdict is known.
//
//   1 handed        my kernel has accepted every byte                     the callback of the write
//   2 acknowledged  the kernel at the other end has every byte            TCP's ACK, which Linux lets us see
//   3 read          the other program has read it                         the PONG to a PING right after the SEND
//   4 durable       it is on the relay's disk; in sync mode, on nobody's  STORED
//   5 handled       the recipient's program has handled it                RECEIVED; in async mode the receipt
//
// A rung that was not reached only means that no evidence for it came; NOT DELIVERED alone makes it certain. A higher rung implies the
// lower ones: a program can only answer what its kernel had.

import type { Clock, Timer } from '../core/clock.ts';
import { type Emit, RUNGS, type RungName, type RungState, type VerdictName } from '../core/event.ts';
import type { Message } from '../wire/verbs.ts';

/** While the second rung is open, the kernel is asked after this many milliseconds, and then at intervals that double each time. */
const LOOK_MS = 2;
/** The longest interval between two of these looks, in milliseconds. */
const LOOK_CAP_MS = 50;
/** The next look waits at least this many times as long as the last one took, because a look is slow if the table is long. */
const LOOK_SHARE = 4;

/** What a ladder observes of a connection. */
export interface ObservedConnection {
  readonly number: number;
  readonly over: boolean;
  /** How many bytes the kernel at the other end has not acknowledged; undefined if that cannot be seen. */
  readonly unacknowledged: number | undefined;
}

/** What a ladder must know of its message. */
export interface LadderOptions {
  readonly id: string;
  readonly route: 'sync' | 'async';
  /** Async only: does the sender wait for the receipt, and will it call `news`? */
  readonly waits: boolean;
  readonly clock: Clock;
  readonly emit: Emit | undefined;
}

/** Watches one message, over all its attempts. */
export class Ladder {
  readonly #options: LadderOptions;
  readonly #began: number;
  readonly #open = new Set(RUNGS);
  #connection: ObservedConnection | undefined;
  /** The connection on which all of the SEND was handed to the kernel. Before that, an empty queue does not mean that it was acknowledged. */
  #handed: ObservedConnection | undefined;
  /** The verb that showed that the other program has read it. */
  #readBy: string | undefined;
  #look: Timer | undefined;
  /** Has the kernel ever let us see what is unacknowledged? */
  #visible = false;
  /** Was the answer `dup=yes`? That does not tell what has become of the message since. */
  #repeat = false;

  constructor(options: LadderOptions) {
    this.#options = options;
    this.#began = options.clock.monotonic();
  }

  /** An attempt begins on a connection. */
  begin(connection: ObservedConnection): void {
    this.#connection = connection;
    this.#look?.cancel();
  }

  /** This computer's kernel has accepted all of the SEND that was written on a connection. */
  handed(connection: ObservedConnection): void {
    this.#reach('handed', 'kernel');
    if (this.#connection !== connection) return;
    this.#handed = connection;
    this.#watch(connection, LOOK_MS);
  }

  /** The PONG to the PING after the SEND has come. */
  pong(): void {
    this.#read('PONG');
  }

  /** An answer to this message has come. */
  answered(answer: Message<'RECEIVED' | 'STORED' | 'REFUSED'>): void {
    const { verb } = answer;
    this.#read(verb);
    if (verb === 'STORED') {
      this.#repeat = answer.dup === 'yes';
      this.#reach('durable', this.#repeat ? 'STORED dup=yes' : verb);
    }
    if (verb === 'RECEIVED') {
      this.#tell('durable', 'none');
      this.#reach('handled', verb);
    }
  }

  /** The verdict is known: reports the open rungs, except `handled` if `news` will report it. */
  end(verdict: VerdictName): void {
    if (this.#open.has('acknowledged') && this.#connection !== undefined && !this.#connection.over)
      this.#see(this.#connection);
    this.#look?.cancel();
    const { route, waits } = this.#options;
    for (const rung of RUNGS) {
      if (!this.#open.has(rung)) continue;
      if (rung === 'handled' && verdict === 'STORED') {
        if (!waits) this.#tell(rung, this.#repeat ? 'unknown' : 'unasked');
      } else if (rung === 'durable' && route === 'sync') this.#tell(rung, 'none');
      else if (rung === 'acknowledged') this.#endOfTheSecond(verdict);
      else this.#tell(rung, this.#isCertain(rung, verdict) ? 'no' : 'unknown');
    }
  }

  /** What became of a stored message: acknowledged by its recipient, expired (`tried`: perhaps written to a receiver before), or no notice came. */
  news(news: { readonly kind: 'receipt' | 'bounce'; readonly tried: boolean } | undefined): void {
    if (news?.kind === 'receipt') this.#reach('handled', 'receipt');
    else this.#tell('handled', news?.tried === false ? 'no' : 'unknown');
  }

  #endOfTheSecond(verdict: VerdictName): void {
    // The program has answered, so its kernel had the message: what is unacknowledged now was sent later.
    if (this.#readBy !== undefined && this.#visible) this.#reach('acknowledged', this.#readBy);
    else if (this.#isCertain('acknowledged', verdict)) this.#tell('acknowledged', 'no');
    else if (this.#visible) this.#tell('acknowledged', 'unknown', this.#connection?.unacknowledged);
    else this.#tell('acknowledged', 'unseen');
  }

  // NOT DELIVERED: nothing was handed to a kernel, or it was refused, and a server that refuses a SEND neither stores nor handles it.
  #isCertain(rung: RungName, verdict: VerdictName): boolean {
    return (
      verdict === 'NOT_DELIVERED' &&
      (this.#connection === undefined || rung === 'durable' || rung === 'handled')
    );
  }

  // The other program has read it, so the rungs below are reached, too, even if their own evidence has not come yet.
  #read(by: string): void {
    this.#reach('handed', by);
    this.#handed = this.#connection;
    if (this.#connection !== undefined && this.#open.has('acknowledged')) this.#see(this.#connection);
    this.#readBy ??= by;
    this.#reach('read', by);
  }

  #watch(connection: ObservedConnection, ms: number): void {
    if (!this.#open.has('acknowledged') || connection.over) return;
    const { clock } = this.#options;
    const began = clock.monotonic();
    this.#see(connection);
    if (!this.#visible) this.#tell('acknowledged', 'unseen');
    if (!this.#open.has('acknowledged')) return;
    const wait = Math.max(ms, LOOK_SHARE * (clock.monotonic() - began));
    this.#look = clock.after(wait, () => this.#watch(connection, Math.min(2 * ms, LOOK_CAP_MS)));
  }

  // If nothing is unacknowledged, the SEND has been acknowledged. (So has the PING after it, which delays this only a little.)
  #see(connection: ObservedConnection): void {
    const left = connection.unacknowledged;
    if (left === undefined) return;
    this.#visible = true;
    if (left === 0 && this.#handed === connection) this.#reach('acknowledged', 'ack');
  }

  #reach(rung: RungName, by: string): void {
    this.#tell(rung, 'reached', undefined, by);
  }

  #tell(rung: RungName, state: RungState, left?: number, by?: string): void {
    if (!this.#open.delete(rung)) return;
    const { id, clock, emit } = this.#options;
    const ms = Number((clock.monotonic() - this.#began).toFixed(3));
    emit?.({
      event: 'rung',
      ...(this.#connection !== undefined && { conn: this.#connection.number }),
      id,
      rung,
      state,
      ...(by !== undefined && { by }),
      ...(left !== undefined && { left }),
      ms,
    });
  }
}
