// What can be wrong with a journal, as errors for the code that opens, writes or reads one.

import { asTyped } from '../core/command-name.ts';
import { DetourError, errnoOf } from '../core/error.ts';

const ANOTHER = 'Give another folder with --journal.';

/** `damaged_journal`: a file of the journal is damaged. @param what how it is damaged */
export function damagedJournal(file: string, offset: number, what: string): DetourError {
  return new DetourError(
    'damaged_journal',
    `the journal is damaged: ${file}, at byte ${offset}: ${what}`,
    asTyped('Nothing was changed. To see what is lost and what is not: detour journal --check'),
  );
}

const WITHOUT =
  'The messages in it cannot be read. Stop the relay, and start it with --salvage to go on without them.';

/** `damaged`: a record was changed on the disk, so the messages in it cannot be read. */
export function damagedRecord(file: string, offset: number): DetourError {
  const what = `the journal is damaged: ${file}, at byte ${offset}: a record was changed`;
  return new DetourError('damaged', what, WITHOUT);
}

/** `damaged`: the journal file that held a record is missing. */
export function missingRecord(dir: string, lsn: number): DetourError {
  const what = `the journal in ${dir} is damaged: the file that held the record of LSN ${lsn} is missing`;
  return new DetourError('damaged', what, WITHOUT);
}

/** `not_a_journal`: the folder holds something else. @param what a sentence without a full stop */
export function notAJournal(what: string): DetourError {
  return new DetourError('not_a_journal', what, ANOTHER);
}

/** `not_a_journal`: the journal in the folder is being deleted, or a crash has interrupted that. */
export function beingDeleted(dir: string): DetourError {
  return new DetourError(
    'not_a_journal',
    `the journal in ${dir} is being deleted`,
    'If that was interrupted: the next relay that starts on it finishes the deletion, and begins with an empty journal.',
  );
}

/**
 * `old_journal` or `new_journal`: the journal has a format that this version of detour cannot read.
 * @param format the journal's format
 * @param own the format that this version reads
 */
export function otherFormat(format: number, own: number): DetourError {
  if (format < own)
    return new DetourError(
      'old_journal',
      'this journal was written by detour 0.1, and this version cannot read it',
      'Collect your mail with detour 0.1, then delete the folder; or give another one with --journal.',
    );
  return new DetourError(
    'new_journal',
    `this journal has format ${format}, but this version of detour reads format ${own}`,
    `Start the version of detour that wrote it. ${ANOTHER}`,
  );
}

/** `deleted`: somebody has deleted or moved files of a journal that is open. */
export function takenAway(file: string): DetourError {
  return new DetourError(
    'deleted',
    `files of the journal were deleted or moved away while the relay was running: ${file}`,
    'Messages that were stored and not collected are in those files, and are lost if they were deleted. Stop a relay before you touch its journal.',
  );
}

/** Puts a sentence in front of what the system said, and keeps the errno as the code. Any other error is returned as it is. */
export function systemError(error: unknown, what: string): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  if (error instanceof DetourError || !('code' in error)) return error;
  return new DetourError(errnoOf(error) || 'EIO', `${what}: ${error.message}`, '', { cause: error });
}
