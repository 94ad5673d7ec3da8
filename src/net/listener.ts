// A listening socket that hands out connections. It decides nothing about them.

import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { DetourError } from '../core/error.ts';
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

/**
 * The error to throw when a server could not listen.
 * @param error what the system reported
 * @param where `host:port`
 * @param option the option with which a port is chosen
 */
export function cannotListen(error: NodeJS.ErrnoException, where: string, option: string): DetourError {
  switch (error.code) {
    case 'EADDRINUSE':
      return new DetourError(
        'EADDRINUSE',
        `Cannot listen on ${where}: another program already does (EADDRINUSE).`,
        `Stop that one, or choose another port with ${option} (0 takes any free one).`,
        { cause: error },
      );
    case 'EADDRNOTAVAIL':
      return new DetourError(
        'EADDRNOTAVAIL',
        `Cannot listen on ${where}: this computer has no such address (EADDRNOTAVAIL).`,
        'Use 127.0.0.1 for this computer alone, or 0.0.0.0 for all its addresses.',
        { cause: error },
      );
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new DetourError(
        error.code,
        `Cannot listen on ${where}: no address is known by that name (${error.code}).`,
        'Use 127.0.0.1 for this computer alone, or 0.0.0.0 for all its addresses.',
        { cause: error },
      );
    case 'EACCES':
      return new DetourError(
        'EACCES',
        `Cannot listen on ${where}: the system does not allow it (EACCES).`,
        `Ports below 1024 are reserved, and Windows reserves others: choose another with ${option}.`,
        { cause: error },
      );
    default:
      return new DetourError(
        error.code ?? 'EUNKNOWN',
        `Cannot listen on ${where}: ${error.code ?? error.message}.`,
        `Check --host and ${option}.`,
        { cause: error },
      );
  }
}
