// Starts the examples of scripts/examples, as a person would.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { Talking } from '../harness.ts';

const FOLDER = fileURLToPath(new URL('../../scripts/examples/', import.meta.url));
const OLD_ENOUGH = 'import sys; sys.exit(sys.version_info < (3, 8))';

/** Why the examples cannot be run on this computer; empty if they can. The title of a skipped test gives this reason. */
export const LEFT_OUT =
  spawnSync('python3', ['-c', OLD_ENOUGH]).status === 0
    ? ''
    : ' (left out: there is no python3, 3.8 or newer, here)';

/** Starts an example, which is killed by its pid at the end of the test. @param name its file, without `.py` */
export function example(name: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Talking {
  const run = new Talking(['python3', `${FOLDER}${name}.py`, ...args], {
    // Python writes no cache into the folder. Output is buffered, as it is by default, so that a forgotten flush fails a test.
    env: { PYTHONDONTWRITEBYTECODE: '1', PYTHONUNBUFFERED: '', ...env },
  });
  onTestFinished(() => run.killNow());
  return run;
}

/** Runs an example to its end. @param input all its input */
export async function runExample(
  name: string,
  args: readonly string[],
  input: string | Buffer = '',
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: Talking['exit']; stdout: string; stderr: string }> {
  const run = example(name, args, env);
  run.input(input);
  return { code: await run.ended, stdout: run.stdout, stderr: run.stderr };
}

/** Starts receiver.py or relay.py on any free port. */
export async function listening(
  name: 'receiver' | 'relay',
  ...more: string[]
): Promise<Talking & { place: string; port: number }> {
  const server = example(name, ['--port', '0', ...more]);
  const [, place = '', port] = await server.until(/listens on (\S+:(\d+))/);
  return Object.assign(server, { place, port: Number(port) });
}
