// A relay as a process of its own, with one part of it that lies: what kills.ts must catch.
//
//   node <this, compiled> <lie> <folder of the journal>

import { connect, createServer, type Socket } from 'node:net';
import { openDiskLog } from '../../src/async/log/disk.ts';
import type { OpenLog } from '../../src/async/log/log.ts';
import { startRelay } from '../../src/async/relay.ts';
import { systemClock } from '../../src/core/clock.ts';
import { netContext } from '../../src/net/context.ts';
import { FrameDecoder } from '../../src/wire/decoder.ts';
import { type Frame, MAX_BODY } from '../../src/wire/frame.ts';
import { encode } from '../../src/wire/verbs.ts';
import { forgetful, hasty } from './lying-log.ts';
import type { RelayLie } from './relay-lies.ts';

const HOST = '127.0.0.1';

const [, , lie = '', dir = ''] = process.argv;
const honest: OpenLog = (owner) => openDiskLog({ dir, clock: systemClock }, owner);

/** What starts each of them. @returns the port on which it listens */
const START: Readonly<Record<RelayLie, () => Promise<number>>> = {
  'a relay that says STORED before it writes': () => start(hasty(honest)),
  'a relay that forgets the ids when it dies': () => start(forgetful(honest)),
  'a relay that lets go of a message when it is sent, not when it is acknowledged': async () =>
    acknowledging(await start(honest)),
};

async function start(log: OpenLog): Promise<number> {
  const onFailure = (error: Error): never => {
    throw error;
  };
  const context = netContext(() => {}, systemClock, false);
  const relay = await startRelay({ host: HOST, port: 0, context, log, onFailure });
  return relay.address.port;
}

// Stands before a relay, and acknowledges to it each message that it hands out.
function acknowledging(port: number): Promise<number> {
  const server = createServer((client) => {
    const relay = connect(port, HOST);
    eachFrame(client, relay, ({ raw }) => relay.write(raw));
    eachFrame(relay, client, ({ raw, verb, fields }) => {
      client.write(raw);
      if (verb === 'MESSAGE') relay.write(encode({ verb: 'ACK', seq: Number(fields.get('seq')) }));
    });
  });
  return new Promise((resolve) => {
    server.listen(0, HOST, () => {
      const address = server.address();
      resolve(typeof address === 'object' ? (address?.port ?? 0) : 0);
    });
  });
}

function eachFrame(from: Socket, to: Socket, pass: (frame: Frame) => void): void {
  const decoder = new FrameDecoder(MAX_BODY);
  from.setNoDelay(true);
  from.on('data', (bytes) => {
    decoder.push(bytes);
    for (let found = decoder.next(); found !== undefined; found = decoder.next())
      if (found.kind === 'frame') pass(found.frame);
  });
  from.on('error', () => {});
  from.on('close', () => to.destroy());
}

const port = await START[lie as RelayLie]();
process.stderr.write(`relay listens on ${HOST}:${port}, lying.\n`);
