// The stage starts real detour processes and leaves none of them running, not even after an exception or Ctrl-C. SIGKILL cannot be
// caught: then the system closes the standard input of all actors, and each ends by itself (--tied; a frozen one when it thaws, a
// sender when it has its verdict). Only the folder stays.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DetourError, errnoOf } from '../../core/error.ts';
import type { Recorded } from '../../core/event.ts';
import { INTERRUPTED } from '../../core/verdicts.ts';
import { ownOffset } from '../../trace/log.ts';
import { Actor } from './actor.ts';

/** How a stage is set up. */
export interface StageOptions {
  /** The program that every actor runs, and its first arguments. Default: the compiled detour. */
  readonly program?: readonly string[] | undefined;
  /** Called with each event as an actor prints it, or as it is read from its log. */
  readonly watch?: ((recorded: Recorded) => void) | undefined;
  /** An actor that prints more events than this is killed. Default: far more than a story has. */
  readonly mostEvents?: number | undefined;
  /**
   * Is given each line that an actor says, as on a terminal of unlimited width and without colours. Without it, actors do not talk: they
   * print their events. Their events are the same in both cases, but come a moment later if they talk.
   */
  readonly talk?: ((actor: Actor, line: string) => void) | undefined;
  /** What Ctrl-C does instead of ending this process and all actors. */
  readonly onInterrupt?: (() => void) | undefined;
}

// The compiled program. The path is right from src/lab/stage/ and from dist/lab/stage/.
const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

/** How much is kept of what an actor says on stderr, to explain a failure: the last 2,000 characters. */
const MAX_TALK = 2000;

// The signals that end a process and can be caught, each with the exit code that a shell would report.
const SIGNAL_EXIT = { SIGINT: INTERRUPTED, SIGTERM: 143, SIGHUP: 129 } as const;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Starts, watches, kills and cleans up processes. Close it in a `finally`. */
export class Stage {
  /** A folder for journals and logs. It is removed with the stage. */
  readonly dir: string;
  /** The clock by which all its actors timestamp what they record (see `ownOffset`). */
  readonly clock = ownOffset();
  readonly #program: readonly string[];
  readonly #watch: StageOptions['watch'];
  readonly #talk: StageOptions['talk'];
  readonly #mostEvents: number | undefined;
  readonly #actors: Actor[] = [];
  #closed = false;
  readonly #atExit = (): void => this.#clear();
  readonly #onInterrupt: (() => void) | undefined;
  readonly #atSignal = (signal: (typeof SIGNALS)[number]): void => {
    if (signal === 'SIGINT' && this.#onInterrupt !== undefined) {
      this.#onInterrupt();
      return;
    }
    // The `exit` handler clears the stage; this only turns the signal into an exit.
    process.exit(SIGNAL_EXIT[signal]);
  };

  /** @throws DetourError `not_built` if there is no compiled program */
  constructor({ program, watch, talk, mostEvents, onInterrupt }: StageOptions = {}) {
    if (program === undefined && !existsSync(MAIN)) {
      throw new DetourError(
        'not_built',
        `the compiled program is missing: ${MAIN}`,
        'build it: npm run build',
      );
    }
    this.#watch = watch;
    this.#talk = talk;
    this.#program = program ?? [process.execPath, MAIN];
    this.#mostEvents = mostEvents;
    this.#onInterrupt = onInterrupt;
    this.dir = mkdtempSync(join(tmpdir(), 'detour-stage-'));
    process.on('exit', this.#atExit);
    for (const signal of SIGNALS) process.on(signal, this.#atSignal);
  }

  /** All processes that were started, in order. */
  get actors(): readonly Actor[] {
    return this.#actors;
  }

  /**
   * Starts a process.
   * @param name the name it has in errors and in the name of its log
   * @param args the subcommand and its flags; `--log` and `--tied` are added, and `--json` if the actors do not talk
   * @throws DetourError `stage` if the stage is closed: nothing would end the process
   */
  start(name: string, ...args: readonly string[]): Actor {
    if (this.#closed) throw new DetourError('stage', `${name} cannot be started: the stage is closed`);
    const log = join(this.dir, `${this.#actors.length + 1}-${name}.log`);
    const talk = this.#talk;
    const json = talk === undefined ? ['--json'] : [];
    const command = [...this.#program, ...args, ...json, `--tied=${this.clock}`, '--log', log];
    const actor: Actor = new Actor(command, {
      name,
      log,
      keep: MAX_TALK,
      watch: this.#watch,
      talk: talk && ((line) => talk(actor, line)),
      mostEvents: this.#mostEvents,
    });
    this.#actors.push(actor);
    return actor;
  }

  /** Ends every process, waits until all are gone, and removes the folder. May be called twice. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#actors.map((actor) => actor.kill()));
    this.#clear();
    process.off('exit', this.#atExit);
    for (const signal of SIGNALS) process.off(signal, this.#atSignal);
  }

  /**
   * The pids of the processes that still exist, according to the system. Must be empty after `close`. One that has ended is not asked about: its
   * pid may be another process's by now.
   */
  leftOver(): number[] {
    const running = this.#actors.filter(({ exit, pid }) => exit === undefined && pid !== 0);
    return running.map(({ pid }) => pid).filter(isThere);
  }

  #clear(): void {
    for (const actor of this.#actors) actor.killNow();
    // A dying process may hold a file for a moment more: on Windows that locks it.
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}
