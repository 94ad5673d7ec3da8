// A server that has run out of file handles goes on, and accepts connections again when it has some.

import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Actor } from '../../src/lab/stage/actor.ts';
import { RawClient, start, tempDir } from '../harness.ts';
import { until } from '../servers.ts';

/** The program needs some dozens while it loads; the rest is for connections. */
const FEW = 150;
const MANY = 2 * FEW;

/** Starts a server that may have few handles. */
const withFew = (handles: number, ...args: string[]): Actor =>
  start([...args, '--port', '0'], { within: ['sh', '-c', `ulimit -n ${handles}; exec "$@"`, 'sh'] });

/** More connections than there are handles, each of which keeps its place: each was served, refused or closed. */
async function crowd(
  port: number,
): Promise<{ readonly sockets: readonly Socket[]; readonly served: number }> {
  const served = new Set<Socket>();
  const closed = new Set<Socket>();
  const sockets = Array.from({ length: MANY }, () => createConnection({ host: '127.0.0.1', port }));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  for (const socket of sockets) {
    socket.on('error', () => {});
    let heard = '';
    socket.on('data', (bytes) => {
      heard += bytes;
      if (heard.includes('PONG')) served.add(socket);
    });
    // A client that is answered has said HELLO, and keeps its place.
    socket.write('HELLO version=1 as=many heartbeat=3600\nPING\n');
    socket.once('close', () => closed.add(socket));
  }
  await until(() => served.size + closed.size === MANY);
  return { sockets, served: served.size };
}

/** Ends all of them, and waits until the server has noticed. */
async function dispersed(
  server: Actor,
  { sockets, served }: Awaited<ReturnType<typeof crowd>>,
): Promise<void> {
  for (const socket of sockets) socket.destroy();
  await until(() => server.events.filter(({ event }) => event === 'closed').length >= served);
}

// On Windows no shell can set such a limit.
test.skipIf(process.platform === 'win32')(
  'with more connections than file handles, some are closed immediately; when others end, there is room again',
  async () => {
    const receiver = withFew(FEW, 'sync', 'receive');
    const { port } = await receiver.until('listening');
    const many = await crowd(port);
    expect(many.served).toBeGreaterThan(0);
    expect(many.served).toBeLessThan(FEW);
    await dispersed(receiver, many);
    const client = await RawClient.connect(port);
    expect((await client.next())[0]).toMatch(/^READY /);
    client.type('HELLO version=1 as=alice\nSEND id=1 size=2\nhi\n');
    expect(await client.next()).toEqual(['RECEIVED id=1', undefined]);
    expect(receiver.child.exitCode).toBeNull();
  },
);

// The limit is read from a file that Linux alone has.
test.skipIf(process.platform !== 'linux').for([64, FEW])(
  'of %i handles connections take none that the log of a relay needs: it stores and hands out all the same',
  async (handles) => {
    const relay = withFew(handles, 'async', 'relay', '--journal', join(tempDir(), 'journal'));
    const { port } = await relay.until('listening');
    const notice = relay.events.find(({ event }) => event === 'notice');
    const places = Number(/takes (\d+) connections/.exec(notice?.event === 'notice' ? notice.text : '')?.[1]);
    const [alice, bob] = [await RawClient.connect(port), await RawClient.connect(port)];
    alice.type('HELLO version=1 as=alice\n');
    bob.type('HELLO version=1 as=bob\n');
    const many = await crowd(port);
    // As many as the server said, plus alice and bob.
    expect(many.served).toBe(places - 2);
    await Promise.all([alice.next(), bob.next()]);
    // Over several segments.
    const ids = Array.from({ length: 8 }, (_, id) => `${id}`);
    const body = 'x'.repeat(900_000);
    for (const id of ids) alice.type(`SEND id=${id} to=bob size=${body.length}\n${body}\n`);
    for (const id of ids) expect((await alice.next())[0]).toMatch(`STORED id=${id} `);
    bob.type('RECEIVE window=1 drain=yes\n');
    for (const id of ids) {
      expect((await bob.next())[0]).toContain(` id=${id} `);
      bob.type(`ACK seq=${Number(id) + 1}\n`);
    }
    expect(await bob.next()).toEqual(['EMPTY', undefined]);
    await dispersed(relay, many);
    expect((await (await RawClient.connect(port)).next())[0]).toMatch(/^READY /);
  },
);
