// A detour process as a person sees it: without --json, with what it prints and says, and a keyboard.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** The compiled program. */
export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** A process that a test talks to. */
export interface Talking {
  readonly child: ChildProcessWithoutNullStreams;
  /** Everything on stdout so far. */
  printed(): string;
  /** Everything on stderr so far. */
  said(): string;
  /** Resolves with the match once stdout and stderr together contain it; rejects if the process ends before. */
  until(words: RegExp): Promise<RegExpExecArray>;
  /** Types a line. */
  type(line: string): void;
  /** Exit code, or the signal that ended it. */
  readonly exit: Promise<number | string>;
}

/** Starts `detour …args`. At the end of the test it is killed by its pid. */
export function talk(args: readonly string[], env: NodeJS.ProcessEnv = {}): Talking {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, ...env } });
  onTestFinished(() => void child.kill('SIGKILL'));
  child.stdin.on('error', () => {});
  const heard = { stdout: '', stderr: '' };
  const checks = new Set<() => void>();
  let over = false;
  const check = (): void => {
    for (const one of checks) one();
  };
  for (const from of ['stdout', 'stderr'] as const) {
    child[from].setEncoding('utf8').on('data', (text: string) => {
      heard[from] += text;
      check();
    });
  }
  const exit = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => {
      over = true;
      resolve(code ?? signal ?? 'unknown');
      check();
    });
  });
  return {
    child,
    exit,
    printed: () => heard.stdout,
    said: () => heard.stderr,
    type: (line) => void child.stdin.write(`${line}\n`),
    until: (words) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = words.exec(heard.stdout) ?? words.exec(heard.stderr);
          if (found === null && !over) return;
          checks.delete(look);
          if (found !== null) resolve(found);
          else reject(new Error(`it ended without ${words}: ${heard.stdout}${heard.stderr}`));
        };
        checks.add(look);
        look();
      }),
  };
}

/** A synchronous receiver and its address. */
export async function bobListens(...more: string[]): Promise<Talking & { place: string }> {
  const bob = talk(['sync', 'receive', '--port', '0', ...more]);
  const [, place = ''] = await bob.until(/listens on (\S+), pid/);
  return { ...bob, place };
}

/** A relay and its address. @param port the port it had before, or 0 */
export async function relayListens(
  journal: string,
  port: string | number = 0,
): Promise<Talking & { place: string; port: string }> {
  const relay = talk(['async', 'relay', '--port', String(port), '--journal', journal]);
  const [, place = '', bound = ''] = await relay.until(/listens on (\S+:(\d+)), pid[^\n]*\n {2}journal: /);
  return { ...relay, place, port: bound };
}
