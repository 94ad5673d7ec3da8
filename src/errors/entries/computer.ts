// The catalogue, part 3: what fails on this computer itself, on its disk or on the command line. Its ports are in ports.ts.
// Nothing here has reached the network.

import { type CatalogEntry, NO_VERDICT, NOT_VERIFIED } from '../entry.ts';

const NOTHING = 'nothing: this happened on this computer, not on the network';

/** The disk, and the journal on it. */
const DISK: readonly CatalogEntry[] = [
  {
    code: 'locked',
    moments: ['disk'],
    title: 'another relay has this journal',
    layer: 'disk',
    meaning:
      'A journal has only one writer, and another relay is running on this folder. The lock ends with its process, even if that is killed.',
    wire: NOTHING,
    so: 'there is no stale lock to delete: if the journal is locked, a process is alive',
    tryNext: 'stop the other relay, or give this one a folder of its own: --journal',
    certainty: NO_VERDICT,
    reference: "detour's journal",
    elsewhere: 'macOS and Windows: not verified here.',
    basis: 'rule of detour/1',
  },
  {
    code: 'other_computer',
    moments: ['disk'],
    title: 'a relay on another computer has this journal',
    layer: 'disk',
    meaning:
      'The journal is on a network file system (such as NFS), where computers share folders. A relay on another computer has claimed it: the file ' +
      'lock.computer in the folder names that computer. The lock of a relay only keeps out other relays on its own computer.',
    wire: NOTHING,
    so: 'nothing was read and nothing was changed: two relays that write to one journal would destroy it',
    notSo:
      '"a relay is running there": if it was killed, its file stays, because from here nobody can see whether it is alive',
    tryNext:
      'use a folder on a disk of this computer: --journal. If that relay was killed and stays away, delete the file lock.computer',
    certainty: NO_VERDICT,
    reference: 'open(2): O_EXCL, on NFS version 3 and later',
    elsewhere:
      'Linux only, and not with FUSE (sshfs); tried without a file server. On macOS and Windows nothing is checked: do not share a journal there.',
    basis: 'rule of detour/1',
  },
  {
    code: 'unsafe_folder',
    moments: ['disk'],
    title: 'others may write in that folder',
    layer: 'disk',
    meaning:
      'The journal keeps what people wrote to each other, and what the relay has promised to keep. Its folder belongs to another user, or ' +
      'everybody on this computer may write in it.',
    wire: NOTHING,
    so: 'nothing was read and nothing was changed: somebody else could take messages away or put others in',
    tryNext: 'take that right away (chmod o-w), or use a folder of your own: --journal',
    certainty: NO_VERDICT,
    reference: 'POSIX chmod(): S_IWOTH',
    elsewhere: 'Linux: measured here. macOS: not verified here. On Windows nothing is checked.',
    basis: 'rule of detour/1',
  },
  {
    code: 'not_a_directory',
    moments: ['disk'],
    title: 'the path of the journal is not a folder',
    layer: 'disk',
    meaning: 'The journal is a folder with files in it. There is something else at the path that was given.',
    wire: NOTHING,
    so: 'nothing was read and nothing was changed',
    tryNext: 'give a folder, or a name that does not exist yet: --journal',
    certainty: NO_VERDICT,
    reference: "detour's journal",
    elsewhere: 'The same on every system.',
    basis: 'rule of detour/1',
  },
  {
    code: 'not_a_journal',
    moments: ['disk'],
    title: 'that folder is not a journal',
    layer: 'disk',
    meaning: 'The folder holds files that do not belong to a journal.',
    wire: NOTHING,
    so: "nothing was changed: detour does not write among other programs' files",
    tryNext: 'give the folder of a journal; in an empty folder or a new one, a new journal begins',
    certainty: NO_VERDICT,
    reference: "detour's journal",
    elsewhere: 'The same on every system.',
    basis: 'rule of detour/1',
  },
  {
    code: 'deleted',
    moments: ['disk'],
    title: 'files of the open journal were deleted or moved',
    layer: 'disk',
    meaning:
      'An open file that is deleted lives on without a name until its program ends. So before each STORED the relay checks that its ' +
      'file still has a name, and before it begins a new file, that the folder is still the same one. If not, it stops.',
    wire: NOTHING,
    so: 'nothing that is not in the journal was acknowledged; mail not yet collected is where the files are, or was deleted with them',
    notSo: '"it was STORED, so it is safe": safe from a crash, not from rm',
    tryNext:
      'stop a relay before you touch its journal; if the folder was moved, give the next relay its new path',
    certainty:
      'STORED said that a message was on the disk, and it was. No verdict can promise that nobody deletes it afterwards.',
    reference: "detour's journal",
    elsewhere:
      'macOS and Windows: not verified here. (As a rule Windows does not let anybody delete a file that is open.)',
    basis: 'rule of detour/1',
  },
  {
    code: 'damaged',
    moments: ['disk'],
    title: 'a part of the journal was changed or is missing',
    layer: 'disk',
    meaning:
      'The relay read a message back from its disk, and its checksum does not match: these are not the bytes that it wrote. ' +
      'A mailbox stops at its first message in that part; the relay serves all others.',
    wire: NOTHING,
    so: 'the file and the offset are named; a receiver that collects from such a mailbox gets ERROR damaged',
    notSo: '"all mail is lost": only the messages in that part are',
    tryNext: 'detour journal --check names what is lost; a relay started with --salvage goes on without it',
    certainty:
      'STORED said that a message was on the disk, and it was. No verdict can promise that a damaged disk gives it back.',
    reference: "detour's journal",
    elsewhere: 'The same on every system.',
    basis: 'rule of detour/1',
  },
  {
    code: 'damaged_journal',
    moments: ['disk'],
    title: 'the journal fails its checks',
    layer: 'disk',
    meaning:
      'A part of the journal was changed on the disk, or a file of it is missing. The checksums show it, and something that was written ' +
      'later is intact: so this is not the torn end that a crash leaves. A relay does not silently ignore that: it does not start.',
    wire: NOTHING,
    so: 'the file and the offset are named, and nothing was changed',
    notSo:
      '"a crash did it": a crash leaves at most a torn last commit, which the relay cuts off and reports',
    tryNext: 'copy the folder, then see what is lost and what is not: detour journal --check',
    certainty:
      'STORED said that a message was on the disk, and it was. No verdict can promise that a damaged disk gives it back.',
    reference: "detour's journal",
    elsewhere: 'The same on every system.',
    basis: 'rule of detour/1',
  },
  {
    code: 'old_journal',
    moments: ['disk'],
    title: 'an older detour wrote that journal',
    layer: 'disk',
    meaning: 'The format of the journal has changed since detour 0.1. This version cannot read the old one.',
    wire: NOTHING,
    so: 'nothing was changed: detour 0.1 can still deliver the mail in it',
    tryNext:
      'start detour 0.1 on the folder, collect the mail, then delete the folder; or give another one: --journal',
    certainty: NO_VERDICT,
    reference: "detour's journal",
    elsewhere: 'The same on every system.',
    basis: 'rule of detour/1',
  },
  {
    code: 'new_journal',
    moments: ['disk'],
    title: 'a newer detour wrote that journal',
    layer: 'disk',
    meaning: 'The journal is intact, but this version does not know its format.',
    wire: NOTHING,
    so: 'nothing was changed',
    tryNext: 'start the version of detour that wrote it, or give another folder: --journal',
    certainty: NO_VERDICT,
    reference: "detour's journal",
    elsewhere: 'The same on every system.',
    basis: 'rule of detour/1',
  },
  {
    code: 'ENOSPC',
    moments: ['disk'],
    title: 'no room on the disk',
    layer: 'disk',
    meaning:
      'No room is left: the disk is full, a quota is used up (EDQUOT), or the file system can hold no more files. On Linux the first sign is a write that comes back short; only the next one fails with this code.',
    wire: NOTHING,
    so: 'the journal cannot grow; what is already in it stays',
    tryNext:
      'make room (df -h and df -i show what is used up); receivers can still fetch and acknowledge meanwhile',
    certainty: 'A sender is told REFUSED code=disk_full: detour explain disk_full.',
    reference: 'POSIX write(), ENOSPC',
    elsewhere: NOT_VERIFIED,
    basis: 'measured on Linux',
  },
  {
    code: 'EIO',
    moments: ['disk'],
    title: 'the disk failed to write',
    layer: 'disk',
    meaning:
      'Bytes could not be written to the disk. A second fdatasync may then succeed although they are lost, so it must never ' +
      'be retried. The relay acknowledges nothing of that batch, says so, and exits.',
    wire: NOTHING,
    so: 'what was not answered STORED may be on the disk, or not',
    notSo: '"the next sync succeeded, so all is there": it only says that nothing was left to write',
    tryNext: 'start the relay again: it reads what is really there; then check the disk',
    certainty: 'STORED stays true. What was handed over and not answered: UNKNOWN.',
    reference: 'POSIX fsync(), EIO',
    elsewhere: 'Linux: measured here with an injected failure. macOS and Windows: not verified here.',
    basis: 'measured on Linux',
  },
  {
    code: 'EACCES',
    moments: ['disk'],
    title: 'this user may not write there',
    layer: 'disk',
    meaning:
      'The folder or file belongs to another user, or is write-protected. Often an earlier run with sudo made it.',
    wire: NOTHING,
    so: 'nothing was written',
    tryNext: 'see whose it is (ls -ld), or give a folder of your own: --journal or --log with another path',
    certainty: NO_VERDICT,
    reference: 'POSIX open(), EACCES',
    elsewhere: NOT_VERIFIED,
    basis: 'measured on Linux',
  },
];

/** What the person typed, and the programs that detour itself needs. */
const COMMAND_LINE: readonly CatalogEntry[] = [
  {
    code: 'usage',
    moments: ['arguments'],
    title: 'the command was not understood',
    layer: 'command line',
    meaning: 'An argument or option is missing or unknown, or its value is not valid.',
    wire: 'nothing: detour stopped before it connected to anything',
    so: 'nothing happened (exit code 2)',
    tryNext: 'add --help to the command',
    certainty: 'Nothing was sent, so there is no verdict to give.',
    reference: 'detour --help',
    elsewhere: 'The same on every system.',
    basis: 'rule of detour/1',
  },
  {
    code: 'bad_log',
    moments: ['arguments'],
    title: 'that file is not an event log of detour',
    layer: 'command line',
    meaning: 'A line of the file is not an event as --log and --json write it.',
    wire: 'nothing: only a file was read',
    so: 'the file and the line are named; nothing was guessed',
    tryNext: 'give files that detour wrote with --log, or what --json printed',
    certainty: NO_VERDICT,
    reference: 'detour --help',
    elsewhere: 'The same on every system.',
    basis: 'rule of detour/1',
  },
  {
    code: 'not_built',
    moments: ['arguments'],
    title: 'the compiled program is missing',
    layer: 'command line',
    meaning: 'The demo starts detour itself in several processes, and those run the compiled program.',
    wire: 'nothing: no process was started',
    so: 'nothing happened',
    tryNext: 'npm run build',
    certainty: NO_VERDICT,
    reference: 'README.md',
    elsewhere: 'The same on every system.',
    basis: 'rule of detour/1',
  },
  {
    code: 'stage',
    moments: ['arguments'],
    title: 'a process of the demo did not do what the story needs',
    layer: 'command line',
    meaning: 'A process ended too early, or something did not happen in time: the computer may be very busy.',
    wire: 'see what the process itself said: it is shown with the error',
    so: 'the demo stopped, ended its processes, and exited with code 1',
    tryNext: 'run it again: detour demo --fast; if it fails again, type the commands of the story by hand',
    certainty: NO_VERDICT,
    reference: 'src/lab/stage/',
    elsewhere: NOT_VERIFIED,
    basis: 'rule of detour/1',
  },
  {
    code: 'node_too_old',
    moments: ['arguments'],
    title: 'this Node.js is too old',
    layer: 'command line',
    meaning: 'detour needs Node.js 20.19 or newer.',
    wire: 'nothing: detour did not start',
    so: 'nothing happened',
    tryNext: 'node --version shows yours; install a newer one',
    certainty: 'Nothing was sent, so there is no verdict to give.',
    reference: 'package.json, engines',
    elsewhere: 'The same on every system.',
    basis: 'rule of detour/1',
  },
];

/** Everything that fails on this computer itself. */
export const COMPUTER_ENTRIES: readonly CatalogEntry[] = [...DISK, ...COMMAND_LINE];
