// Places for what is stopped and started again on the same one. The ports are below those that the system gives to callers, and the
// address is this process's own where a system has more than one: nobody takes a place while its owner is away, not even another
// process that does the same at the same time.

import { createServer } from 'node:net';
import { errnoOf } from '../../src/core/error.ts';
import { OWN_ADDRESS } from '../../src/lab/stage/address.ts';

const FIRST = 12_000;
const COUNT = 19_000;
let next = (process.pid * 211) % COUNT;

/** Starts a server on a port that is free. */
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

/** A port that is free, for another process. */
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

/** Starts a server on this port again; the kernel may still hold it for a moment. */
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
