// The server of both modes: accepts connections, makes room for new ones, and closes them all. What happens on one connection is in
// server-connection.ts; what a SEND or RECEIVE *does* is up to the mode, which implements the Handler of session.ts.

import type { Connection, ConnectionHandlers } from '../net/connection.ts';
import type { NetContext } from '../net/context.ts';
import type { Message } from '../wire/verbs.ts';
import { Fences } from './fences.ts';
import { MAX_CONNECTIONS } from './limits.ts';
import { ServerConnection, type ServerParts } from './server-connection.ts';
import type { Handler } from './session.ts';

/** A server: owns its connections, enforces the limits, and passes what clients send to its handler. */
export class Server {
  readonly #parts: ServerParts;
  // In the order in which they came, the oldest first.
  readonly #connections = new Set<ServerConnection>();

  /** @param ready the READY to send; its `window` is enforced on each connection */
  constructor(ready: Message<'READY'>, handler: Handler, context: NetContext) {
    this.#parts = { ready, handler, context, fences: new Fences() };
  }

  /** Takes a connection from a listener. */
  accept(make: (handlers: ConnectionHandlers) => Connection): void {
    const crowded = this.#crowded() && !this.#makeRoom();
    const connection = new ServerConnection(this.#parts, make, () => this.#connections.delete(connection));
    this.#connections.add(connection);
    if (this.#connections.size > 2 * MAX_CONNECTIONS) connection.destroy();
    // ERROR in place of READY: a client that has not read READY sends no message, so it can be certain that none was taken.
    else if (crowded)
      connection.fail({ code: 'too_many', reason: `${MAX_CONNECTIONS} connections are open already` });
    else connection.sayReady();
  }

  /** Resumes reading on connections where a SEND had to wait because the handler was saturated. */
  resume(): void {
    for (const connection of this.#connections) connection.resume();
  }

  /**
   * Sends BYE on every connection, after answering what was taken. Resolves when all connections are closed.
   * @param takeWaiting take the SENDs that wait for a saturated handler, too; else BYE answers them: they were not taken
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
    if (this.#connections.size < MAX_CONNECTIONS) return false;
    let open = 0;
    for (const connection of this.#connections) if (connection.open) open += 1;
    return open >= MAX_CONNECTIONS;
  }

  // Closes the oldest connection without HELLO, if there is one.
  #makeRoom(): boolean {
    for (const connection of this.#connections) {
      if (connection.session !== undefined || !connection.open) continue;
      connection.fail({ code: 'no_hello', reason: 'others are waiting, and no HELLO came' });
      return true;
    }
    return false;
  }
}
