// Ways to break a log, each on a file system in memory that fails, tears or loses a chosen call. The tests try some of the places, and
// scripts/torture.ts tries all.

import { openDiskLog } from '../../../src/async/log/disk.ts';
import type { OpenLog } from '../../../src/async/log/log.ts';
import type { Clock } from '../../../src/core/clock.ts';
import { Decided, TestOwner } from './owner.ts';
import { type Fault, SimulatedFiles } from './simulated-files.ts';

const DIR = '/journal';

/** Small segments of 4 to 16 KiB and entries of up to 3,000 bytes, so that a short run goes through everything. */
export const SIZES = { smallest: 4096, largest: 16_384 };

/** Every timer fires at the end of this turn, so that what is retried is retried immediately. */
const hasty: Clock = {
  monotonic: () => 0,
  epoch: () => 0,
  after: (_ms, fire) => {
    const timer = setImmediate(fire);
    return { cancel: () => clearImmediate(timer) };
  },
};

/** An empty simulated disk with the folder of the log. */
export function emptyDisk(capacity?: number): SimulatedFiles {
  const files = new SimulatedFiles(capacity === undefined ? {} : { capacity });
  files.setContents(`${DIR}/made`, Buffer.alloc(0));
  files.remove(`${DIR}/made`);
  return files;
}

/** How the log on a simulated disk is opened. */
export function opening(files: SimulatedFiles, salvage = false): OpenLog {
  const lock = async (): Promise<() => Promise<void>> => async () => undefined;
  return (owner) => openDiskLog({ dir: DIR, files, clock: hasty, lock, salvage, ...SIZES }, owner);
}

/** The number of messages that the script sends. With everything else it makes 460 calls of the log. */
const OPERATIONS = 300;

/** The run that is broken at each of its steps, with rotation, allocation, checkpoints, moves and freeing. */
export async function script(owner: TestOwner, operations = OPERATIONS): Promise<void> {
  // What was found is reported before anything else is written.
  await owner.settle();
  for (let i = 0; i < operations && owner.failure === undefined; i++) {
    await owner.send(30 + ((i * 137) % 700) + (i % 50 === 49 ? 2000 : 0));
    if (i % 3 === 0) await owner.settle();
    if (i % 7 === 6) owner.collect(i % 2 === 0 ? 3 : 9);
    if (i % 20 === 10) await owner.checkpoint().catch(() => undefined);
    if (i % 30 === 25) {
      await owner.settle();
      if (owner.failure === undefined) await owner.move();
    }
    if (i % 5 === 4) owner.free();
    // While commits go on, the rest of the segments is allocated.
    if (i % 9 === 5) await owner.log.usage();
  }
  await owner.settle();
}

/** Opens a log, checks everything, works on for a while, closes it, and opens it once more. @throws Error if something is lost */
export async function goOn(open: OpenLog, decided: Decided): Promise<void> {
  for (const more of [40, 0]) {
    const owner = await new TestOwner(decided).open(open);
    const unread = await owner.readAll();
    if (unread.length > 0) throw new Error(`LOST: messages ${unread} cannot be read`);
    await script(owner, more);
    if (owner.failure !== undefined) throw owner.failure;
    await owner.log.close();
  }
}

/** Runs `work` until it ends or the process is killed. @returns was it killed? */
export async function untilKilled(files: SimulatedFiles, work: () => Promise<unknown>): Promise<boolean> {
  const killed = new Promise<true>((resolve) => {
    files.onKill = () => resolve(true);
  });
  return await Promise.race([killed, work().then(() => false)]);
}

/** The number of steps that the script takes on an empty disk. */
export async function steps(operations?: number): Promise<number> {
  const files = emptyDisk();
  const owner = await new TestOwner(new Decided()).open(opening(files));
  await script(owner, operations);
  await owner.log.close();
  return files.steps;
}

/** Changes that remove a rule, to see that its absence is found. */
export type Sabotage = (files: SimulatedFiles) => void;

/** The end of a process: at which of its steps, when within the step, and whether the power goes, too. */
export interface Crash {
  readonly step: number;
  readonly how: 'before' | 'after' | 'half';
  readonly power: boolean;
}

/**
 * Runs the script, which crashes; opens the log again for each further crash; and finally opens it without one.
 * @param operations the length of the script in the first process; a later one opens the log and does a little
 * @param chance decides what a power cut leaves
 * @throws Error if something that was durable is lost or has changed, or the log does not open
 */
export async function crash(
  crashes: readonly Crash[],
  operations: number,
  chance: () => number,
  sabotage?: Sabotage,
): Promise<void> {
  let files = emptyDisk();
  const decided = new Decided();
  for (const [life, { step, how, power }] of crashes.entries()) {
    sabotage?.(files);
    files.plan(step, 'kill', { how });
    await untilKilled(files, async () => {
      const owner = await new TestOwner(decided).open(opening(files));
      await script(owner, life === 0 ? operations : 4);
      await owner.log.close();
    });
    if (power) files.powerCut(chance);
    else files.kill();
    // A copy goes on, because what is left of the old process must not act on the new one.
    files = files.fork();
  }
  sabotage?.(files);
  await goOn(opening(files), decided);
}

/** Kills the script at a step (or cuts the power there), and the next opening at a random step. @throws as `crash` does */
export async function killAt(
  step: number,
  power: boolean,
  chance: () => number,
  sabotage?: Sabotage,
): Promise<void> {
  const how = (): Crash['how'] =>
    (['before', 'after', 'half'] as const)[Math.floor(chance() * 3)] ?? 'before';
  const second = 1 + Math.floor(chance() * 40);
  await crash(
    [
      { step, how: how(), power },
      { step: second, how: how(), power },
    ],
    OPERATIONS,
    chance,
    sabotage,
  );
}

/**
 * Lets a step of the script fail. A temporary failure must not end the log. After any other it must end, or go on without loss. After a failed
 * sync the page cache is dropped before the log is opened again, because the cache shows what the disk does not have.
 */
export async function failAt(
  step: number,
  fault: Exclude<Fault, 'kill'>,
  chance: () => number,
  sabotage?: Sabotage,
): Promise<void> {
  const files = emptyDisk();
  const decided = new Decided();
  sabotage?.(files);
  files.plan(step, fault, { random: chance });
  const owner = new TestOwner(decided);
  try {
    await owner.open(opening(files));
    await script(owner);
    await owner.log.close();
  } catch (error) {
    if (owner.failure === undefined && files.steps > 40) throw error;
  }
  if (fault !== 'EIO' && owner.failure !== undefined) throw owner.failure;
  files.kill();
  const next = files.fork();
  next.dropCache();
  sabotage?.(next);
  await goOn(opening(next), decided);
}

/** One random history: operations, kills and power cuts at random steps, several processes. @returns the number of operations */
export async function history(chance: () => number, sabotage?: Sabotage): Promise<number> {
  let files = emptyDisk();
  const decided = new Decided();
  const pick = (below: number): number => Math.floor(chance() * below);
  let operations = 0;
  for (let life = 0; life < 4; life++) {
    sabotage?.(files);
    const power = chance() < 0.5;
    if (life < 3)
      files.plan(1 + pick(chance() < 0.3 ? 25 : 250), 'kill', {
        how: (['before', 'after', 'half'] as const)[pick(3)] ?? 'half',
      });
    const killed = await untilKilled(files, async () => {
      const owner = await new TestOwner(decided).open(opening(files));
      await owner.readAll();
      for (let i = 10 + pick(60); i > 0; i--) {
        operations += 1;
        const choice = pick(20);
        if (choice < 11) await owner.send(24 + pick(chance() < 0.1 ? 2900 : 300));
        else if (choice < 13) owner.collect(1 + pick(8));
        else if (choice < 16) await owner.settle();
        else if (choice < 17) await owner.checkpoint();
        else if (choice < 18) owner.free();
        else if (choice < 19) {
          await owner.settle();
          await owner.move();
        } else await new Promise((resolve) => setImmediate(resolve));
      }
      if (chance() < 0.5) await owner.log.close();
    });
    if (power) files.powerCut(chance);
    else files.kill();
    files = files.fork();
    if (!killed && !power && chance() < 0.5) files.dropCache();
  }
  await goOn(opening(files), decided);
  return operations;
}
