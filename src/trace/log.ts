// The flight recorder: stamps each event once with who, when and where, and writes it down before its process can do anything else:
// at the end of the turn in which it happened, and before the frames that it speaks of leave.
// It is the only place that knows pino. It does not merge (merge.ts), draw (diagram.ts) or talk to people (cli/).
// The lines' form and the way back from a line to an event are in line.ts.

import { appendFileSync, closeSync, openSync } from 'node:fs';
import { pino } from 'pino';
import { DetourError, errnoOf } from '../core/error.ts';
import type { Emit, Event, Recorded } from '../core/event.ts';
import { asciiJson } from '../core/visible.ts';
import { flatten } from './line.ts';

/** What a recorder is made from. */
export interface RecorderOptions {
  /** The name the process goes by: a name of the protocol, e.g. `bob`. */
  readonly actor: string;
  /** A wall clock that several processes of this computer share: see `ownOffset`. Default: its own. */
  readonly offset?: bigint | undefined;
  /** A file to which one JSON line per event is appended. */
  readonly file?: string | undefined;
  /** `info` leaves the frames (`sent`, `received`) out of the file. Default `debug`: everything. */
  readonly level?: 'info' | 'debug' | undefined;
  /** Is given each event after it was written to the file. */
  readonly onEvent?: ((recorded: Recorded) => void) | undefined;
  /** Is told, once, that the file can be written no more (a full disk, say); the recorder goes on without it. */
  readonly onLost?: ((error: DetourError) => void) | undefined;
}

/** A flight recorder. After `close` events are still handed to `onEvent`, but not written. */
export interface Recorder {
  readonly emit: Emit;
  /** Writes what was emitted to the file now, instead of at the end of this turn of the event loop. */
  flush(): void;
  close(): void;
}

/**
 * Makes the recorder of this process.
 * @throws DetourError with the errno if the file cannot be opened
 */
export function createRecorder(options: RecorderOptions): Recorder {
  const { actor, file: path, onEvent } = options;
  const stamp = createStamp(options.offset);
  const file = path === undefined ? undefined : openFile(path, options);
  return {
    emit(event) {
      const time = stamp();
      file?.write(event, time);
      if (onEvent === undefined) return;
      // Whoever hears of it may kill this process, and look into the file.
      file?.flush();
      onEvent({ ...event, time, actor, pid: process.pid });
    },
    flush: () => file?.flush(),
    close: () => file?.close(),
  };
}

// A wall clock that moved by more than this since the anchor was taken has been set, or the computer slept.
const CLOCK_JUMP_NS = 1_000_000_000n;

/** The two clocks that a stamp is made from, both in nanoseconds. */
export interface Clocks {
  /** Since 1970 UTC; people and NTP move it, and its resolution may be a millisecond. */
  wall(): bigint;
  /** Since some fixed moment; never goes back. */
  steady(): bigint;
}

const systemClocks: Clocks = {
  wall: () => BigInt(Date.now()) * 1_000_000n,
  steady: () => process.hrtime.bigint(),
};

/**
 * The wall clock minus the steady one, in nanoseconds, at this moment.
 *
 * The steady clock (CLOCK_MONOTONIC, mach_absolute_time, QueryPerformanceCounter) is one for all processes of a computer; the wall
 * clock each process reads for itself, and NTP moves it by a millisecond or two in between: more than a message takes on loopback.
 * So processes whose times are to be compared are given the offset of one of them.
 */
export function ownOffset(): bigint {
  // Date.now() is cut to milliseconds, which two processes would cut at different moments; this is good to microseconds.
  const wall = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
  return wall - systemClocks.steady();
}

/**
 * Makes the function that says what time it is: ISO 8601 UTC with nanoseconds.
 *
 * The wall clock is read once, and the steady clock carries it on: milliseconds cannot order what happens on loopback.
 * If the two drift apart by more than a second (the clock was set, or the computer slept), the wall clock is read again, but not if
 * the offset is shared: then all stay together. So the time goes back only when somebody set the clock back; the order of a log is
 * the order of its lines.
 * @param shared the offset that this process shares with others
 * @param own its own offset, finer than `clocks.wall` can say it
 */
export function createStamp(
  shared?: bigint,
  clocks: Clocks = systemClocks,
  own: bigint = ownOffset(),
): () => string {
  let offset = shared ?? own;
  return () => {
    const steady = clocks.steady();
    const wall = clocks.wall();
    const drift = wall - (steady + offset);
    if (shared === undefined && (drift > CLOCK_JUMP_NS || drift < -CLOCK_JUMP_NS)) offset = wall - steady;
    return formatTime(steady + offset);
  };
}

/** The millisecond that was written last, for all that happens in one has the same beginning. */
let lastMs = -1n;
let lastText = '';

/** Nanoseconds since 1970 UTC as ISO 8601, e.g. `2026-01-31T14:02:11.123456789Z`. A time before 1970 counts as 0. */
export function formatTime(sinceEpoch: bigint): string {
  const ns = sinceEpoch < 0n ? 0n : sinceEpoch;
  const ms = ns / 1_000_000n;
  const rest = (ns % 1_000_000n).toString().padStart(6, '0');
  if (ms !== lastMs) {
    lastMs = ms;
    lastText = new Date(Number(ms)).toISOString().slice(0, -1);
  }
  return `${lastText}${rest}Z`;
}

interface LogFile {
  write(event: Event, time: string): void;
  flush(): void;
  close(): void;
}

/** Lines of this length together are written before the turn has ended. Characters. */
const ENOUGH = 64 * 1024;

// Written synchronously: a process that is killed in its next turn has left its last line in the file. All lines of a turn are
// written at once, for a write for each of them takes five times as long as all else that a relay does with a message.
function openFile(path: string, { actor, level = 'debug', onLost }: RecorderOptions): LogFile {
  let file: number | undefined;
  try {
    // A new file is for this user alone: what people wrote to each other is in it.
    file = openSync(path, 'a', 0o600);
  } catch (error) {
    throw fileError(error, path, 'cannot be opened');
  }
  let waiting = '';
  const flush = (): void => {
    const lines = waiting;
    waiting = '';
    if (file === undefined || lines === '') return;
    try {
      appendFileSync(file, lines);
    } catch (error) {
      close();
      onLost?.(fileError(error, path, 'cannot be written any more'));
    }
  };
  const close = (): void => {
    if (file !== undefined) closeSync(file);
    file = undefined;
  };
  const write = (line: string): void => {
    if (waiting === '') queueMicrotask(flush);
    waiting += asciiJson(line);
    if (waiting.length >= ENOUGH) flush();
  };
  let now = '';
  const log = pino(
    { level, base: { actor, pid: process.pid }, timestamp: () => `,"time":"${now}"` },
    { write },
  );
  return {
    write(event, time) {
      if (file === undefined) return;
      now = time;
      log[isFrame(event) ? 'debug' : 'info'](flatten(event));
    },
    flush,
    close() {
      flush();
      close();
    },
  };
}

const isFrame = ({ event }: Event): boolean => event === 'sent' || event === 'received';

const ADVICE: Readonly<Record<string, string>> = {
  ENOENT: 'the folder it would be in does not exist: create it, or give another --log',
  EACCES: 'you may not write there: give another --log',
  EISDIR: 'that is a folder: give the name of a file',
  ENOSPC: 'the disk is full: free some space, or give a --log on another one',
};

function fileError(error: unknown, path: string, what: string): DetourError {
  const code = errnoOf(error) || 'failed';
  const hint = ADVICE[code] ?? 'give another --log';
  return new DetourError(code, `the log file ${path} ${what} (${code})`, hint, { cause: error });
}
