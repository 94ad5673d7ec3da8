// A listening socket that hands out connections. It decides nothing about them.

import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { cannotListen } from '../errors/listening.ts';
import { formatAddress } from './address.ts';
import { Connection, type ConnectionHandlers } from './connection.ts';
import type { NetContext } from './context.ts';

/**
 * File handles that no connection gets: some two dozen that the program has from its start, and those of the log, which must write, read
 * back and make its files whatever strangers do.
 */
export const KEPT_HANDLES = 64;

/** A server that listens. */
export interface Listener {
  readonly host: string;
  readonly port: number;
  /** Stops listening; connections that stand are left to their owners. */
  close(): void;
}

/**
 * Listens for connections.
 * @param port 0 to let the system choose
 * @param accept is given each connection and returns what will handle it
 * @throws DetourError EADDRINUSE, EADDRNOTAVAIL, EACCES, ENOTFOUND
 */
export function listen(
  host: string,
  port: number,
  context: NetContext,
  accept: (make: (handlers: ConnectionHandlers) => Connection) => void,
): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      accept((handlers) => {
        const connection = new Connection(socket, context, handlers);
        context.emit?.({ event: 'accepted', conn: connection.number, ...connection.ends });
        return connection;
      });
    });
    // One more is closed at once.
    server.maxConnections = Math.max(1, mostHandles() - KEPT_HANDLES);
    // Before it listens an error is final. Later ones (EMFILE, ENFILE: no file handle is left for a connection that came) concern that
    // connection alone: the server goes on, and takes the next one for which there is a handle.
    server.on('error', (error: NodeJS.ErrnoException) =>
      reject(cannotListen(error, formatAddress(host, port), '--port')),
    );
    server.listen({ host, port }, () => {
      const address = server.address();
      if (address === null || typeof address === 'string')
        throw new TypeError('a TCP server has an address and a port');
      resolve({ host: address.address, port: address.port, close: () => server.close() });
    });
  });
}

// How many file handles the process may have; infinite where the system does not say it in a file.
function mostHandles(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1');
    return Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
