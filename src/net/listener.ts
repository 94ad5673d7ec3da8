// A listening socket that hands over its connections. It decides nothing about them.

import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { DetourError } from '../core/error.ts';
import { formatAddress } from './address.ts';
import { Connection, type ConnectionHandlers } from './connection.ts';
import type { NetContext } from './context.ts';
import { occupantOf } from './occupant.ts';

/**
 * How many of the process's file handles are never used for connections. The program has about two dozen from its start, and the log must
 * be able to write, read back and create its files whatever clients do. PROTOCOL.md, "Limits".
 */
export const KEPT_HANDLES = 64;
/** If a process may have only a few file handles, it keeps this many and a quarter of all. */
const LEAST_KEPT = 24;

/**
 * How long a connection may be silent before this kernel probes the other one (TCP keepalive), in milliseconds. Without it, the
 * connection of a computer that has vanished would hold its place forever. Node sets ten probes, a second apart.
 * PROTOCOL.md, "Limits".
 */
export const KEEPALIVE_MS = 60_000;

/** A listening socket. */
export interface Listener {
  readonly host: string;
  readonly port: number;
  /** How many connections the process has file handles for; Infinity if that cannot be seen. One more is closed immediately. */
  readonly most: number;
  /** Stops listening. Open connections are left to their owners. */
  close(): void;
}

/**
 * Listens for connections.
 * @param port 0 lets the system choose
 * @param accept called for each connection; it calls `make` once, with the handlers of that connection
 * @throws DetourError EADDRINUSE, EADDRNOTAVAIL, EACCES, ENOTFOUND, EAI_AGAIN, or another errno of the system
 */
export function listen(
  host: string,
  port: number,
  context: NetContext,
  accept: (make: (handlers: ConnectionHandlers) => Connection) => void,
): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const options = {
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEPALIVE_MS,
    };
    const server: Server = createServer(options, (socket) => {
      accept((handlers) => {
        const connection = new Connection(socket, context, handlers);
        context.emit?.({ event: 'accepted', conn: connection.number, ...connection.ends });
        return connection;
      });
    });
    const handles = mostHandles();
    const most = Math.max(1, Math.floor(handles - Math.min(KEPT_HANDLES, LEAST_KEPT + handles / 4)));
    // If there are more, Node closes the new one immediately.
    server.maxConnections = most;
    // An error before it listens is final. A later one (EMFILE, ENFILE: no file handle is left for a new connection) concerns that
    // connection alone: the server goes on, and accepts the next one for which there is a handle.
    server.on('error', (error: NodeJS.ErrnoException) =>
      cannotListen(error, host, port, '--port').then(reject, reject),
    );
    server.listen({ host, port }, () => {
      const address = server.address();
      if (address === null || typeof address === 'string')
        throw new TypeError('a TCP server has an address and a port');
      resolve({ host: address.address, port: address.port, most, close: () => server.close() });
    });
  });
}

// How many file handles the process may have; Infinity if the system has no file that says so.
function mostHandles(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1');
    return Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/**
 * The error to throw when a server cannot listen. If the port is taken, this finds out which program has it, in about a second at most.
 * @param error as the system reported it
 * @param option the command-line option that sets the port
 */
export async function cannotListen(
  error: NodeJS.ErrnoException,
  host: string,
  port: number,
  option: string,
): Promise<DetourError> {
  const where = formatAddress(host, port);
  switch (error.code) {
    case 'EADDRINUSE': {
      const { who, stop } = await occupantOf(host, port);
      return new DetourError(
        'EADDRINUSE',
        `Cannot listen on ${where} (EADDRINUSE): ${who}.`,
        `${stop}, or choose another port with ${option} (0 takes any free one).${option === '--port' ? ' On a computer that a class shares, set DETOUR_PORT in each terminal.' : ''}`,
        { cause: error },
      );
    }
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
        `Cannot listen on ${where}: that name has no known address (${error.code}).`,
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
    case 'EINVAL':
      return new DetourError(
        'EINVAL',
        `Cannot listen on ${where}: the system calls that address invalid (EINVAL).`,
        'An address that begins with fe80: needs its zone, such as fe80::1%eth0.',
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
