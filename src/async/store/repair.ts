// What a new life sets right in the directory, once the next segment is its own: the torn tail of the life before is cut off,
// what it did not get to clearing away is removed. What is torn is decided in recover.ts.

import { open, rm, writeFile } from 'node:fs/promises';
import type { Emit } from '../../trace/event.ts';
import { isFull, syncDirectory } from './disk.ts';
import type { Files } from './files.ts';
import type { Found } from './recover.ts';

/**
 * Cuts the last segment of the life before to what counts, which gives back to the disk what was prepared and not used, too; and
 * removes files that do not count any more. Durable when it resolves.
 */
export async function repair(
  { tail, leftovers }: Found,
  dir: string,
  files: Files,
  emit: Emit,
): Promise<void> {
  if (tail !== undefined) {
    const { segment, offset, torn } = tail;
    if (torn.length > 0) await keep(`${segment.path}.${offset}.cut`, torn);
    if (segment.size > offset) await cutFile(segment.path, offset);
    files.resize(segment.header.k, offset);
    if (torn.length > 0) emit({ event: 'cut', file: segment.path, offset, bytes: torn.length });
  }
  for (const file of leftovers) await rm(file, { force: true });
  await syncDirectory(dir);
}

/**
 * Gives back to the disk what the last segment has prepared and not used, if there is nothing torn in it.
 * @returns whether there was anything to give back
 */
export async function trim({ tail }: Found): Promise<boolean> {
  if (tail === undefined || tail.torn.length > 0 || tail.segment.size === tail.offset) return false;
  await cutFile(tail.segment.path, tail.offset);
  return true;
}

// Kept for whoever wants to look; on a full disk it is not worth refusing to start.
async function keep(file: string, torn: Buffer): Promise<void> {
  try {
    await writeFile(file, torn, { mode: 0o600, flush: true });
  } catch (error) {
    if (!isFull(error)) throw error;
  }
}

async function cutFile(file: string, size: number): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.truncate(size);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
