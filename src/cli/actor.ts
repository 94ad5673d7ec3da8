// What every command that takes part in an exchange needs: the recorder for --json and --log, Ctrl-C, and the commands that a person
// (or a test) types to it while it runs: kill, freeze.

import { type Command, Option } from 'commander';
import { systemClock } from '../core/clock.ts';
import type { DetourError } from '../core/error.ts';
import type { Emit, Event } from '../core/event.ts';
import { type Line, LineCutter } from '../core/lines.ts';
import { INTERRUPTED } from '../core/verdicts.ts';
import { type NetContext, netContext } from '../net/context.ts';
import type { Recorder } from '../trace/log.ts';
import { duration, offset, path } from './input.ts';
import { jsonOutput } from './json-output.ts';
import {
  beforeTalk,
  endAnyway,
  failAtExit,
  onOutputLost,
  outputLost,
  say,
  sayWrapped,
} from './render/output.ts';
import { startedEvent } from './version.ts';

/** The flags that every actor has. `tied`: the offset of the stage's clock in nanoseconds. */
export interface ActorFlags {
  readonly json?: true;
  readonly log?: string;
  readonly tied?: bigint;
}

/**
 * `--later`, for receivers. It is not in --help: `detour compare` uses it, because its bobs must come at a given moment and a program
 * takes a quarter of a second to start. The process has started and loaded its code, but it neither listens nor connects until a line
 * comes on stdin.
 */
export const laterOption = (): Option => new Option('--later', 'start when a line is typed').hideHelp();

/** Reports that it is ready, and waits for a line on stdin. Ends this process if stdin ends first: nobody is left to type the line. */
export function untilTyped({ emit }: Told): Promise<void> {
  emit({ event: 'notice', text: 'ready' });
  return new Promise((resolve) => {
    const gone = (): never => process.exit(0);
    process.stdin.once('end', gone);
    process.stdin.once('data', () => {
      process.stdin.off('end', gone);
      process.stdin.pause();
      resolve();
    });
  });
}

/** The context of a process's connections, with an `emit` that is always there. */
type Told = NetContext & { readonly emit: Emit };

/** What becomes of a typed line that is neither kill nor freeze: it is taken, or answered with why not, as in `bob only listens`. */
type TypedLine = ((line: string) => void) | string;

/** One process that takes part in an exchange. */
export interface Actor {
  readonly context: Told;
  /** Is stdout the event stream (--json)? Then nothing else goes there, and talk is left out. */
  readonly json: boolean;
  /**
   * Sets what is called at each Ctrl-C or SIGTERM, with how many have come. A third one ends the process.
   * @param lost is called once if the output cannot be written any more. Default: the same as at the first Ctrl-C
   */
  onInterrupt(call: (times: number) => void, lost?: () => void): void;
  /** Obeys commands on stdin: kill, freeze. @param own what becomes of a line that is neither */
  obeyLines(own: TypedLine): void;
  /** Lets the process end. What still happens until then, such as the end of a connection, is recorded. */
  close(): void;
}

/**
 * Adds --json, --log and `--tied`. The last is not in --help, because it is for the stage: a process that obeys commands ends as soon
 * as its stdin ends, so that none is left over when the process that started it is killed (a sender ends by itself); and it uses the
 * stage's clock.
 */
export function actorOptions(command: Command): Command {
  return command
    .option('--json', 'print one event per line on stdout instead of talk')
    .option('--log <file>', 'append every event to a file, for `detour trace`', path)
    .addOption(
      new Option('--tied <clock>', "end as soon as stdin ends; use the stage's clock")
        .argParser(offset)
        .hideHelp(),
    );
}

/**
 * Sets up the process.
 * @param name its name in the events
 * @param narrate is given each event, unless --json is set
 * @param frames report each frame even if neither --json nor --log asks for it
 * @throws DetourError if the log file cannot be opened
 */
export async function startActor(
  name: string,
  flags: ActorFlags,
  narrate: (event: Event) => void,
  frames: boolean,
): Promise<Actor> {
  const json = flags.json === true;
  const recorded = json || flags.log !== undefined;
  const recorder = recorded ? await record(name, flags, narrate) : undefined;
  const context = netContext(recorder?.emit ?? narrate, systemClock, frames || recorded, recorder?.flush);
  let interrupts: ((times: number) => void) | undefined;
  let stopped: (() => void) | undefined;
  onOutputLost(() => stopped?.());
  let times = 0;
  const interrupted = (signal: NodeJS.Signals): void => {
    times += 1;
    // The terminal has printed ^C, so what is said next begins on a new line.
    if (signal === 'SIGINT' && process.stderr.isTTY && !json) say();
    if (interrupts === undefined || times > 2) process.exit(INTERRUPTED);
    interrupts(times);
  };
  return {
    context,
    json,
    onInterrupt(call, lost = () => call(1)) {
      interrupts = call;
      stopped = lost;
      if (outputLost()) lost();
      process.on('SIGINT', interrupted);
      process.on('SIGTERM', interrupted);
    },
    obeyLines(own) {
      obeyLines(context, own);
      if (flags.tied !== undefined) process.stdin.once('end', () => process.exit(1));
    },
    close() {
      process.off('SIGINT', interrupted);
      process.off('SIGTERM', interrupted);
      process.stdin.destroy();
      endAnyway();
    },
  };
}

// The events with their times, for --json and --log. Talk alone needs no times, and under load they cost more than the talk.
async function record(
  actor: string,
  { json, log: file, tied: offset }: ActorFlags,
  narrate: Emit,
): Promise<Recorder> {
  // Loaded only when needed: pino takes as long to load as the rest of a command together.
  const { createRecorder } = await import('../trace/log.ts');
  const onLost = (error: DetourError): void => {
    failAtExit();
    say(`${error.message}; ${error.hint}`);
  };
  const recorder = createRecorder({
    actor,
    offset,
    file,
    onEvent: json ? jsonOutput(process.stdout) : undefined,
    onLost,
  });
  process.once('exit', () => recorder.close());
  if (file !== undefined) recorder.emit(startedEvent());
  if (json) return recorder;
  beforeTalk(recorder.flush);
  const emit: Emit = (event) => {
    recorder.emit(event);
    narrate(event);
  };
  return { ...recorder, emit };
}

/** The longest freeze, in milliseconds: longer than every default deadline, and short enough to wait for. */
const LONGEST_FREEZE_MS = 10 * 60_000;

/** The longest command that may be typed, in bytes. */
const LONGEST_LINE = 200;

// It makes no difference if stdin is closed, absent or empty, except with --tied.
function obeyLines({ emit, flush }: Told, own: TypedLine): void {
  const obey = ({ bytes, tooLong }: Line): void => {
    const line = bytes.toString().trim() + (tooLong ? '...' : '');
    const [word = '', value, ...rest] = line.split(/\s+/);
    if (line === 'kill') {
      emit({ event: 'stopping', why: 'kill' });
      flush();
      process.kill(process.pid, 'SIGKILL');
    } else if (word === 'freeze' && rest.length === 0) freeze(value ?? '20s', { emit, flush });
    else if (line === '') return;
    else if (typeof own !== 'function') void answer(line, own);
    else if (tooLong) say(`  Unknown command: it has more than ${LONGEST_LINE} bytes.`);
    else own(line);
  };
  const cutter = new LineCutter(LONGEST_LINE);
  process.stdin.on('error', () => {});
  process.stdin.on('data', (bytes: Buffer) => {
    for (const line of cutter.push(bytes)) obey(line);
  });
  process.stdin.once('end', () => {
    for (const line of cutter.end()) obey(line);
    if (process.stdin.isTTY)
      say('  Ctrl-D: no more commands are read here. Ctrl-C still stops this program.');
  });
  // untilTyped may have paused it.
  process.stdin.resume();
}

// Loaded only when needed: the commands of a link, which it must tell apart, take a while to load.
async function answer(line: string, does: string): Promise<void> {
  const { notObeyed } = await import('./typed-commands.ts');
  for (const text of notObeyed(line, does)) sayWrapped('  ', text);
}

function freeze(text: string, { emit, flush }: Pick<Told, 'emit' | 'flush'>): void {
  let ms: number;
  try {
    ms = Math.min(duration(text), LONGEST_FREEZE_MS);
  } catch (error) {
    say(`  freeze: ${error instanceof Error ? error.message : String(error)}`);
    return;
  }
  emit({ event: 'freezing', ms });
  flush();
  // The event loop stands still: nothing is read and no timer fires, while the kernel goes on taking bytes for this process.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  emit({ event: 'thawed', ms });
}
