// One end of a raw TCP conversation, as its own process. It takes one JSON command per line and reports what Node told it, one JSON line each.
// It knows nothing about detour. It is plain JavaScript, because it is started many times.

import { createConnection, createServer } from 'node:net';
import { createInterface } from 'node:readline';

const sockets = new Map();
let server;
let accepted = 0;

const report = (as, what, more = {}) => process.stdout.write(`${JSON.stringify({ as, what, ...more })}\n`);

const words = (error) =>
  error instanceof AggregateError
    ? `AggregateError "${error.message}" of ${error.errors.map(({ code }) => code).join(' and ')}, code ${error.code}`
    : [error.code, error.syscall].filter(Boolean).join(' ');

function watch(as, socket, swallows = false) {
  sockets.set(as, socket);
  socket.on('connect', () => report(as, 'connect'));
  socket.on('data', (bytes) => {
    if (swallows) {
      // Node has read it, but the program never sees it: its loop stands still from here.
      report(as, 'Node has read', { size: bytes.length });
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    }
    report(as, 'data', { size: bytes.length, text: bytes.subarray(0, 2000).toString('latin1') });
  });
  socket.on('end', () => report(as, 'end'));
  socket.on('timeout', () => report(as, 'timeout'));
  socket.on('error', (error) => report(as, words(error)));
  socket.on('close', (hadError) => report(as, `close hadError=${hadError}`));
}

const ORDERS = {
  /** Listens; accepted connections are called in1, in2, … and are greeted with `greet`. */
  listen({ host = '127.0.0.1', port = 0, backlog, halfOpen = false, greet, swallows = false }) {
    server = createServer({ allowHalfOpen: halfOpen }, (socket) => {
      accepted += 1;
      watch(`in${accepted}`, socket, swallows);
      report(`in${accepted}`, 'accepted');
      if (greet !== undefined) socket.write(greet);
    });
    server.on('error', (error) => report('server', words(error)));
    server.listen({ host, port, ...(backlog === undefined ? {} : { backlog }) }, () =>
      report('server', 'listening', { port: server.address().port }),
    );
  },
  unlisten() {
    server.close(() => report('server', 'closed'));
  },
  connect({ as, host = '127.0.0.1', port, halfOpen = false, keepAlive = false, answersEnd = false }) {
    const socket = createConnection({ host, port, allowHalfOpen: halfOpen, noDelay: true });
    watch(as, socket);
    // After Node has ended our direction, too, and before it has released the socket.
    if (answersEnd) socket.on('end', () => process.nextTick(() => process.nextTick(() => socket.write('x'))));
    // A keepalive probe after each second of silence.
    if (keepAlive) socket.setKeepAlive(true, 1000);
  },
  write({ as, text, size }) {
    sockets.get(as).write(text ?? Buffer.alloc(size), (error) => {
      // The socket itself reports an error.
      if (!error) report(as, 'wrote');
    });
    report(as, 'handed over');
  },
  /** Writes a byte every 20 ms, for ever. */
  drum({ as }) {
    setInterval(() => sockets.get(as).write('.'), 20);
  },
  timeout({ as, ms }) {
    sockets.get(as).setTimeout(ms);
  },
  end: ({ as }) => sockets.get(as).end(),
  reset: ({ as }) => sockets.get(as).resetAndDestroy(),
  destroy: ({ as }) => sockets.get(as).destroy(),
  pause: ({ as }) => sockets.get(as).pause(),
  resume: ({ as }) => sockets.get(as).resume(),
  /** Does this socket still exist, to be written to? */
  state({ as }) {
    const socket = sockets.get(as);
    const absorbed = socket.bytesWritten - socket.writableLength;
    report(as, 'state', { open: !socket.destroyed && socket.writable, absorbed });
  },
  /** Drops the rights of root. */
  nobody() {
    process.setgid(65534);
    process.setuid(65534);
  },
  exit: () => process.exit(),
};

const orders = createInterface({ input: process.stdin });
orders.on('line', (line) => {
  const order = JSON.parse(line);
  ORDERS[order.do](order);
});
// The process that gave the commands is gone: this one ends, too.
orders.on('close', () => process.exit());
report('probe', 'ready');
