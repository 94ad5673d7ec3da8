// The catalogue, part 3: what this computer itself refuses. Its ports and limits, its disk, the command line.
// Nothing here has been on the network.

import { AFTER_CONNECTING, BEFORE_SENDING, type CatalogEntry, NO_VERDICT, NOT_VERIFIED } from '../entry.ts';

const NOTHING = 'nothing: this computer said no before any packet';

/** Ports and limits. */
const PORTS: readonly CatalogEntry[] = [
  {
    code: 'EADDRINUSE',
    moments: ['listen'],
    title: 'the port is taken',
    layer: 'this computer',
    meaning:
      "Another program on this computer listens on that address and port already, often one's own from before.",
    wire: NOTHING,
    so: 'somebody else answers on {place}',
    notSo: '"the old one must first time out": a port that nobody listens on is free at once (see time_wait)',
    tryNext: 'stop the other program, or choose another port: --port 0 takes a free one',
    certainty: NO_VERDICT,
    reference: 'POSIX bind(), EADDRINUSE',
    elsewhere: 'Linux: measured here. macOS: the system itself holds ports 5000 and 7000. Not verified here.',
    basis: 'measured on Linux',
    shownBy: ['port taken'],
  },
  {
    code: 'EADDRNOTAVAIL',
    moments: ['listen'],
    title: "that address is not this computer's",
    layer: 'this computer',
    meaning:
      'A server can listen only on an address of its own computer, and this one belongs to none of its network cards.',
    wire: NOTHING,
    so: '{place} is an address of another computer, or of none',
    tryNext: 'use --host 127.0.0.1 (this computer only) or --host 0.0.0.0 (every network)',
    certainty: NO_VERDICT,
    reference: 'POSIX bind(), EADDRNOTAVAIL',
    elsewhere: NOT_VERIFIED,
    basis: 'measured on Linux',
    shownBy: ['foreign address'],
  },
  {
    code: 'EACCES',
    moments: ['listen'],
    title: 'that port is reserved',
    layer: 'this computer',
    meaning: 'The system keeps this port for privileged programs: on Linux, by default, those below 1024.',
    wire: NOTHING,
    so: 'this user may not listen on {place}',
    tryNext: "choose a port from 1024 up; detour's own are 4100 and 4101",
    certainty: NO_VERDICT,
    reference: 'Linux ip(7), ip_unprivileged_port_start',
    elsewhere:
      'Linux: measured here. Windows, by documentation: Hyper-V reserves whole ranges of ports. Not verified here.',
    basis: 'measured on Linux',
    shownBy: ['reserved port'],
  },
  {
    code: 'EMFILE',
    moments: ['connect', 'listen'],
    title: 'too many files and sockets open',
    layer: 'this computer',
    meaning:
      'A process may have only so many files and sockets open at a time, and this one has them all in use.',
    wire: NOTHING,
    so: 'this process cannot open one more connection',
    notSo: '"the other side is full": the limit is ours',
    tryNext: 'raise the limit (ulimit -n), or open fewer connections at a time',
    certainty: BEFORE_SENDING,
    reference: 'POSIX socket(), EMFILE',
    elsewhere: NOT_VERIFIED,
    basis: 'measured on Linux',
  },
];

/** What has no other place. */
const NAMELESS: readonly CatalogEntry[] = [
  {
    code: 'EUNKNOWN',
    moments: ['connect', 'greeting', 'answer', 'listen'],
    title: 'a failure without a code',
    layer: 'this computer',
    meaning: 'The system or Node reported a failure and gave it no code. This word stands in its place.',
    wire: 'not known: the failure at {place} came without a code',
    so: 'something failed, and its name was not said',
    tryNext: 'look at the log: --log FILE keeps everything that was seen',
    certainty: AFTER_CONNECTING,
    reference: 'none',
    elsewhere: 'Not verified on any system.',
    basis: 'rule of detour/1',
  },
];

/** The disk, and the journal on it. */
const DISK: readonly CatalogEntry[] = [
  {
    code: 'locked',
    moments: ['disk'],
    title: 'another relay has this journal',
    layer: 'disk',
    meaning:
      'A journal has one writer. Another relay runs on this folder; the lock goes with its process, also if it is killed.',
    wire: NOTHING,
    so: 'there is no stale lock to delete: if it is locked, a process is alive',
    tryNext: 'stop the other relay, or give this one a folder of its own: --journal',
    certainty: NO_VERDICT,
    reference: "detour's journal",
    elsewhere: 'macOS and Windows: not verified here.',
    basis: 'rule of detour/1',
  },
  {
    code: 'not_a_directory',
    moments: ['disk'],
    title: "the journal's place is no folder",
    layer: 'disk',
    meaning: 'The journal is a folder with files in it. At the place that was given there is something else.',
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
    title: 'that folder is no journal',
    layer: 'disk',
    meaning: "The folder holds files that are not a journal's.",
    wire: NOTHING,
    so: "nothing was changed: detour does not write among other programs' files",
    tryNext: "give the journal's folder; an empty or new one starts a journal afresh",
    certainty: NO_VERDICT,
    reference: "detour's journal",
    elsewhere: 'The same on every system.',
    basis: 'rule of detour/1',
  },
  {
    code: 'deleted',
    moments: ['disk'],
    title: "the journal's files were taken away under the relay",
    layer: 'disk',
    meaning:
      'A file that a program has open lives on without a name, and goes with the program. The relay looks before each STORED, and ' +
      'stops when its file has none; and before it begins a new file it looks whether the folder is still the same one.',
    wire: NOTHING,
    so: 'nothing was acknowledged that lies elsewhere; what had been stored and not collected is where the files are, or went with them',
    notSo: '"it was STORED, so it is safe": safe from a crash, not from rm',
    tryNext:
      'stop a relay before you touch its journal; give the next one the folder that was moved, if it was',
    certainty:
      'STORED said that a message was on the disk, and it was. Against deleting it afterwards no verdict can promise anything.',
    reference: "detour's journal",
    elsewhere:
      'macOS and Windows: not verified here. (Windows as a rule does not let a file go that is open.)',
    basis: 'rule of detour/1',
  },
  {
    code: 'damaged',
    moments: ['disk'],
    title: 'the journal does not check out',
    layer: 'disk',
    meaning:
      'A commit in the middle of the journal fails its checksum, and good ones follow it: that is no torn end of a crash, ' +
      'but damage. The relay refuses to start rather than skip anything in silence.',
    wire: NOTHING,
    so: 'the file and the place in it are named; what stands before it is whole',
    notSo: '"a crash did it": a crash leaves at most a torn last commit, which is cut and said aloud',
    tryNext: 'keep the folder as evidence, and start a new journal: --journal with another folder',
    certainty:
      'STORED said that a message was on the disk, and it was. Whether a damaged disk gives it back, no verdict can promise.',
    reference: "detour's journal",
    elsewhere: 'The same on every system.',
    basis: 'rule of detour/1',
  },
  {
    code: 'ENOSPC',
    moments: ['disk'],
    title: 'the disk is full',
    layer: 'disk',
    meaning:
      'No room is left. On Linux the first sign is a write that comes back short, and only the next one fails with this code.',
    wire: NOTHING,
    so: 'the journal cannot grow; what is in it already stays',
    tryNext: 'make room; receivers can still fetch and acknowledge meanwhile',
    certainty: 'A sender is told REFUSED code=disk_full: see there.',
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
      'Bytes could not be brought to the disk. A second fdatasync may then succeed although they are lost, so it must never ' +
      'be tried again: the relay acknowledges nothing of that batch, says so, and exits.',
    wire: NOTHING,
    so: 'what was not answered STORED may be on the disk, or not',
    notSo: '"the next sync went well, so all is there": it only says that nothing was waiting any more',
    tryNext: 'start the relay again: it reads what is really there; then look after the disk',
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
    meaning: 'The folder or file belongs to somebody else, or is protected.',
    wire: NOTHING,
    so: 'nothing was written',
    tryNext: 'give a folder of your own: --journal or --log with another path',
    certainty: NO_VERDICT,
    reference: 'POSIX open(), EACCES',
    elsewhere: NOT_VERIFIED,
    basis: 'measured on Linux',
  },
];

/** What the person typed, and what it runs on. */
const COMMAND_LINE: readonly CatalogEntry[] = [
  {
    code: 'usage',
    moments: ['arguments'],
    title: 'the command was not understood',
    layer: 'command line',
    meaning: 'An argument or option is missing, unknown, or has a value that cannot be meant.',
    wire: 'nothing: detour stopped before it called anybody',
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
    title: 'that file is not a log of detour',
    layer: 'command line',
    meaning: 'A line of the file is not an event as --log and --json write them.',
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
    meaning: 'The demo starts detour itself, as processes of their own, and those run the compiled program.',
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
    meaning:
      'A process ended too early, or what was waited for did not happen in time: the computer may be very busy.',
    wire: 'see what the process said itself: it is told with the error',
    so: 'the demo stopped, ended its processes, and says so with exit code 1',
    tryNext: 'run it again: detour demo --fast; if it stays, run the command of the story by hand',
    certainty: NO_VERDICT,
    reference: 'src/stage/',
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

/** Everything that this computer itself refuses. */
export const COMPUTER_ENTRIES: readonly CatalogEntry[] = [...PORTS, ...NAMELESS, ...DISK, ...COMMAND_LINE];
