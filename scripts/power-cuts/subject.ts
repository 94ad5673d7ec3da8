// The log under test: the relay's own, with segments so small that a new one begins several times a second.

import { openDiskLog } from '../../src/async/log/disk.ts';
import type { FileSystem } from '../../src/async/log/files.ts';
import type { Log, Owner } from '../../src/async/log/log.ts';

/** What the log is opened with. */
export interface SubjectOptions {
  readonly dir: string;
  /** The file system that it uses: one that lies, in a control. */
  readonly files: FileSystem;
}

/** Sizes of segments, in bytes. An entry of the history fits into the smallest. */
const SIZES = { smallest: 64 * 1024, largest: 256 * 1024 };

/** Opens the log. */
export function openSubject(options: SubjectOptions, owner: Owner): Promise<Log> {
  return openDiskLog({ ...options, ...SIZES }, owner);
}
