// A long run, recorded by real processes: what a page must stay quick with.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MAIN, Program } from '../lib/process.ts';

/** How many frames a long run has. */
export const FRAMES = 2000;

/** The logs of a long run, as lines with their ends. */
export interface LongRun {
  readonly alice: readonly string[];
  readonly bob: readonly string[];
}

/** Records a run in which alice sends one message after the other to bob, until there are `FRAMES` frames on the wire. @param dir for the logs */
export async function recordLongRun(dir: string): Promise<LongRun> {
  const logs = [join(dir, 'recorded-alice.log'), join(dir, 'recorded-bob.log')] as const;
  const bob = new Program(MAIN, ['sync', 'receive', '--port', '0', '--log', logs[1]]);
  const [, address = ''] = (await bob.says(/listens on (\S+),/)) ?? [];
  const alice = new Program(MAIN, [
    'sync',
    'send',
    '--lines',
    '--to',
    address,
    '--as',
    'alice',
    '--log',
    logs[0],
  ]);
  // Two frames for each message: SEND and RECEIVED.
  alice.input(Array.from({ length: FRAMES / 2 }, (_, index) => `message ${index + 1}\n`).join(''));
  if ((await alice.ended) !== 0) throw new Error(`alice could not send: ${alice.stderr.slice(-500)}`);
  await bob.kill();
  const [sent, received] = logs.map((log) => readFileSync(log, 'utf8').match(/[^\n]*\n/g) ?? []);
  return { alice: sent ?? [], bob: received ?? [] };
}
