// What tests of real sockets and real processes share: a raw client that types bytes, actors as child processes, cleanup by pid.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { Recorded } from '../src/core/event.ts';
import { parseRecorded } from '../src/trace/line.ts';
import { FrameDecoder } from '../src/wire/decoder.ts';
import type { Frame } from '../src/wire/frame.ts';

const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

/** A directory of its own for the test that is running, removed afterwards. */
export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'detour-test-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A client that types bytes and reads frames: what `nc` is to a person. */
export class RawClient {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  /** Has the server's FIN arrived? */
  finished = false;
  /** Has the connection closed, however? */
  closed = false;
  readonly #decoder = new FrameDecoder(64 * 1024 * 1024);
  #taken = 0;
  #wake: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes) => {
      this.#decoder.push(bytes);
      for (let found = this.#decoder.next(); found !== undefined; found = this.#decoder.next()) {
        if (found.kind !== 'frame')
          throw new Error(`the server sent what is not a frame: ${JSON.stringify(found)}`);
        this.frames.push(found.frame);
      }
      this.#notify();
    });
    socket.on('end', () => {
      this.finished = true;
      this.#notify();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      this.#notify();
    });
  }

  /** Connects; the test's end destroys it. @param localAddress where it comes from, e.g. 127.0.0.2: only on Linux */
  static async connect(port: number, host = '127.0.0.1', localAddress?: string): Promise<RawClient> {
    const from = localAddress === undefined ? {} : { localAddress };
    const socket = createConnection({ host, port, allowHalfOpen: true, noDelay: true, ...from });
    const client = new RawClient(socket);
    onTestFinished(() => void socket.destroy());
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return client;
  }

  /** Types bytes; text is Latin-1. */
  type(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** The next frame not yet taken, as its header line (without line end) and its body, e.g. `['PONG', undefined]`. */
  async next(): Promise<[line: string, body: string | undefined]> {
    await this.#until(() => this.frames.length > this.#taken || this.finished || this.closed);
    const frame = this.frames[this.#taken];
    if (frame === undefined) throw new Error('the connection ended; no further frame came');
    this.#taken += 1;
    const fields = [...frame.fields].map(([key, value]) => ` ${key}=${value}`).join('');
    return [frame.verb + fields, frame.body?.toString('latin1')];
  }

  /** Resolves when the server has sent FIN or the connection is closed. */
  async end(): Promise<void> {
    await this.#until(() => this.finished || this.closed);
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

/** A detour process, its events and what it printed. */
export interface Running {
  readonly child: ChildProcess;
  readonly events: Recorded[];
  /** Everything on stderr so far. */
  stderr(): string;
  /** The first event, past or to come, that fits. Fails if the process ends before. */
  until<T extends Recorded['event']>(
    event: T,
    fits?: (event: Extract<Recorded, { event: T }>) => boolean,
  ): Promise<Extract<Recorded, { event: T }>>;
  /** Exit code, or the signal that ended it. */
  readonly exit: Promise<number | string>;
}

/**
 * Starts `detour …args --json` from the compiled program; the test's end kills it by its pid.
 * @param main another program to run in its place, e.g. a deliberately broken build
 * @param within a command to start it with, e.g. one that enters another network namespace
 */
export function start(
  args: readonly string[],
  options: { main?: string; env?: NodeJS.ProcessEnv; within?: readonly string[] | undefined } = {},
): Running {
  const command = [process.execPath, options.main ?? MAIN, ...args, '--json'];
  const [program = '', ...rest] = [...(options.within ?? []), ...command];
  const child = spawn(program, rest, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', ...options.env },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  child.stdin?.on('error', () => {});
  const events: Recorded[] = [];
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const check of waiting) check();
  };
  let errors = '';
  let over = false;
  child.stderr?.on('data', (bytes: Buffer) => {
    errors += bytes.toString();
  });
  const lines = createInterface({ input: child.stdout as NonNullable<typeof child.stdout> });
  lines.on('line', (line) => {
    events.push(parseRecorded(line));
    wake();
  });
  const exit = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => {
      over = true;
      resolve(code ?? signal ?? 'unknown');
      wake();
    });
  });
  return {
    child,
    events,
    exit,
    stderr: () => errors,
    until(event, fits = () => true) {
      type Wanted = Extract<Recorded, { event: typeof event }>;
      return new Promise<Wanted>((resolve, reject) => {
        const check = (): void => {
          const found = events.find((one): one is Wanted => one.event === event && fits(one as Wanted));
          if (found === undefined && !over) return;
          waiting.delete(check);
          if (found !== undefined) resolve(found);
          else reject(new Error(`the process ended without ${event}; it said: ${errors}`));
        };
        waiting.add(check);
        check();
      });
    },
  };
}

/** Runs `detour …args` to its end, as a person would: no --json. */
export async function runCli(
  args: readonly string[],
  options: { input?: string | Buffer; env?: NodeJS.ProcessEnv } = {},
): Promise<{ code: number | string; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', ...options.env },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (bytes: Buffer) => {
    stdout += bytes.toString();
  });
  child.stderr.on('data', (bytes: Buffer) => {
    stderr += bytes.toString();
  });
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  const code = await new Promise<number | string>((resolve) =>
    child.once('close', (exit, signal) => resolve(exit ?? signal ?? 'unknown')),
  );
  return { code, stdout, stderr };
}
