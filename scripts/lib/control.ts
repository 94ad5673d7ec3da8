// The control of a script that looks for faults. A run that finds none in the real program proves something only if the same script finds
// the fault when one part is replaced by one that lies.

import { spawnSync } from 'node:child_process';

/** A replacement part that breaks one promise. */
export interface Lie {
  readonly what: string;
  /** What the script must print. */
  readonly finds: RegExp;
}

/** How the script is run with a lie in it. */
export interface ControlOptions {
  /** The script's file. */
  readonly script: string;
  /** Its arguments. @param lie which one @param attempt from 0 */
  args(lie: string, attempt: number): readonly string[];
  /** A run shows a fault only if it happens to hit the right moment, so a lie that was not caught is tried again, up to this many times in all. */
  readonly attempts: number;
}

/** Runs the script with every lie, and says which were caught. @returns the exit code: 0 if all were */
export function control(lies: readonly Lie[], { script, args, attempts }: ControlOptions): number {
  let caught = 0;
  for (const { what, finds } of lies) {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const tsx = ['--import', 'tsx', script, ...args(what, attempt)];
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
  console.log(`${caught} passed, ${lies.length - caught} failed`);
  return caught === lies.length ? 0 : 1;
}

/** The lie of this name; undefined if none is asked for. @throws RangeError if there is no such lie */
export function lieNamed<L extends Lie>(lies: readonly L[], name: string | undefined): L | undefined {
  if (name === undefined) return undefined;
  const lie = lies.find(({ what }) => what === name);
  if (lie === undefined) throw new RangeError(`there is no lie named ${name}`);
  return lie;
}

/** Runs a script's main part. If it throws, the error is printed and counts as one failure. */
export async function conclude(main: () => number | Promise<number>): Promise<void> {
  try {
    process.exitCode = await main();
  } catch (error) {
    console.log(`FAILED  ${error instanceof Error ? error.message : String(error)}`);
    console.log('0 passed, 1 failed');
    process.exit(1);
  }
}
