// What a relay needs for the mail that it holds: how much more memory than an empty relay, and how long it takes from a restart after a kill
// until it says READY. That depends on how much was stored after the last checkpoint, so it is killed at several points between two checkpoints.

import { rmSync } from 'node:fs';
import path from 'node:path';
import { RelayProcess } from '../lib/relay-process.ts';
import { fill } from './load.ts';
import { type Bench, inTurns, type Row, report } from './part.ts';
import { median } from './statistics.ts';

/** How many bytes of log there are between two checkpoints, and how many a message takes in it beside its body. */
const CHECKPOINT = 64 * 1024 * 1024;
const COST = 42;
/** It is killed when it has been filled, and then after each of these shares of the distance between two checkpoints. */
const MOMENTS = [0.05, 0.5, 0.9];

interface Mail {
  readonly name: string;
  readonly count: number;
  readonly size: number;
}

const MAIL: readonly Mail[] = [
  { name: '1,000,000 of 128 B', count: 1_000_000, size: 128 },
  { name: '5,000,000 of 128 B', count: 5_000_000, size: 128 },
  { name: '200,000 of 4 KiB', count: 200_000, size: 4096 },
];

interface Measured {
  /** Megabytes above an empty relay: right after the mail came in, and after it was killed and started again. */
  readonly filled: number;
  readonly restarted: number;
  /** Seconds from each start to READY. */
  readonly starts: readonly number[];
}

/** Measures it. @throws Error if a message is missing after a restart */
export async function memory(bench: Bench): Promise<void> {
  const rows = await inTurns(bench, 'held', MAIL, (mail) => measure(bench, mail));
  const show = (row: string, unit: string, of: (one: Measured) => number): void => {
    const values = rows.map((each): Row<number> => ({ who: each.who, values: each.values.map(of) }));
    report(bench, { part: 'memory', row, unit, compare: 'not' }, values);
  };
  const above = 'memory above an empty relay';
  show(`${above}, right after they came in; target: at most 200`, 'MB', ({ filled }) => filled);
  show(`${above}, after a restart; target: at most 70 and 150`, 'MB', ({ restarted }) => restarted);
  const ready = `from start to READY, killed ${MOMENTS.length + 1} times`;
  show(`${ready}: median; target: at most 0.7 s, 1.5 s, 0.5 s`, 'ms', ({ starts }) => median(starts));
  show(`${ready}: the slowest`, 'ms', ({ starts }) => Math.max(...starts));
}

async function measure({ load, scratch }: Bench, { count, size }: Mail): Promise<Measured> {
  const dir = path.join(scratch, 'held');
  const shape = { senders: 32, outstanding: 64, size };
  let relay = await RelayProcess.start(dir);
  let held = 0;
  const add = async (more: number): Promise<void> => {
    await fill(load, relay.port, shape, more);
    held += more;
  };
  const restart = async (): Promise<number> => {
    await relay.end('SIGKILL');
    const began = performance.now();
    relay = await RelayProcess.start(dir);
    (await relay.talk('newcomer')).drop();
    return performance.now() - began;
  };
  try {
    (await relay.talk('newcomer')).drop();
    const empty = relay.memory.now;
    await add(count);
    const filled = relay.memory.now - empty;
    const starts = [await restart()];
    const restarted = relay.memory.now - empty;
    for (const moment of MOMENTS) {
      await add(Math.round((moment * CHECKPOINT) / (size + COST)));
      starts.push(await restart());
      const found = await relay.held();
      if (found !== held) throw new Error(`${held} were stored, and ${found} are held after a restart`);
    }
    return { filled, restarted, starts };
  } finally {
    await relay.end();
    rmSync(dir, { recursive: true, force: true });
  }
}
