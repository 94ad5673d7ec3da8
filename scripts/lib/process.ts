// A detour process for a script: started, watched, ended by its pid.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The program as it was built. */
export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** So long anything that is waited for may take, in milliseconds. */
const PATIENCE_MS = 30_000;

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

/** What a process runs in. */
interface Surroundings {
  /** Options of Node itself. */
  readonly node?: readonly string[];
  /** What its environment has beside this one's. */
  readonly env?: NodeJS.ProcessEnv;
  /** The open file that its stdout goes into; else that is read here. */
  readonly stdout?: number | 'pipe';
}

/** A process and what it says. */
export class Program {
  readonly child: ChildProcess;
  /** Everything on stdout and on stderr so far. */
  stdout = '';
  stderr = '';
  /** How it ended: an exit code or the name of a signal. */
  readonly ended: Promise<number | string>;
  #over = false;
  #waiting: (() => void)[] = [];

  /** @param main the compiled program to run */
  constructor(
    main: string,
    args: readonly string[],
    { node = [], env = {}, stdout = 'pipe' }: Surroundings = {},
  ) {
    const child: ChildProcess = spawn(process.execPath, [...node, main, ...args], {
      stdio: ['pipe', stdout, 'pipe'],
      env: { ...process.env, NO_COLOR: '1', ...env },
    });
    this.child = child;
    running.add(child);
    child.stdin?.on('error', () => {});
    child.stdout?.on('data', (bytes: Buffer) => {
      this.stdout += bytes;
      this.#wake();
    });
    child.stderr?.on('data', (bytes: Buffer) => {
      this.stderr += bytes;
      this.#wake();
    });
    this.ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        running.delete(child);
        this.#over = true;
        this.#wake();
        resolve(code ?? signal ?? 'unknown');
      });
    });
  }

  /** Has it ended? */
  get over(): boolean {
    return this.#over;
  }

  /**
   * The first match in what it says on stderr or stdout; undefined if it ends without.
   * @param from look at stderr alone, from this character on
   * @throws Error if it says no such thing for PATIENCE_MS
   */
  async says(pattern: RegExp, from?: number): Promise<RegExpExecArray | undefined> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#wake();
    }, PATIENCE_MS);
    try {
      for (;;) {
        const match =
          pattern.exec(this.stderr.slice(from)) ?? (from === undefined ? pattern.exec(this.stdout) : null);
        if (match !== null) return match;
        if (this.#over) return undefined;
        if (late)
          throw new Error(
            `no ${pattern} came for ${PATIENCE_MS / 1000} s; it said: ${this.stderr.slice(-500)}`,
          );
        await new Promise<void>((resolve) => void this.#waiting.push(resolve));
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Types a line to it. */
  type(line: string): void {
    this.child.stdin?.write(`${line}\n`);
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
