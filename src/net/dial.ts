// Connects: looks the name up and tries its addresses one after the other, each on a socket of its own, so that each has its own error and
// its own time. Node would do it, too (autoSelectFamily), but it gives each address but the last 250 ms and calls its own timer ETIMEDOUT.

import { ADDRCONFIG, lookup } from 'node:dns';
import { createConnection, isIP, Socket } from 'node:net';
import type { Timer } from '../core/clock.ts';
import { Connection, type ConnectionHandlers, type Ending } from './connection.ts';
import type { NetContext } from './context.ts';

/** An address that was tried and has given no connection. */
export interface TriedAddress {
  readonly address: string;
  /** The kernel's errno; undefined if the kernel was still trying when we stopped waiting. */
  readonly code: string | undefined;
  /** How long it was tried, in milliseconds. */
  readonly ms: number;
}

/** What the owner of a connection is told, from connecting on. If no address gives one, only `closed` is called, with how the last one ended. */
export interface DialHandlers extends ConnectionHandlers {
  /** The TCP connection is established. */
  connected(connection: Connection): void;
}

/** Where to connect, and for how long. */
export interface Target {
  /** An address or a name. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  /**
   * How long the owner will wait for a connection, in milliseconds. It ends the wait itself, with `destroy`; here it only divides the time:
   * each address but the last gets an equal share of what is left. Default: each is tried until the kernel gives it up.
   */
  readonly connectMs?: number | undefined;
}

/** Opens a connection. What becomes of it is told to `handlers`. */
export function connect(target: Target, context: NetContext, handlers: DialHandlers): Dial {
  return new Dial(target, context, handlers);
}

/** One connect, and the connection that it leads to. `connect` begins it. */
export class Dial {
  /** The connection that is established, or being tried; undefined while the name is looked up. */
  connection: Connection | undefined;
  readonly #target: Target;
  readonly #context: NetContext;
  readonly #handlers: DialHandlers;
  readonly #until: number;
  #addresses: readonly string[] = [];
  readonly #tried: TriedAddress[] = [];
  /** When the address that is being tried was begun; undefined if none is. */
  #began: number | undefined;
  #share: Timer | undefined;
  #destroyed = false;

  constructor(target: Target, context: NetContext, handlers: DialHandlers) {
    this.#target = target;
    this.#context = context;
    this.#handlers = handlers;
    this.#until = context.clock.monotonic() + (target.connectMs ?? Number.POSITIVE_INFINITY);
    if (isIP(target.host) === 0) this.#lookUp();
    else {
      this.#addresses = [target.host];
      this.#try();
    }
  }

  /** Is the name still being looked up? */
  get lookingUp(): boolean {
    return this.#addresses.length === 0 && this.connection === undefined;
  }

  /** The addresses that have given no connection, in the order in which they were tried; the last one may still be under way. */
  get tried(): readonly TriedAddress[] {
    const current = this.#began === undefined ? [] : [this.#triedWith(undefined)];
    return [...this.#tried, ...current];
  }

  /** Gives up connecting, or closes the connection immediately. `closed` is called, unless it was. */
  destroy(): void {
    if (this.connection === undefined && !this.#destroyed)
      setImmediate(() => this.#handlers.closed({ how: 'us' }));
    this.#destroyed = true;
    this.#share?.cancel();
    this.connection?.destroy();
  }

  #lookUp(): void {
    const { host, port } = this.#target;
    this.#context.emit?.({ event: 'resolving', host });
    // As Node does: an IPv6 address is of no use to a computer that has none itself. (Windows does so without being asked.)
    const hints = process.platform === 'win32' ? 0 : ADDRCONFIG;
    lookup(host, { all: true, hints }, (error, found) => {
      if (this.#destroyed) return;
      if (error === null) {
        this.#addresses = [...new Set(found.map(({ address }) => address))];
        this.#try();
        return;
      }
      const socket = new Socket();
      this.connection = new Connection(socket, this.#context, this.#handlers);
      this.#context.emit?.({ event: 'connecting', conn: this.connection.number, host, port });
      socket.destroy(error);
    });
  }

  #try(): void {
    const { host, port } = this.#target;
    const { clock, emit } = this.#context;
    const nth = this.#tried.length + 1;
    const of = this.#addresses.length;
    const address = this.#addresses[nth - 1] as string;
    // A single address: Node has no timer of its own then.
    const socket = createConnection({ host: address, port, allowHalfOpen: true, autoSelectFamily: false });
    const connection = new Connection(socket, this.#context, {
      ...this.#handlers,
      closed: (ending) => this.#closed(ending),
    });
    this.connection = connection;
    this.#began = clock.monotonic();
    const which = address === host ? {} : { address, nth, of };
    emit?.({ event: 'connecting', conn: connection.number, host, port, ...which });
    const share = (this.#until - this.#began) / (of - nth + 1);
    // setImmediate: an answer that has arrived in the kernel is taken before the time counts.
    if (nth < of && Number.isFinite(share))
      this.#share = clock.after(share, () => setImmediate(() => this.#giveUp(connection)));
    socket.once('connect', () => {
      this.#share?.cancel();
      this.#began = undefined;
      connection.heard = clock.monotonic();
      emit?.({ event: 'connected', conn: connection.number, ...connection.ends });
      this.#handlers.connected(connection);
    });
  }

  // Our own decision: what is left of the time is for the other addresses.
  #giveUp(connection: Connection): void {
    if (this.#began === undefined || this.connection !== connection || this.#destroyed) return;
    const ms = Math.round(this.#context.clock.monotonic() - this.#began);
    this.#context.emit?.({ event: 'gave_up', conn: connection.number, ms });
    connection.destroy();
  }

  #closed(ending: Ending): void {
    this.#share?.cancel();
    if (this.#began !== undefined && !this.#destroyed) {
      this.#tried.push(this.#triedWith(ending.how === 'error' ? ending.code : undefined));
      this.#began = undefined;
      if (this.#tried.length < this.#addresses.length) {
        this.#try();
        return;
      }
    }
    this.#handlers.closed(ending);
  }

  #triedWith(code: string | undefined): TriedAddress {
    const address = this.#addresses[this.#tried.length] as string;
    return { address, code, ms: this.#context.clock.monotonic() - (this.#began ?? 0) };
  }
}
