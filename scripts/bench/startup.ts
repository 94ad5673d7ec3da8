// How long a command takes, from its start to its exit: a direct message to a port where nobody listens, compared with a Node that does nothing.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { MAIN } from '../lib/process.ts';
import { type Bench, inTurns, report } from './part.ts';
import { freePort } from './server.ts';
import { median } from './statistics.ts';

/** How many runs make one figure: it is their median. */
const RUNS = 7;
/** The exit code of NOT DELIVERED. */
const NOT_DELIVERED = 10;
const COMMAND = fileURLToPath(new URL('../detour.mjs', import.meta.url));

/** Measures it. @throws Error if a command ends with another exit code */
export async function startup(bench: Bench): Promise<void> {
  const send = ['sync', 'send', '--to', `127.0.0.1:${await freePort()}`, 'hello'];
  const commands = [
    { name: 'node -e 0', args: ['-e', '0'], exit: 0 },
    { name: 'detour sync send, as npx starts it', args: [COMMAND, ...send], exit: NOT_DELIVERED },
    { name: 'detour sync send, the program alone', args: [MAIN, ...send], exit: NOT_DELIVERED },
  ];
  const row = 'from start to exit; target: at most 2';
  const rows = await inTurns(bench, row, commands, async ({ args, exit }) =>
    median(Array.from({ length: RUNS }, () => run(args, exit))),
  );
  report(bench, { part: 'startup', row, unit: 'ms', compare: 'this/first' }, rows);
}

function run(args: readonly string[], exit: number): number {
  const began = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args);
  const took = performance.now() - began;
  if (status !== exit) throw new Error(`${args.join(' ')}: exit ${status}, and ${exit} was to be: ${stderr}`);
  return took;
}
