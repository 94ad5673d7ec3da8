// What the direct route costs compared with a bare socket: the round trip of a message to a receiver that writes it into a file and answers.
// Both receivers write in the same way: process.stdout is the file, and they answer when the write has called back. detour's receiver also
// reports each message on stderr, which goes into another file here.

import { mkdtempSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { MAIN } from '../lib/process.ts';
import { type Bench, inTurns, report } from './part.ts';
import type { Peer } from './peers.ts';
import { roundTrips, type Talk } from './round-trips.ts';
import { withServer } from './server.ts';
import { median } from './statistics.ts';

const BODY = 'x'.repeat(64);
const BARE = fileURLToPath(new URL('bare-receiver.mjs', import.meta.url));

interface Receiver extends Pick<Peer, 'name' | 'program' | 'args'>, Talk {
  /** What it writes for each message. */
  readonly shown: string;
}

const RECEIVERS: readonly Receiver[] = [
  {
    name: 'detour sync receive',
    program: process.execPath,
    args: (_dir, port) => [MAIN, 'sync', 'receive', '--port', `${port}`],
    hello: 'HELLO version=1 as=alice heartbeat=3600\n',
    message: (number) => Buffer.from(`SEND id=${number} size=${BODY.length}\n${BODY}\n`),
    answer: (number) => Buffer.from(`RECEIVED id=${number}\n`),
    shown: `alice: ${BODY}\n`,
  },
  {
    name: 'a bare socket of Node',
    program: process.execPath,
    args: (_dir, port) => [BARE, `${port}`],
    hello: '',
    message: () => Buffer.from(`${BODY}\n`),
    answer: () => Buffer.from(`${BODY}\n`),
    shown: `${BODY}\n`,
  },
];

/** Measures it. @throws Error if a message was not answered, or is not in the file */
export async function direct(bench: Bench): Promise<void> {
  const row = `${BODY.length} B there and back, into a file, one in flight: p50; target: at most 1.25`;
  const rows = await inTurns(bench, row, RECEIVERS, (receiver) => measure(bench, receiver));
  report(bench, { part: 'direct', row, unit: 'µs' }, rows);
}

async function measure({ scratch, seconds }: Bench, receiver: Receiver): Promise<number> {
  const file = path.join(mkdtempSync(path.join(scratch, 'direct-')), 'shown');
  // A shell opens the files, and becomes the receiver.
  const under = ['sh', '-c', 'file=$0; exec "$@" >"$file" 2>"$file.talk"', file];
  const { took, all } = await withServer(
    receiver,
    scratch,
    (port) => roundTrips(port, receiver, seconds),
    under,
  );
  if (readFileSync(file, 'latin1') !== receiver.shown.repeat(all))
    throw new Error(`${receiver.name} did not write the ${all} messages that it answered`);
  return median(took);
}
