// What `detour doctor` finds out about the folder of a relay's journal: who may write there, how much room there is, and how long the disk
// takes to make a small write durable. It changes nothing: the one file that it writes, it deletes.

import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  openSync,
  statfsSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DetourError, errnoOf } from '../../core/error.ts';
import { ms } from '../../core/units.ts';
import { LEAST_DISK_BYTES } from '../../library/arguments.ts';
import { checkFolder } from '../../library/relay.ts';
import { checkClaim, holdLock, networkFileSystem } from '../../net/lock.ts';
import { atHome } from '../state-dir.ts';
import type { Check } from './check.ts';

/** Below this many bytes there is a warning: a class that sends files fills that. */
const LITTLE_ROOM = 200_000_000;

/** How many writes are timed, how large each is in bytes, and after how many milliseconds no further one is begun. */
const WRITES = 20;
const WRITE_BYTES = 4096;
const ENOUGH_MS = 3000;

/** From this median on, people notice how long STORED takes, in milliseconds. */
const SLOW_MS = 100;

/** File systems that are in memory, by the number that Linux gives them (linux/magic.h): tmpfs, ramfs. */
const IN_MEMORY: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);

/** Looks at the folder of a journal, which need not exist yet: then at the nearest folder above it that does. */
export async function checkDisk(dir: string): Promise<Check[]> {
  const folder = nearest(resolve(dir));
  const journal = await checkJournal(dir);
  return journal.state === 'fails' ? [journal] : [journal, checkRoom(folder), checkSync(folder)];
}

const nearest = (dir: string): string =>
  existsSync(dir) || dirname(dir) === dir ? dir : nearest(dirname(dir));

/**
 * Would a relay get the folder of its journal? Nothing is created.
 * @param network the network file system that the folder is on, if it is on one; tests pass it
 */
export async function checkJournal(dir: string, network = networkFileSystem(dir)): Promise<Check> {
  const what = 'journal';
  const where = atHome(dir);
  try {
    if (network !== undefined) checkClaim(dir, network);
    const warning = checkFolder(dir);
    const there = existsSync(dir);
    // The lock can only be tried on a folder that is there, because it would create the folder.
    if (there) await (await holdLock(dir, network))();
    const found = `${where} ${there ? 'is there, and no relay uses it' : 'does not exist yet; a relay creates it'}`;
    if (warning !== undefined) return { what, state: 'warning', found: warning };
    if (network === undefined) return { what, state: 'ok', found };
    return {
      what,
      state: 'warning',
      found: `${found}. It is on a network file system (${network})`,
      advice:
        'One computer at a time can use it. A disk of this computer is safer and mostly faster: --journal.',
    };
  } catch (error) {
    return {
      what,
      // A relay that runs is not a failure, although a second one on this journal would not start.
      state: errnoOf(error) === 'locked' ? 'warning' : 'fails',
      found: error instanceof Error ? error.message : String(error),
      ...(error instanceof DetourError && error.hint !== '' && { advice: error.hint }),
    };
  }
}

/** Is there room for a journal? @param free the bytes that this user may still write there; tests pass it */
export function checkRoom(folder: string, free = freeBytes(folder)): Check {
  const what = 'disk';
  if (free === undefined)
    return { what, state: 'warning', found: 'the system does not say how much is free' };
  const found = `${size(free)} free in ${atHome(folder)}`;
  if (free >= LITTLE_ROOM) return { what, state: 'ok', found };
  return {
    what,
    state: free < LEAST_DISK_BYTES ? 'fails' : 'warning',
    found,
    advice: `A journal needs ${size(LEAST_DISK_BYTES)} at least. Make room, or give another folder with --journal.`,
  };
}

function freeBytes(folder: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

const size = (count: number): string =>
  count >= 1e9 ? `${(count / 1e9).toFixed(1)} GB` : `${Math.floor(count / 1e6)} MB`;

/** How long does a small durable write take? Every STORED waits for one. */
export function checkSync(folder: string): Check {
  const what = 'sync';
  try {
    const times = timedWrites(folder).sort((a, b) => a - b);
    const median = times[Math.floor(times.length / 2)] ?? 0;
    const found = `${times.length} writes of ${WRITE_BYTES} bytes, each with fdatasync: median ${ms(median)}, slowest ${ms(times.at(-1) ?? 0)}`;
    if (IN_MEMORY.has(statfsSync(folder).type))
      return {
        what,
        state: 'warning',
        found: `${found}. ${atHome(folder)} is in memory, not on a disk`,
        advice: 'A power cut loses what is STORED there. Give another folder with --journal.',
      };
    if (median < SLOW_MS) return { what, state: 'ok', found };
    return {
      what,
      state: 'warning',
      found,
      advice: 'Each STORED waits that long. Is something else writing a lot to this disk?',
    };
  } catch (error) {
    return {
      what,
      state: 'fails',
      found: `cannot write in ${atHome(folder)}: ${error instanceof Error ? error.message : String(error)}`,
      advice: 'Give a folder in which you may write with --journal.',
    };
  }
}

// Writes as a relay does: into a file that has its size already. The calls are synchronous so that Ctrl-C cannot leave the file behind.
function timedWrites(folder: string): number[] {
  const file = join(folder, `.detour-doctor-${randomBytes(4).toString('hex')}`);
  const page = Buffer.alloc(WRITE_BYTES, 'detour doctor\n');
  const fd = openSync(file, 'wx', 0o600);
  const times: number[] = [];
  try {
    writeSync(fd, Buffer.alloc(WRITES * WRITE_BYTES));
    fsyncSync(fd);
    const first = performance.now();
    for (let n = 0; n < WRITES && performance.now() - first < ENOUGH_MS; n += 1) {
      const began = performance.now();
      writeSync(fd, page, 0, WRITE_BYTES, n * WRITE_BYTES);
      fdatasyncSync(fd);
      times.push(performance.now() - began);
    }
  } finally {
    closeSync(fd);
    unlinkSync(file);
  }
  return times;
}
