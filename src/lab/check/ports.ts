// The address at which a checked program listens, or which it calls.

import { createConnection, createServer, type Socket } from 'node:net';
import { Undecided } from './outcome.ts';

/** The address at which servers listen during a check. */
export const HOST = '127.0.0.1';
/** Below the ports that systems give to outgoing connections, so that none of those is in the way. */
const PORTS = { first: 10_000, last: 32_000 };

/** Connects; undefined if that is refused, or fails in another way. */
export function tryConnect(port: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: HOST, port, allowHalfOpen: true });
    const failed = (): void => resolve(undefined);
    socket.once('error', failed);
    socket.once('connect', () => {
      socket.off('error', failed);
      resolve(socket);
    });
  });
}

/** A port where nobody listens. @throws Undecided if there seems to be none */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = PORTS.first + Math.floor(Math.random() * (PORTS.last - PORTS.first));
    if (await isFree(port)) return port;
  }
  throw new Undecided(`No free port was found between ${PORTS.first} and ${PORTS.last}.`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, HOST, () => server.close(() => resolve(true)));
  });
}
