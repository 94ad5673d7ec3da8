// What can be wrong with a journal, as errors. Asked by whoever opens, writes or reads one.

import { DetourError, errnoOf } from '../core/error.ts';

const ANOTHER = 'Give another folder with --journal.';

/** A file of the journal is damaged: which, at which byte, and how. */
export function damagedJournal(file: string, offset: number, what: string): DetourError {
  return new DetourError(
    'damaged_journal',
    `the journal is damaged: ${file}, at byte ${offset}: ${what}`,
    'Nothing was changed. To see what is lost, and what is not: detour journal --check',
  );
}

const WITHOUT =
  'The messages in it cannot be read. Stop the relay, and start it with --salvage to go on without them.';

/** A record was changed on the disk, and with it every message in it. */
export function damagedRecord(file: string, offset: number): DetourError {
  const what = `the journal is damaged: ${file}, at byte ${offset}: a record was changed`;
  return new DetourError('damaged', what, WITHOUT);
}

/** A record lies in a file of the journal that is missing. */
export function missingRecord(dir: string, lsn: number): DetourError {
  const what = `the journal in ${dir} is damaged: the file that held the record of LSN ${lsn} is missing`;
  return new DetourError('damaged', what, WITHOUT);
}

/** The folder holds something else. @param what a sentence without a full stop */
export function notAJournal(what: string): DetourError {
  return new DetourError('not_a_journal', what, ANOTHER);
}

/** The journal is intact, and of a format that this version of detour does not read. @param own the format that it reads */
export function otherFormat(format: number, own: number): DetourError {
  if (format < own)
    return new DetourError(
      'old_journal',
      'this journal was written by detour 0.1, and this version cannot read it',
      'Collect your mail with detour 0.1, then delete the folder; or give another one with --journal.',
    );
  return new DetourError(
    'new_journal',
    `this journal has format ${format}, and this version of detour reads format ${own}`,
    `Start the version of detour that wrote it. ${ANOTHER}`,
  );
}

/** Somebody has deleted or moved files of a journal that is open. */
export function takenAway(file: string): DetourError {
  return new DetourError(
    'deleted',
    `files of the journal were deleted or moved away while the relay was running: ${file}`,
    'What was stored and not collected is where they are: gone with them, if they were deleted. Stop a relay before you touch its journal.',
  );
}

/** A system error as a sentence that ends with what the system said; anything else stays as it is. */
export function systemError(error: unknown, what: string): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  if (error instanceof DetourError || !('code' in error)) return error;
  return new DetourError(errnoOf(error) || 'EIO', `${what}: ${error.message}`, '', { cause: error });
}
