// The control of a script that looks for faults: the same script, run on builds that were broken on purpose, must find them.

import { spawnSync } from 'node:child_process';
import { brokenBuild, type Edit } from './broken.ts';

/** A build that breaks one promise. */
export interface Broken {
  readonly what: string;
  readonly edits: readonly Edit[];
  /** What the script must have printed. */
  readonly finds: RegExp;
}

/** How the script is run on a broken build. */
export interface ControlOptions {
  /** The script's file. */
  readonly script: string;
  /** Its arguments. @param main main.js of the broken build @param attempt from 0 */
  args(main: string, attempt: number): readonly string[];
  /** A fault shows only where a run meets the moment of it: what was not caught is tried again, so often at the most. */
  readonly attempts: number;
}

/** Runs the script on every broken build, and says which were caught. @returns the exit code: 0 if all were */
export function control(builds: readonly Broken[], { script, args, attempts }: ControlOptions): number {
  let caught = 0;
  for (const { what, edits, finds } of builds) {
    const build = brokenBuild(edits);
    for (let attempt = 0; attempt < attempts; attempt++) {
      const tsx = ['--import', 'tsx', script, ...args(build, attempt)];
      const { status, stdout } = spawnSync(process.execPath, tsx, { encoding: 'utf8' });
      const found = finds.exec(stdout)?.[0];
      const good = status === 1 && found !== undefined;
      console.log(`${what}: ${good ? 'caught' : 'not caught'} (exit ${status})${good ? `: ${found}` : ''}`);
      if (good) {
        caught += 1;
        break;
      }
      // Indented: its own count of passed and failed is not this run's.
      console.log(stdout.replace(/^/gm, '    '));
    }
  }
  console.log(`${caught} passed, ${builds.length - caught} failed`);
  return caught === builds.length ? 0 : 1;
}

/** Runs a script's main part; what it throws is told and counted. */
export async function conclude(main: () => number | Promise<number>): Promise<void> {
  try {
    process.exitCode = await main();
  } catch (error) {
    console.log(`FAILED  ${error instanceof Error ? error.message : String(error)}`);
    console.log('0 passed, 1 failed');
    process.exit(1);
  }
}
