// Shared by the tests of the log: a log with small segments on a simulated disk, and a look at its files.

import { openDiskLog } from '../../../src/async/log/disk.ts';
import type { Lsn, OpenLog } from '../../../src/async/log/log.ts';
import { DetourError } from '../../../src/core/error.ts';
import { FakeClock } from '../../fake-clock.ts';
import { Decided, TestOwner } from './owner.ts';
import type { SimulatedFiles } from './simulated-files.ts';

/** The folder of the log. */
export const DIR = '/journal';

/** The size of a segment, in bytes, and of the header that a file begins with. */
export const SEGMENT = 2048;
export const FILE_HEADER = 512;

/** Opens a log with segments of 2 KiB: smaller than in the other tests, so that a log of three segments has few bytes. */
export function openingSmall(files: SimulatedFiles, salvage = false): OpenLog {
  const lock = async (): Promise<() => Promise<void>> => async () => undefined;
  const how = { dir: DIR, files, clock: new FakeClock(), lock, salvage, smallest: SEGMENT, largest: SEGMENT };
  return (owner) => openDiskLog(how, owner);
}

/** A new log, or an existing one. */
export const opened = (files: SimulatedFiles, decided = new Decided()): Promise<TestOwner> =>
  new TestOwner(decided).open(openingSmall(files));

/** The path of a segment or a checkpoint. */
export const pathOf = (lsn: Lsn, kind: 'wal' | 'checkpoint'): string =>
  `${DIR}/${String(lsn).padStart(15, '0')}.${kind}`;

/** The LSNs in the names of segments or checkpoints. */
export const named = (files: SimulatedFiles, kind: 'wal' | 'checkpoint'): Lsn[] =>
  files
    .names(DIR)
    .filter((name) => name.endsWith(`.${kind}`))
    .map((name) => Number.parseInt(name, 10));

const NONE = Buffer.from('no file holds this');

/** All files, by path. */
export const contentsOf = (files: SimulatedFiles): Map<string, Buffer> =>
  new Map(files.names(DIR).map((name) => [`${DIR}/${name}`, files.contents(`${DIR}/${name}`)]));

/** The paths of the files that differ or are in only one of the two. */
export const differing = (a: ReadonlyMap<string, Buffer>, b: ReadonlyMap<string, Buffer>): string[] =>
  [...new Set([...a.keys(), ...b.keys()])].filter(
    (file) => b.get(file)?.equals(a.get(file) ?? NONE) !== true,
  );

/** Waits until everything that can happen by itself has happened. Nothing here waits for time. */
export async function turns(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** The error with which a call is rejected. @throws AssertionError if it is not rejected, or by a defect */
export async function refusal(call: Promise<unknown>): Promise<DetourError> {
  const error: unknown = await call.then(
    () => new Error('it was not rejected'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof DetourError) return error;
  throw error;
}
