// A listener with a full backlog, without root: a thread listens with the shortest possible backlog and never accepts, and this module
// connects to it until a connection hangs. Linux drops further SYNs. What this system does is measured, and the link reports it.

import { createConnection, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import type { Clock } from '../../core/clock.ts';

/** What the system does with a connection beyond the backlog: it drops the SYN, it refuses, or there is still room after MAX_CALLS. */
export type Overflow = 'drops' | 'refuses' | 'has room';

/** A listener that accepts nothing. */
export interface FullBacklog {
  readonly overflow: Overflow;
  /** Stops listening before it returns. Connections in the backlog are reset; clients that still wait for a SYN-ACK are not. */
  end(): void;
}

/** The most connections made to fill a backlog of 1. Linux holds backlog + 1, the BSDs one and a half times the backlog: this is plenty. */
const MAX_CALLS = 32;
/** A connection that is not established after this many milliseconds hangs: on the same computer the kernel takes microseconds. */
const HANGS_MS = 300;
/** How long to wait for the thread to close its socket, in milliseconds: far longer than even a busy computer needs. */
const CLOSES_MS = 5000;

// The states of the gate, the integer that is shared with the thread.
const STARTING = 0;
const LISTENING = 1;
const CLOSING = 2;
const CLOSED = 3;

// The thread waits until it may listen, listens, and blocks before its event loop can accept a connection. Its code is a string, because
// a file would have one name in the sources and another when compiled. It loads the modules that listening needs in advance.
const THREAD = `
const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads');
for (const name of ['node:cluster', 'node:dns']) process.getBuiltinModule(name);
const server = process.getBuiltinModule('node:net').createServer();
server.on('error', ({ code, message }) => parentPort.postMessage({ code, message }));
parentPort.postMessage('ready');
Atomics.wait(workerData.gate, 0, ${STARTING});
server.listen({ host: workerData.host, port: workerData.port, backlog: 1 }, () => {
  parentPort.postMessage('listening');
  Atomics.wait(workerData.gate, 0, ${LISTENING});
  server.close();
  Atomics.store(workerData.gate, 0, ${CLOSED});
  Atomics.notify(workerData.gate, 0);
  process.exit();
});`;

/**
 * Listens and fills the backlog.
 * @param free called when the thread is about to listen; it must free the port. Both listeners use the same port, so between them
 * nobody listens, normally for well under a millisecond
 * @throws the system's error if the thread cannot listen there
 */
export async function listenWithFullBacklog(
  host: string,
  port: number,
  clock: Clock,
  free: () => void,
): Promise<FullBacklog> {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const thread = new Worker(THREAD, { eval: true, workerData: { host, port, gate } });
  await new Promise<void>((resolve, reject) => {
    thread.once('error', reject);
    thread.on('message', (said: unknown) => {
      if (said === 'ready') {
        free();
        Atomics.store(gate, 0, LISTENING);
        Atomics.notify(gate, 0);
      } else if (said === 'listening') resolve();
      else reject(Object.assign(new Error('the thread cannot listen'), said));
    });
  });
  // The blocked thread must not keep the process alive.
  thread.unref();
  const calls: Socket[] = [];
  let overflow: Overflow = 'has room';
  while (overflow === 'has room' && calls.length < MAX_CALLS) {
    const call = createConnection({ host: reachable(host), port });
    const became = await fate(call, clock);
    if (became === 'taken') calls.push(call);
    else {
      overflow = became;
      call.destroy();
    }
  }
  return {
    overflow,
    end() {
      Atomics.store(gate, 0, CLOSING);
      Atomics.notify(gate, 0);
      // Blocks for some microseconds, so that the link can listen again immediately: until then connections are refused.
      Atomics.wait(gate, 0, CLOSING, CLOSES_MS);
      for (const call of calls) call.destroy();
    },
  };
}

function fate(call: Socket, clock: Clock): Promise<'taken' | 'drops' | 'refuses'> {
  return new Promise((resolve) => {
    // One more turn of the event loop: `connect` may have arrived at the same time as the timer.
    const timer = clock.after(HANGS_MS, () => setImmediate(() => resolve('drops')));
    const settle = (how: 'taken' | 'refuses'): void => {
      timer.cancel();
      resolve(how);
    };
    call.once('connect', () => settle('taken'));
    call.on('error', () => settle('refuses'));
  });
}

// 0.0.0.0 and :: are addresses to listen on, not to connect to.
const reachable = (host: string): string => ({ '0.0.0.0': '127.0.0.1', '::': '::1' })[host] ?? host;
