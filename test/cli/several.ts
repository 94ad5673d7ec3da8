// Many short runs of the command line: a few at a time, with everything that is wrong in one list.

import { runCli } from '../harness.ts';
import { type Finished, runInside } from './inside.ts';

/** The number of processes at the same time: two cores, shared. */
const AT_ONCE = 4;

/** How a run should end. */
export interface Expected {
  readonly code: number;
  /** What stderr must say. */
  readonly says: RegExp;
  /** What stdout must be. Default: nothing. */
  readonly prints?: RegExp;
}

/** A run and how it should end. */
export interface Run extends Expected {
  readonly args: readonly string[];
  readonly input?: string | Buffer;
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs all of them, each in its own process. @returns what was not as expected, one entry per run; empty if all is well */
export async function wrongOf(runs: readonly Run[]): Promise<string[]> {
  const wrong: string[] = [];
  const left = [...runs];
  const work = async (): Promise<void> => {
    for (let run = left.shift(); run !== undefined; run = left.shift()) {
      wrong.push(...about(run, await runCli(run.args, run)));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return wrong;
}

/** The same for runs that end before they need input or a network: inside this process, one after another, which takes far less time. */
export async function wrongInside(runs: readonly Omit<Run, 'input' | 'env'>[]): Promise<string[]> {
  const wrong: string[] = [];
  for (const run of runs) wrong.push(...about(run, await runInside(run.args)));
  return wrong;
}

const about = (run: Run, found: Finished): string[] =>
  judge(run, found).map((what) => `detour ${JSON.stringify(run.args)}: ${what}`);

/** What is wrong with a finished run; empty if nothing. */
export function judge({ code, says, prints = /^$/ }: Expected, found: Finished): string[] {
  const wrong: string[] = [];
  if (found.code !== code) wrong.push(`exit ${found.code} instead of ${code}; it said ${found.stderr}`);
  // Lines are wrapped to a width, but a sentence is searched for as a whole.
  const talk = found.stderr.replaceAll(/\s+/g, ' ');
  if (!says.test(talk)) wrong.push(`${says} was not said, but ${found.stderr}`);
  if (!prints.test(found.stdout)) wrong.push(`printed ${JSON.stringify(found.stdout.slice(0, 200))}`);
  if (/\n\s+at \S+.*:\d+|defect|undefined|\[object|NaN|Unhandled|deprecat/i.test(found.stderr))
    wrong.push(`looks like a crash: ${found.stderr}`);
  return wrong;
}
