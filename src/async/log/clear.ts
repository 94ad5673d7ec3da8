// Deletes a log, so that the next opening finds none. A file that marks the deletion is made first and renamed last: whatever a crash leaves in
// between was meant to go, and cannot be taken for a damaged log. Whoever opens or deletes the log next finishes the work.

import path from 'node:path';
import { errnoOf } from '../../core/error.ts';
import { type FileSystem, systemFiles, withFile } from '../../core/files.ts';
import { notAJournal, systemError } from '../../errors/journal.ts';
import { holdLock, type Release } from '../../net/lock.ts';
import { DELETING, FILE_NAME, SPARE_NAME, sparePath } from './format.ts';
import { listLog } from './segments.ts';

/** The names of the copies that a repair or a salvage has made of parts of segments. */
const COPY_NAME = /^[0-9]{15}\.wal(\.[0-9]+)?\.(torn|lost)$/;

/**
 * Deletes the log in a folder; files of others stay. It holds the lock meanwhile. If a deletion was interrupted, this one finishes it
 * without asking.
 * @param confirm called with the lock held, before anything changes; if it resolves with false, nothing does. What it throws is thrown
 * @returns `deleted`; `kept` if `confirm` said no; `none` if there is no folder, or no log in it
 * @throws DetourError `locked`, `other_computer`, `old_journal`, `new_journal`; `not_a_journal` if the folder holds something else; an errno
 */
export async function deleteLog(
  dir: string,
  confirm: () => Promise<boolean>,
  files: FileSystem = systemFiles,
  lock: (dir: string) => Promise<Release> = holdLock,
): Promise<'deleted' | 'kept' | 'none'> {
  // The lock would create the folder.
  const there = await files.list(dir).catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error))) return [];
    throw systemError(error, `the journal's folder ${dir} cannot be read`);
  });
  if (there.length === 0) return 'none';
  const unlock = await lock(dir);
  try {
    if (await finishDeletion(files, dir)) return 'deleted';
    const { segments, broken, checkpoints, free, unfinished, stranger } = await listLog(files, dir);
    // Without a single intact header, names alone do not show that these files are a log's.
    if (segments.length === 0 && broken.length + checkpoints.length > 0)
      throw notAJournal(`no file in ${dir} begins like a segment of a journal, so nothing there is deleted`);
    if (segments.length === 0 && free.length + unfinished.length === 0 && stranger !== undefined)
      throw notAJournal(`${dir} holds no journal (there is ${JSON.stringify(stranger)} in it)`);
    if (segments.length === 0) return 'none';
    if (!(await confirm())) return 'kept';
    await withFile(files.open(path.join(dir, DELETING), 'create'), async () => {});
    await files.syncDirectory(dir);
    await finishDeletion(files, dir);
    return 'deleted';
  } catch (error) {
    throw systemError(error, `the journal in ${dir} cannot be deleted`);
  } finally {
    await unlock();
  }
}

/** Finishes a deletion that has begun. Hold the lock. @returns had one begun? @throws the errno of the file system */
export async function finishDeletion(files: FileSystem, dir: string): Promise<boolean> {
  const names = (await files.list(dir)).filter(({ isFile }) => isFile).map(({ name }) => name);
  if (!names.includes(DELETING)) return false;
  for (const name of names)
    if ([FILE_NAME, SPARE_NAME, COPY_NAME].some((form) => form.test(name)))
      await files.unlink(path.join(dir, name));
  await files.syncDirectory(dir);
  // It becomes an empty free file, so that among files of others this is still the folder of a log.
  await files.rename(path.join(dir, DELETING), sparePath(dir, 'free'));
  await files.syncDirectory(dir);
  return true;
}
