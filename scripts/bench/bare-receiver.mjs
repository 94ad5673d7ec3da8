// The smallest receiver in Node: it writes what comes to its stdout, and echoes it when that write has called back. It greets each sender with
// a line.
//
// Argument: the port on 127.0.0.1.

import { createServer } from 'node:net';

createServer((socket) => {
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes) => process.stdout.write(bytes, () => socket.write(bytes)));
  socket.write('READY\n');
}).listen(Number(process.argv[2]), '127.0.0.1');
