// The flight recorder: it stamps each event with who, when and where, and writes it down before its process can do anything else:
// at the end of the turn in which it happened, and before the frames that it is about leave.
// It is the only place that knows pino. It does not merge (merge.ts), draw (diagram.ts) or talk to people (cli/).
// The format of a line, and reading one back, are in line.ts.

import { appendFileSync, closeSync, openSync } from 'node:fs';
import { pino } from 'pino';
import { DetourError, errnoOf } from '../core/error.ts';
import type { Emit, Event, Recorded } from '../core/event.ts';
import { asciiJson } from '../core/visible.ts';
import { flatten } from './line.ts';

/** How a recorder is set up. */
export interface RecorderOptions {
  /** The name of the process in the protocol, e.g. `bob`. */
  readonly actor: string;
  /** The wall clock minus the steady clock, in nanoseconds, shared with other processes of this computer. Default: the process's own. */
  readonly offset?: bigint | undefined;
  /** A file to which one JSON line per event is appended. */
  readonly file?: string | undefined;
  /** `info` leaves the frames (`sent`, `received`) out of the file. Default: `debug`, which writes everything. */
  readonly level?: 'info' | 'debug' | undefined;
  /** Called with each event after it was written to the file. */
  readonly onEvent?: ((recorded: Recorded) => void) | undefined;
  /** Called once if the file can no longer be written (a full disk, say). The recorder goes on without the file. */
  readonly onLost?: ((error: DetourError) => void) | undefined;
}

/** A flight recorder. */
export interface Recorder {
  readonly emit: Emit;
  /** Writes pending events to the file now, instead of at the end of this turn of the event loop. */
  flush(): void;
  /** Writes pending events and closes the file. Later events still go to `onEvent`, but are not written. */
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
      // The listener may cause this process to be killed and then read the file.
      file?.flush();
      onEvent({ ...event, time, actor, pid: process.pid });
    },
    flush: () => file?.flush(),
    close: () => file?.close(),
  };
}

// If the wall clock has drifted by more than this from the steady clock, it was set, or the computer slept.
const CLOCK_JUMP_NS = 1_000_000_000n;

/** The two clocks from which a stamp is made, both in nanoseconds. */
export interface Clocks {
  /** Nanoseconds since 1970 UTC. People and NTP move this clock, and its resolution may be only a millisecond. */
  wall(): bigint;
  /** Nanoseconds since some fixed moment. This clock never goes back. */
  steady(): bigint;
}

const systemClocks: Clocks = {
  wall: () => BigInt(Date.now()) * 1_000_000n,
  steady: () => process.hrtime.bigint(),
};

/**
 * The wall clock minus the steady clock now, in nanoseconds.
 *
 * All processes of a computer share the steady clock (CLOCK_MONOTONIC, mach_absolute_time, QueryPerformanceCounter). Each process reads
 * the wall clock by itself, and NTP may move it by a millisecond or two in between: more than a message takes on loopback. So processes
 * whose times are to be compared all use the offset of one of them.
 */
export function ownOffset(): bigint {
  // Date.now() is truncated to milliseconds, so two processes could differ by one; this is accurate to microseconds.
  const wall = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
  return wall - systemClocks.steady();
}

/**
 * Makes a function that returns the time as ISO 8601 UTC with nanoseconds.
 *
 * It adds the steady clock to an offset that is read once, because milliseconds cannot order what happens on loopback.
 * If the two clocks drift apart by more than a second (the wall clock was set, or the computer slept), it takes a new offset, but not
 * if the offset is shared: then all processes stay together. So the time goes back only when somebody sets the clock back; the order
 * of a log is the order of its lines.
 * @param shared the offset that this process shares with others, in nanoseconds
 * @param own the process's own offset, in nanoseconds; it is finer than `clocks.wall`
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

/** The millisecond that was formatted last. Its text is kept, because events in the same millisecond share it. */
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

/** When pending lines have this many characters together, they are written before the turn ends. */
const ENOUGH = 64 * 1024;

// Lines are written synchronously, so that a process that is killed in its next turn has left its last line in the file. All lines of
// a turn are written together, because one write for each line takes five times as long as everything else that a relay does with a message.
function openFile(path: string, { actor, level = 'debug', onLost }: RecorderOptions): LogFile {
  let file: number | undefined;
  try {
    // Only this user may read a new file, because it contains what people wrote to each other.
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
  ENOENT: 'its folder does not exist: create it, or give another --log',
  EACCES: 'you may not write there: give another --log',
  EISDIR: 'that is a folder: give the name of a file',
  ENOSPC: 'the disk is full: free some space, or give a --log on another one',
};

function fileError(error: unknown, path: string, what: string): DetourError {
  const code = errnoOf(error) || 'failed';
  const hint = ADVICE[code] ?? 'give another --log';
  return new DetourError(code, `the log file ${path} ${what} (${code})`, hint, { cause: error });
}
