// One real process: started, read, typed to, ended by its pid. The stage, the tests and the scripts all start theirs with it.

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** How a process ended: its exit code, or the signal that ended it; `not started` if the system could not start it. */
export type Exit = number | NodeJS.Signals | 'not started';

/** A user of a system with such numbers, and the user's own group. */
export interface User {
  readonly uid: number;
  readonly gid: number;
}

/** What a process runs in, and what is read of it. */
export interface ProcessOptions {
  /** Variables that it gets in addition to this process's own environment. Of those that set detour's options it gets only these. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** The descriptor of an open file that its stdout goes into. By default its stdout is read here. */
  readonly stdout?: number | undefined;
  /** Takes each line of its stdout. The text is then not kept. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** Takes each chunk of its stdout, as bytes. The text is then not kept. */
  readonly onBytes?: ((chunk: Buffer) => void) | undefined;
  /** The folder that it runs in. Default: this process's own. */
  readonly cwd?: string | undefined;
  /** Starts it as another user, which only root may do. Default: as the user of this process. */
  readonly user?: User | undefined;
  /** Puts it into a process group of its own, so that its children are killed with it. Windows has no such groups: there it does nothing. */
  readonly group?: boolean | undefined;
  /** How many characters of its stderr are kept: the last ones. Default: all. */
  readonly keep?: number | undefined;
  /** How long something that it should say is waited for, in milliseconds. Default: 30 s. */
  readonly patienceMs?: number | undefined;
}

/** Enough for a computer that is busy with something else. */
const PATIENCE_MS = 30_000;

// The program that starts processes names them, and a DETOUR_AS that a person has set must not rename them.
const inherited = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('DETOUR_')));

/** A real process with its stdin and what it prints. */
export class Process {
  readonly child: ChildProcess;
  /** Resolves when the process has ended and all that it printed has been read. Never rejects. */
  readonly ended: Promise<Exit>;
  /** What it has printed on stdout so far. Empty if that goes into a file, or is taken line by line. */
  stdout = '';
  /** What it has printed on stderr so far, and the reason if it could not be started. */
  stderr = '';
  /** How long something that it should say is waited for, in milliseconds. */
  protected readonly patienceMs: number;
  readonly #keep: number;
  readonly #group: boolean;
  #exit: Exit | undefined;
  #waiting: (() => void)[] = [];

  /** @param command a program and its arguments */
  constructor(command: readonly string[], options: ProcessOptions = {}) {
    const { env, stdout = 'pipe', onLine, onBytes, cwd, keep = Number.POSITIVE_INFINITY } = options;
    const [program = process.execPath, ...args] = command;
    this.#keep = keep;
    this.#group = options.group === true && process.platform !== 'win32';
    this.patienceMs = options.patienceMs ?? PATIENCE_MS;
    this.child = spawn(program, args, {
      stdio: ['pipe', stdout, 'pipe'],
      env: { ...inherited(), ...env },
      windowsHide: true,
      detached: this.#group,
      ...(cwd === undefined ? {} : { cwd }),
      ...options.user,
    });
    // A write to a process that was killed fails: that is expected here.
    this.child.stdin?.on('error', () => {});
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => this.heard(text));
    if (this.child.stdout !== null && onLine !== undefined)
      createInterface({ input: this.child.stdout }).on('line', onLine);
    else if (onBytes !== undefined) this.child.stdout?.on('data', onBytes);
    else
      this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        this.stdout += text;
        this.#wake();
      });
    this.ended = new Promise((resolve) => {
      const end = (exit: Exit): void => {
        this.#exit = exit;
        this.#wake();
        resolve(exit);
      };
      this.child.on('error', (error) => {
        this.heard(error.message);
        if (this.child.pid === undefined) end('not started');
      });
      this.child.on('close', (code, signal) => end(code ?? signal ?? 'not started'));
    });
  }

  /** The pid, or 0 if it could not be started. */
  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** How it ended; undefined as long as it runs. */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  /**
   * The first match in what it has printed and will print; undefined if it ends without one.
   * @param from look at stderr alone, from this character on
   * @throws Error with the end of its stderr, if no match comes in time
   */
  async says(pattern: RegExp, from?: number): Promise<RegExpExecArray | undefined> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#wake();
    }, this.patienceMs);
    try {
      for (;;) {
        const match =
          pattern.exec(this.stderr.slice(from)) ?? (from === undefined ? pattern.exec(this.stdout) : null);
        if (match !== null) return match;
        if (this.#exit !== undefined) return undefined;
        if (late)
          throw new Error(`no ${pattern}, waited ${this.patienceMs / 1000} s: ${this.stderr.slice(-500)}`);
        await new Promise<void>((resolve) => void this.#waiting.push(resolve));
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Types a line. */
  type(line: string): void {
    this.child.stdin?.write(`${line}\n`);
  }

  /** Gives it the last of its input, and ends that. */
  input(text: string | Buffer): void {
    this.child.stdin?.end(text);
  }

  /** Kills it by its pid; a frozen process, too. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.killNow();
    await this.ended;
  }

  /** Kills it without waiting: also when this process is about to exit. With `group`, kills what is left of its group even if it has ended. */
  killNow(): void {
    if (this.#group && this.pid !== 0) {
      try {
        process.kill(-this.pid, 'SIGKILL');
      } catch {
        // Nobody is left in the group.
      }
      return;
    }
    if (this.#exit === undefined && this.pid !== 0) this.child.kill('SIGKILL');
  }

  /** Takes text as if the process had printed it on stderr. */
  protected heard(text: string): void {
    this.stderr = (this.stderr + text).slice(-this.#keep);
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
