// A detour process for a script: started, watched, ended by its pid.

import { type ChildProcess, spawn } from 'node:child_process';

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

/** A process and what it says. */
export class Program {
  readonly child: ChildProcess;
  /** Everything on stdout and on stderr so far. */
  stdout = '';
  stderr = '';
  /** How it ended: an exit code or the name of a signal. */
  readonly ended: Promise<number | string>;
  #over = false;
  #said: () => void = () => {};

  /** @param main the compiled main.js to run */
  constructor(main: string, args: readonly string[]) {
    const child = spawn(process.execPath, [main, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    });
    this.child = child;
    running.add(child);
    child.stdout.on('data', (bytes: Buffer) => {
      this.stdout += bytes;
      this.#said();
    });
    child.stderr.on('data', (bytes: Buffer) => {
      this.stderr += bytes;
      this.#said();
    });
    this.ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        running.delete(child);
        this.#over = true;
        this.#said();
        resolve(code ?? signal ?? 'unknown');
      });
    });
  }

  /** Has it ended? */
  get over(): boolean {
    return this.#over;
  }

  /** The first match in what it says on stdout or stderr; undefined if it ends without. One caller at a time. */
  async says(pattern: RegExp): Promise<RegExpExecArray | undefined> {
    for (;;) {
      const match = pattern.exec(this.stderr) ?? pattern.exec(this.stdout);
      if (match !== null) return match;
      if (this.#over) return undefined;
      await new Promise<void>((resolve) => {
        this.#said = resolve;
      });
    }
  }
}
