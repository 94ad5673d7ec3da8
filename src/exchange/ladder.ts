// The ladder of one message: five rungs from "handed to my kernel" to "handled", and whose word each one is. It watches, and neither
// sends nor decides: who sends is pending.ts, and a verdict comes from verdict.ts. Every rung is reported exactly once: when it is
// reached, or when the verdict falls.
//
//   1 handed        my kernel has taken every byte                      its word: the write called back
//   2 acknowledged  the kernel at the other end has                     TCP's ACK, which Linux lets us see
//   3 read          the other program has read it                       a PING right behind the SEND, and its PONG
//   4 durable       it is on the relay's disk; in sync mode, on nobody's  STORED
//   5 handled       the recipient's program has handled it              RECEIVED; in async mode the receipt
//
// A rung that was not reached says nothing but that no word of it came; only NOT DELIVERED makes it certain. What is higher implies
// what is lower: a program can only answer what its kernel had.

import type { Clock, Timer } from '../core/clock.ts';
import { type Emit, RUNGS, type RungName, type RungState, type VerdictName } from '../core/event.ts';
import type { Message } from '../wire/verbs.ts';

/** While the second rung is open the kernel is asked after so many milliseconds, then after twice as many, */
const LOOK_MS = 2;
/** up to this; */
const LOOK_CAP_MS = 50;
/** but looking takes at most one part in so many of the time. */
const LOOK_SHARE = 4;

/** What a ladder looks at. */
export interface ObservedConnection {
  readonly number: number;
  readonly over: boolean;
  /** Bytes that the kernel at the other end has not acknowledged; undefined if that cannot be seen. */
  readonly unacknowledged: number | undefined;
}

/** How a message is sent, as far as its ladder is concerned. */
export interface LadderOptions {
  readonly id: string;
  readonly route: 'sync' | 'async';
  /** Async only: will the receipt be waited for, and `news` be called? */
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
  /** The connection on which all of it was handed over: what no kernel has yet, none can acknowledge. */
  #handed: ObservedConnection | undefined;
  /** Whose word showed that the other program has read it. */
  #readBy: string | undefined;
  #look: Timer | undefined;
  /** Has the kernel ever let us see what is unacknowledged? */
  #visible = false;
  /** Was it stored before, by an answer that says nothing of where it is now? */
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

  /** This computer's kernel has taken all of the SEND that was written on a connection. */
  handed(connection: ObservedConnection): void {
    this.#reach('handed', 'kernel');
    if (this.#connection !== connection) return;
    this.#handed = connection;
    this.#watch(connection, LOOK_MS);
  }

  /** The PONG to the PING behind the SEND is here. */
  pong(): void {
    this.#read('PONG');
  }

  /** An answer to this message came. */
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

  /** The verdict has fallen: the open rungs are named, but for one of which `news` will tell. */
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

  /** What became of a stored message: acknowledged by its recipient, expired (`tried`: perhaps after it was written to one), or no word. */
  news(news: { readonly kind: 'receipt' | 'bounce'; readonly tried: boolean } | undefined): void {
    if (news?.kind === 'receipt') this.#reach('handled', 'receipt');
    else this.#tell('handled', news?.tried === false ? 'no' : 'unknown');
  }

  #endOfTheSecond(verdict: VerdictName): void {
    // Once the program has answered, what is unacknowledged is younger than the message.
    if (this.#readBy !== undefined && this.#visible) this.#reach('acknowledged', this.#readBy);
    else if (this.#isCertain('acknowledged', verdict)) this.#tell('acknowledged', 'no');
    else if (this.#visible) this.#tell('acknowledged', 'unknown', this.#connection?.unacknowledged);
    else this.#tell('acknowledged', 'unseen');
  }

  // NOT DELIVERED: nothing was handed over, or it was refused, and who refuses neither stores nor handles it.
  #isCertain(rung: RungName, verdict: VerdictName): boolean {
    return (
      verdict === 'NOT_DELIVERED' &&
      (this.#connection === undefined || rung === 'durable' || rung === 'handled')
    );
  }

  // The other program has read it, so the rungs below are reached, too, also if their own word is not here yet.
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

  // Nothing is unacknowledged: then the SEND is not either. (The PING behind it may have to be acknowledged as well; that is soon.)
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
