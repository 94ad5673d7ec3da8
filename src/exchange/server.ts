// The server of both modes: accepts connections, makes room for new ones, and closes them all. What happens on one connection is in
// server-connection.ts; what a SEND or RECEIVE *does* is up to the mode, which implements the Handler of session.ts.

import type { Connection, ConnectionHandlers } from '../net/connection.ts';
import type { NetContext } from '../net/context.ts';
import { type Listener, listen } from '../net/listener.ts';
import type { Message } from '../wire/verbs.ts';
import { Fences } from './fences.ts';
import { IDLE_MS, MAX_CONNECTIONS } from './limits.ts';
import { Turns } from './reading.ts';
import { ServerConnection, type ServerParts } from './server-connection.ts';
import type { Handler, Refusal } from './session.ts';

const NO_HELLO: Refusal = { code: 'no_hello', reason: 'others are waiting, and no HELLO came' };
const IDLE: Refusal = {
  code: 'idle',
  reason: `others are waiting, and nothing came for ${IDLE_MS / 1000} s; HELLO with heartbeat= keeps the place`,
};

/** A server: owns its connections, enforces the limits, and passes what clients send to its handler. */
export class Server {
  readonly #parts: ServerParts;
  // In the order in which they came, the oldest first.
  readonly #connections = new Set<ServerConnection>();
  /** How many connections may be open. */
  #places = MAX_CONNECTIONS;

  /** @param ready the READY to send; its `window` is enforced on each connection */
  constructor(ready: Message<'READY'>, handler: Handler, context: NetContext) {
    this.#parts = { ready, handler, context, fences: new Fences(context.clock), turns: new Turns() };
  }

  /**
   * Listens, and serves every client that connects.
   * @param port 0 lets the system choose
   * @throws DetourError EADDRINUSE, EADDRNOTAVAIL, EACCES, ENOTFOUND, EAI_AGAIN, or another errno of the system
   */
  async listen(host: string, port: number): Promise<Listener> {
    const { context } = this.#parts;
    const listener = await listen(host, port, context, (make) => this.#accept(make));
    // The other file handles are for connections that are closing or being refused.
    this.#places = Math.min(MAX_CONNECTIONS, Math.ceil(0.75 * listener.most));
    if (this.#places < MAX_CONNECTIONS) {
      const text = `This process may have so few files open that it takes ${this.#places} connections at a time, and not ${MAX_CONNECTIONS}; ulimit -n raises that.`;
      context.emit?.({ event: 'notice', text });
    }
    return listener;
  }

  #accept(make: (handlers: ConnectionHandlers) => Connection): void {
    const crowded = this.#crowded() && !this.#makeRoom();
    const connection = new ServerConnection(this.#parts, make, () => this.#connections.delete(connection));
    this.#connections.add(connection);
    if (this.#connections.size > 2 * MAX_CONNECTIONS) connection.destroy();
    // ERROR in place of READY: a client that has not read READY sends no message, so it can be certain that none was taken.
    else if (crowded)
      connection.fail({ code: 'too_many', reason: `${this.#places} connections are open already` });
    else connection.sayReady();
  }

  /** Resumes reading on connections where a SEND had to wait because the handler was saturated. */
  resume(): void {
    for (const connection of this.#connections) connection.resume();
  }

  /**
   * Sends BYE on every connection, after answering what was taken. Resolves when all connections are closed.
   * @param takeWaiting also take the SENDs that wait for a saturated handler; otherwise BYE answers them, so they were not taken
   */
  async close(takeWaiting = true): Promise<void> {
    await Promise.all([...this.#connections].map((connection) => connection.close(takeWaiting)));
  }

  /** Closes every connection immediately, without BYE or ERROR. */
  destroyAll(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  // Connections that only wait for the client's FIN do not count.
  #crowded(): boolean {
    if (this.#connections.size < this.#places) return false;
    let open = 0;
    for (const connection of this.#connections) if (connection.open) open += 1;
    return open >= this.#places;
  }

  // Frees the place of a connection that may lose it, if there is one. Connections without HELLO go first, then those of the address with
  // the most places, so that no address can crowd out others, then the one that has been silent longest.
  #makeRoom(): boolean {
    const places = new Map<string, number>();
    for (const { open, address } of this.#connections)
      if (open) places.set(address, (places.get(address) ?? 0) + 1);
    let first: { readonly connection: ServerConnection; readonly rank: readonly number[] } | undefined;
    for (const connection of this.#connections) {
      const { idleSince, session, address } = connection;
      if (idleSince === undefined) continue;
      const rank = [session === undefined ? 0 : 1, -(places.get(address) ?? 0), idleSince];
      if (first === undefined || isBelow(rank, first.rank)) first = { connection, rank };
    }
    first?.connection.fail(first.connection.session === undefined ? NO_HELLO : IDLE);
    return first !== undefined;
  }
}

/** Compares two lists of numbers: the first number that differs decides. */
function isBelow(a: readonly number[], b: readonly number[]): boolean {
  const index = a.findIndex((value, at) => value !== b[at]);
  return (a[index] ?? 0) < (b[index] ?? 0);
}
