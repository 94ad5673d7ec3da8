// One real process on the stage: started, watched through the events it prints, spoken to through its stdin, ended by its pid.
// It plays no part itself: what the process does is the command line's business.

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { DetourError } from '../../core/error.ts';
import type { Recorded } from '../../core/event.ts';
import { parseRecorded } from '../../trace/line.ts';
import { readLog } from '../../trace/read.ts';

/** How a process ended: by itself with a code, or by a signal. Neither if it could not be started. */
interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** An event that somebody waits for. */
interface Waiter {
  readonly test: (recorded: Recorded) => boolean;
  readonly found: (recorded: Recorded) => void;
  readonly failed: (reason: string) => void;
}

/** Events kept of one process: far more than a story has, and an end for one that has gone wild. */
const MOST_EVENTS = 20_000;
/** Of what a process says on stderr, this much of the end is kept, to explain a failure. */
const MAX_TALK = 2000;
/** Long enough for a computer that is busy with something else. */
const DEADLINE_MS = 15_000;
const ECHO_MS = 3000;

/** A process on the stage. */
export class Actor {
  /** The name it goes by. */
  readonly name: string;
  /** Its flight recorder's file. */
  readonly log: string;
  /** Resolves when the process is gone and all that it printed has been read. Never rejects. */
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcess;
  readonly #events: Recorded[] = [];
  readonly #mostEvents: number;
  readonly #watchers: ((recorded: Recorded) => void)[] = [];
  #waiters: Waiter[] = [];
  #talk = '';
  #ending: Ending | undefined;

  /**
   * Starts `command`: a program and its arguments.
   * @param log the file that its `--log` names
   * @param watch is given each event that it prints
   * @param mostEvents it is ended when it prints more than so many
   */
  constructor(
    name: string,
    command: readonly string[],
    log: string,
    watch?: (recorded: Recorded) => void,
    mostEvents = MOST_EVENTS,
  ) {
    if (watch !== undefined) this.#watchers.push(watch);
    this.#mostEvents = mostEvents;
    this.name = name;
    this.log = log;
    const [program = process.execPath, ...args] = command;
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], windowsHide: true });
    const { stdin, stdout, stderr } = this.#child;
    // Writing to somebody who was killed is not a defect here.
    stdin?.on('error', () => {});
    stderr?.setEncoding('utf8').on('data', (text: string) => this.#heard(text));
    if (stdout !== null) createInterface({ input: stdout }).on('line', (line) => this.#line(line));
    this.ended = new Promise((resolve) => {
      const end = (ending: Ending): void => {
        this.#ending = ending;
        this.#fail('it has ended');
        resolve(ending);
      };
      this.#child.on('error', (error) => {
        this.#heard(error.message);
        if (this.#child.pid === undefined) end({ code: null, signal: null });
      });
      this.#child.on('close', (code, signal) => end({ code, signal }));
    });
  }

  /** The pid, or 0 if it could not even be started. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** How it ended, once it has. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** All events that it has printed, in order. */
  get events(): readonly Recorded[] {
    return this.#events;
  }

  /**
   * Waits for an event; one that has been printed already counts.
   * @param what says in a failure what did not come
   * @throws DetourError `stage` if the process ends or `deadlineMs` pass before it comes
   */
  until(what: string, test: (recorded: Recorded) => boolean, deadlineMs = DEADLINE_MS): Promise<Recorded> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
      };
      const waiter: Waiter = {
        test,
        found(recorded) {
          settle();
          resolve(recorded);
        },
        failed: (reason) => {
          settle();
          reject(
            new DetourError(
              'stage',
              `${this.name} (pid ${this.pid}): no ${what}, ${reason}`,
              this.#talk.trim(),
            ),
          );
        },
      };
      const timer = setTimeout(() => waiter.failed(`waited ${deadlineMs / 1000} s`), deadlineMs);
      const known = this.#events.find(test);
      if (known !== undefined) waiter.found(known);
      else if (this.#ending !== undefined) waiter.failed('it has ended');
      else this.#waiters.push(waiter);
    });
  }

  /** Calls back for each event that it prints from now on. */
  watch(take: (recorded: Recorded) => void): void {
    this.#watchers.push(take);
  }

  /** Types a line to it: `kill`, or `freeze 20s`. */
  say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Types a last line to it and ends its input. */
  lastWords(line: string): void {
    this.#child.stdin?.end(`${line}\n`);
  }

  /** Gives it all its input, and ends that. */
  pipe(text: string): void {
    this.#child.stdin?.end(text);
  }

  /** Ends it at once, by its pid; that works on a frozen one, too. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.killNow();
    await this.ended;
  }

  /** The same without waiting, for the last moment of this process. */
  killNow(): void {
    if (this.#ending === undefined && this.pid !== 0) this.#child.kill('SIGKILL');
  }

  /** Waits until all that its flight recorder has by now has been printed, too; not for long, for it may be mute. */
  async caughtUp(): Promise<void> {
    const { length } = this.recorded();
    await this.until('echo of its log', () => this.#events.length >= length, ECHO_MS).catch(() => undefined);
  }

  /**
   * Waits until it is gone by itself.
   * @throws DetourError `stage` if it does not go
   */
  async gone(): Promise<void> {
    if (this.#ending !== undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), DEADLINE_MS);
    });
    const what = await Promise.race([this.ended, late]);
    clearTimeout(timer);
    if (what === 'late')
      throw new DetourError('stage', `${this.name} (pid ${this.pid}) does not end`, this.#talk.trim());
  }

  /** What its flight recorder wrote down: also what a dying process could no longer print. Empty if it never wrote. */
  recorded(): readonly Recorded[] {
    try {
      return readLog(this.log).events;
    } catch (error) {
      if (error instanceof DetourError && this.#events.length === 0) return [];
      throw error;
    }
  }

  #line(line: string): void {
    try {
      if (this.#events.length >= this.#mostEvents) throw new DetourError('stage', 'it prints without end');
      const recorded = parseRecorded(line, 'its output', this.#events.length + 1);
      this.#events.push(recorded);
      for (const take of this.#watchers) take(recorded);
      for (const waiter of this.#waiters.filter(({ test }) => test(recorded))) waiter.found(recorded);
    } catch (error) {
      this.#heard(error instanceof Error ? error.message : String(error));
      this.#fail('it printed something that is not an event');
      this.killNow();
    }
  }

  #heard(text: string): void {
    this.#talk = (this.#talk + text).slice(-MAX_TALK);
  }

  #fail(reason: string): void {
    for (const waiter of [...this.#waiters]) waiter.failed(reason);
  }
}
