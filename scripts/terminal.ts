// Real terminals for scripts, through tmux. Each has a shell; a script types what a person would type and reads the screen back.
// This is not a test harness: tests talk to processes, not to screens.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The folder of the project. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** Can this program be started? */
export function isInstalled(program: string): boolean {
  return spawnSync(program, ['-V'], { stdio: 'ignore' }).error === undefined;
}

/** Is nobody listening on this port of 127.0.0.1? */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

const PROMPT_MS = 10_000;
const LOOK_EVERY_MS = 100;

/**
 * Waits until a condition holds.
 * @param what the name of the condition, for the error
 * @throws Error if it does not hold in time
 */
export async function until(holds: () => boolean, what: string, deadlineMs: number): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`waited ${deadlineMs / 1000} s for ${what}`);
    await sleep(LOOK_EVERY_MS);
  }
}

/** Some terminals. Each has a name and a shell in the project's folder. They share a temporary home folder, which is removed at the end. */
export class Terminals {
  readonly #socket: string = `detour-script-${process.pid}`;
  readonly #home: string = mkdtempSync(join(tmpdir(), 'detour-home-'));
  readonly #columns: number;
  readonly #names = new Set<string>();

  /** @param columns the width of each terminal */
  constructor(columns: number) {
    this.#columns = columns;
    // A script that is told to end leaves no terminal behind, either.
    process.once('exit', () => this.#end());
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  }

  /** Opens a terminal, unless it is already open, and waits for its shell's prompt, `NAME$ `. */
  async open(name: string): Promise<void> {
    if (this.#names.has(name)) return;
    const shell = ['env', '-i', ...this.#environment(name), 'bash', '--noprofile', '--norc'];
    const size = ['-x', String(this.#columns), '-y', '50'];
    if (this.#names.size === 0)
      this.#tmux(
        '-f',
        '/dev/null',
        'new-session',
        '-d',
        '-s',
        'all',
        ...size,
        '-n',
        name,
        '-c',
        ROOT,
        ...shell,
      );
    else this.#tmux('new-window', '-d', '-t', 'all:', '-n', name, '-c', ROOT, ...shell);
    this.#names.add(name);
    await until(() => this.screen(name).at(-1) === `${name}$`, `a prompt in the terminal ${name}`, PROMPT_MS);
  }

  /** The names of the open terminals, in the order in which they were opened. */
  get names(): readonly string[] {
    return [...this.#names];
  }

  /** Types a line and Enter. */
  type(name: string, line: string): void {
    if (line !== '') this.#tmux('send-keys', '-t', `all:${name}`, '-l', line);
    this.key(name, 'Enter');
  }

  /** Presses a key. @param key tmux's name for it, such as `C-c` */
  key(name: string, key: string): void {
    this.#tmux('send-keys', '-t', `all:${name}`, key);
  }

  /**
   * What is on the screen and above it, without the empty lines at the end.
   * @param colours with the terminal's escape sequences
   */
  screen(name: string, colours = false): string[] {
    const flags = colours ? ['-e'] : [];
    const text = this.#tmux('capture-pane', '-p', '-J', ...flags, '-S', '-', '-t', `all:${name}`);
    const lines = text.split('\n').map((line) => line.trimEnd());
    while (lines.at(-1) === '') lines.pop();
    return lines;
  }

  /** Closes all terminals and ends what runs in them. */
  async close(): Promise<void> {
    this.#end();
    // What ran in them may still write to the home folder for a moment.
    const removed = (): boolean => {
      try {
        rmSync(this.#home, { recursive: true, force: true });
        return true;
      } catch {
        return false;
      }
    };
    await until(removed, `${this.#home} to be removed`, PROMPT_MS);
  }

  #end(): void {
    if (this.#names.size === 0) return;
    spawnSync('tmux', ['-L', this.#socket, 'kill-server'], { stdio: 'ignore' });
    this.#names.clear();
  }

  // A minimal environment, with nothing of the person who runs this.
  #environment(name: string): string[] {
    return [
      `PATH=${process.env.PATH ?? ''}`,
      `HOME=${this.#home}`,
      `PS1=${name}$ `,
      'LANG=C.UTF-8',
      'TERM=screen-256color',
      'npm_config_update_notifier=false',
    ];
  }

  #tmux(...args: string[]): string {
    return execFileSync('tmux', ['-L', this.#socket, ...args], { encoding: 'utf8' });
  }
}
