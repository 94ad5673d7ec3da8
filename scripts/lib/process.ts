// A process for a script: it is killed when the script ends, also by Ctrl-C.

import { fileURLToPath } from 'node:url';
import { Process, type ProcessOptions } from '../../src/lab/stage/process.ts';

/** The program as it was built. */
export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

const running = new Set<Process>();
process.once('exit', () => {
  for (const one of running) one.killNow();
});
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

/** A Node program and what it says. */
export class Program extends Process {
  /**
   * @param main the compiled program to run
   * @param options.node options of Node itself
   */
  constructor(
    main: string,
    args: readonly string[],
    { node = [], ...options }: ProcessOptions & { readonly node?: readonly string[] } = {},
  ) {
    super([process.execPath, ...node, main, ...args], {
      ...options,
      env: { NO_COLOR: '1', ...options.env },
    });
    running.add(this);
    void this.ended.then(() => running.delete(this));
  }
}
