// What every command that takes part in an exchange has around it: the recorder behind --json and --log, Ctrl-C, and the lines that
// a person (or a test) types to a running one: kill, freeze.

import { createInterface } from 'node:readline';
import { type Command, Option } from 'commander';
import { systemClock } from '../core/clock.ts';
import type { DetourError } from '../core/error.ts';
import type { Emit, Event } from '../core/event.ts';
import { INTERRUPTED } from '../core/verdicts.ts';
import { type NetContext, netContext } from '../net/context.ts';
import type { Recorder } from '../trace/log.ts';
import { duration, offset, path } from './input.ts';
import { jsonOutput } from './json-output.ts';
import { beforeTalk, say } from './render/output.ts';

/** The flags that every actor has. */
export interface ActorFlags {
  readonly json?: true;
  readonly log?: string;
  readonly tied?: bigint;
}

/**
 * `--later`, of receivers: not in --help, for it is made for `detour compare`, whose bobs must come at a given moment, while a program
 * takes a quarter of a second to start. The process is there and its code is read, but bob is not: a line on stdin brings him.
 */
export const laterOption = (): Option => new Option('--later', 'come when a line is typed').hideHelp();

/** Says that it stands ready, and waits for a line on stdin. Ends this process when nobody is left who could type it. */
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

/** What the connections of a process are given, where somebody wants to know what happens. */
type Told = NetContext & { readonly emit: Emit };

/** One process that takes part. */
export interface Actor {
  readonly context: Told;
  /** Is stdout the event stream? Then nothing else goes there, and talk is left out. */
  readonly json: boolean;
  /** Calls back at Ctrl-C or SIGTERM, each time, with how often it came. */
  onInterrupt(call: (times: number) => void): void;
  /** Obeys lines on stdin if it is a terminal or a pipe. @param own what to do with a line that is neither kill nor freeze */
  obeyLines(own?: (line: string) => void): void;
  /** Lets the process end. What happens until then, the end of a connection say, is still recorded. */
  close(): void;
}

/**
 * Adds --json and --log; and `--tied`, not in --help, for it is made for the stage: whoever obeys lines ends at once when stdin does,
 * so that nobody stays behind when the process that started it was killed (a sender ends by itself); and its clock is the stage's.
 */
export function actorOptions(command: Command): Command {
  return command
    .option('--json', 'print one event per line on stdout instead of talk')
    .option('--log <file>', 'append every event to a file, for `detour trace`', path)
    .addOption(
      new Option('--tied <clock>', "end at once when stdin does; the clock is the stage's")
        .argParser(offset)
        .hideHelp(),
    );
}

/**
 * Sets up the process.
 * @param name the name it goes by in the events
 * @param narrate is given each event, unless --json
 * @param frames report each frame although neither --json nor --log asks for it
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
  let times = 0;
  const interrupted = (signal: NodeJS.Signals): void => {
    times += 1;
    // The terminal has written ^C: what is said about it begins on a line of its own.
    if (signal === 'SIGINT' && process.stderr.isTTY && !json) say();
    if (interrupts === undefined || times > 2) process.exit(INTERRUPTED);
    interrupts(times);
  };
  return {
    context,
    json,
    onInterrupt(call) {
      interrupts = call;
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
    },
  };
}

// The events with their time, for --json and --log. Who only talks needs no time, which costs more than the talk under load.
async function record(
  actor: string,
  { json, log: file, tied: offset }: ActorFlags,
  narrate: Emit,
): Promise<Recorder> {
  // Only when it is needed: pino takes as long to load as all else that a command is made of.
  const { createRecorder } = await import('../trace/log.ts');
  const onLost = (error: DetourError): void => say(`${error.message}; ${error.hint}`);
  const recorder = createRecorder({
    actor,
    offset,
    file,
    onEvent: json ? jsonOutput(process.stdout) : undefined,
    onLost,
  });
  process.once('exit', () => recorder.close());
  if (json) return recorder;
  beforeTalk(recorder.flush);
  const emit: Emit = (event) => {
    recorder.emit(event);
    narrate(event);
  };
  return { ...recorder, emit };
}

/** The longest freeze, in milliseconds: long enough for every deadline, short enough to wait for. */
const LONGEST_FREEZE_MS = 10 * 60_000;

/** The longest command that may be typed, in characters. */
const LONGEST_LINE = 200;

// Closed, absent or boring stdin changes nothing (but --tied).
function obeyLines({ emit, flush }: Told, own?: (line: string) => void): void {
  const lines = createInterface({ input: process.stdin, terminal: false });
  process.stdin.on('error', () => {});
  lines.on('line', (line) => {
    if (line.length > LONGEST_LINE) {
      say(`  Unknown command: it has ${line.length} characters.`);
      return;
    }
    const [word = '', length, ...rest] = line.trim().split(/\s+/);
    if (word === '' && rest.length === 0) return;
    if (word === 'kill' && length === undefined) {
      emit({ event: 'stopping', why: 'kill' });
      flush();
      process.kill(process.pid, 'SIGKILL');
    } else if (word === 'freeze' && rest.length === 0) freeze(length ?? '20s', { emit, flush });
    else if (own !== undefined) own(line);
    else
      say(
        '  Type kill (SIGKILL to myself) or freeze 20s (my program stands still, my kernel goes on); Ctrl-C stops politely.',
      );
  });
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
  // The event loop stands still: nothing is read, no timer fires, while the kernel goes on taking bytes for this process.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  emit({ event: 'thawed', ms });
}
