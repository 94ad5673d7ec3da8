// A listener with a full backlog, without being root: a thread listens with the shortest backlog there is and never takes a call,
// and we call it ourselves until a call hangs. Linux drops further SYNs; what a system really does is found out, and the link tells it.

import { createConnection, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import type { Clock } from '../../core/clock.ts';

/** What became of a call too many: its SYN was dropped, it was refused, or there was still room after MAX_CALLS. */
export type Overflow = 'drops' | 'refuses' | 'has room';

/** A listener that takes no calls. */
export interface FullBacklog {
  readonly overflow: Overflow;
  /** Ends it: nobody listens when this returns. Who stood in the backlog is reset, who waits outside is not. */
  end(): void;
}

/** Linux holds backlog + 1 calls, the BSDs half as much again: with a backlog of 1 this is far more than enough. */
const MAX_CALLS = 32;
/** On the same computer a call that the kernel takes is taken in microseconds; one that is not taken by now hangs. Milliseconds. */
const HANGS_MS = 300;
/** No computer is so busy that a thread takes longer to close a socket. Milliseconds. */
const CLOSES_MS = 5000;

// What stands in the gate between us and the thread.
const STARTING = 0;
const LISTENING = 1;
const CLOSING = 2;
const CLOSED = 3;

// The thread: waits until it may listen, listens, and stands still before its event loop could take a call. A text, because a thread
// needs a file or a text, and the file has one name in the sources and another when compiled. The modules that listening loads are
// loaded before.
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
 * @param free called when the thread is about to listen: the port must be free then. It is one port, and between the two listeners
 * nobody listens: well under a millisecond, as a rule
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
  // A thread that stands still must not keep the process alive.
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
      // Waited for on the spot, some microseconds, so that we can listen in its place at once: meanwhile callers are refused.
      Atomics.wait(gate, 0, CLOSING, CLOSES_MS);
      for (const call of calls) call.destroy();
    },
  };
}

function fate(call: Socket, clock: Clock): Promise<'taken' | 'drops' | 'refuses'> {
  return new Promise((resolve) => {
    // What has come meanwhile is looked at once more before judging.
    const timer = clock.after(HANGS_MS, () => setImmediate(() => resolve('drops')));
    const settle = (how: 'taken' | 'refuses'): void => {
      timer.cancel();
      resolve(how);
    };
    call.once('connect', () => settle('taken'));
    call.on('error', () => settle('refuses'));
  });
}

// 0.0.0.0 is not an address to call.
const reachable = (host: string): string => ({ '0.0.0.0': '127.0.0.1', '::': '::1' })[host] ?? host;
