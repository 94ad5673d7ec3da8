// Ports for servers that are stopped and started again on the same port. They are below the ephemeral ports, and the address is this
// process's own where the system has more than one. So nothing takes a port while its owner is away, not even another process that runs
// the same script at the same time.

import { createServer } from 'node:net';
import { errnoOf } from '../../src/core/error.ts';
import { OWN_ADDRESS } from '../../src/lab/stage/address.ts';

const FIRST = 12_000;
const COUNT = 19_000;
let next = (process.pid * 211) % COUNT;

/** Starts a server on a free port. */
export async function onPort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (;;) {
    next = (next + 1) % COUNT;
    try {
      return await start(FIRST + next);
    } catch (error) {
      if (!isTaken(error)) throw error;
    }
  }
}

/** Finds a free port for another process. */
export const takePort = (): Promise<number> =>
  onPort(async (port) => {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, OWN_ADDRESS, resolve);
    });
    await new Promise((resolve) => server.close(resolve));
    return port;
  });

/** Starts a server again on the port that it had. It tries again while the kernel still holds the port. */
export async function onPortAgain<T>(start: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await start();
    } catch (error) {
      if (!isTaken(error) || tries > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

const isTaken = (error: unknown): boolean => errnoOf(error) === 'EADDRINUSE';
