// Runs a command of `detour` in the test's own process, to test what it prints before it needs a network. A separate process takes 100 times
// as long.

import { onTestFinished, vi } from 'vitest';
import { run } from '../../src/cli/program.ts';
import type { Exit } from '../../src/lab/stage/process.ts';

/** A finished run: its exit code or the signal that ended it, and what it printed. */
export interface Finished {
  readonly code: Exit;
  readonly stdout: string;
  readonly stderr: string;
}

type Write = typeof process.stdout.write;

/**
 * Runs `detour …args` to its end. Do not use it for commands that read standard input, keep running, or react to signals. Run only one at a
 * time, because the streams and the exit code belong to the whole process.
 */
export async function runInside(args: readonly string[]): Promise<Finished> {
  const printed = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) => {
    const write: Write = (text, ...more: unknown[]) => {
      printed[name] += String(text);
      const done = more.at(-1);
      if (typeof done === 'function') done();
      return true;
    };
    return vi.spyOn(process[name], 'write').mockImplementation(write);
  });
  const before = process.exitCode;
  const restore = (): void => {
    for (const spy of spies) spy.mockRestore();
    process.exitCode = before;
  };
  // If the command never ends, the test's timeout ends it.
  onTestFinished(restore);
  process.exitCode = undefined;
  const failed = await run(args);
  const code = failed ?? Number(process.exitCode ?? 0);
  restore();
  return { code, ...printed };
}
