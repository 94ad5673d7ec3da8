// A server that has run out of file handles goes on, and accepts again when it has some.

import { createConnection, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { RawClient, start } from '../harness.ts';
import { until } from '../servers.ts';

/** The program needs some dozens while it loads; the rest is for connections. */
const HANDLES = 150;
const MANY = 2 * HANDLES;

// On Windows no shell can set such a limit.
test.skipIf(process.platform === 'win32')(
  'of more connections than file handles some are closed at once; when others end there is room again',
  async () => {
    const receiver = start(['sync', 'receive', '--port', '0'], {
      within: ['sh', '-c', `ulimit -n ${HANDLES}; exec "$@"`, 'sh'],
    });
    const { port } = await receiver.until('listening');
    const sockets: Socket[] = [];
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
    });
    const served = new Set<Socket>();
    const closed = new Set<Socket>();
    for (let count = 0; count < MANY; count += 1) {
      const socket = createConnection({ host: '127.0.0.1', port });
      sockets.push(socket);
      socket.on('error', () => {});
      socket.once('data', () => served.add(socket));
      socket.once('close', () => closed.add(socket));
    }
    await until(() => served.size + closed.size === MANY);
    expect(served.size).toBeGreaterThan(0);
    expect(served.size).toBeLessThan(HANDLES);

    for (const socket of sockets) socket.destroy();
    await until(() => receiver.events.filter(({ event }) => event === 'closed').length >= served.size);
    const client = await RawClient.connect(port);
    expect((await client.next())[0]).toMatch(/^READY /);
    client.type('HELLO version=1 as=alice\nSEND id=1 size=2\nhi\n');
    expect(await client.next()).toEqual(['RECEIVED id=1', undefined]);
    expect(receiver.child.exitCode).toBeNull();
  },
);
