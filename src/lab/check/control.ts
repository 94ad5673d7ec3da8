// Is this computer fast enough at the moment to hold a deadline against a program? A process of the check's own is asked at the same time.

import { Process } from '../stage/process.ts';

/** Answers each byte with a byte, as fast as a program on this computer can be expected to. */
const ECHO = "process.stdin.on('data', (bytes) => process.stdout.write(bytes))";

/** A process that only answers: what it takes is what this computer takes. */
export class Control {
  readonly #process: Process;
  #waiting: (() => void)[] = [];

  constructor() {
    this.#process = new Process([process.execPath, '-e', ECHO], {
      group: true,
      onBytes: (bytes) => {
        for (const answered of this.#waiting.splice(0, bytes.length)) answered();
      },
    });
  }

  /** Asks once. Resolves with the milliseconds until the answer came; never if the control is dead. */
  answer(): Promise<number> {
    const began = performance.now();
    return new Promise((resolve) => {
      this.#waiting.push(() => resolve(performance.now() - began));
      this.#process.child.stdin?.write('.');
    });
  }

  /** Ends it. */
  async end(): Promise<void> {
    await this.#process.kill();
  }

  /** Ends it without waiting. */
  endNow(): void {
    this.#process.killNow();
  }
}
