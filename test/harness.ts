// What tests of real sockets and real processes share: a raw client that types bytes, actors as child processes, cleanup by pid.

import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { Actor } from '../src/lab/stage/actor.ts';
import { type Exit, Process } from '../src/lab/stage/process.ts';
import { FrameDecoder } from '../src/wire/decoder.ts';
import type { Frame } from '../src/wire/frame.ts';

/** The compiled program. */
export const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

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

/** Listens, and does with each connection what the test says; it is closed at the end of the test. @returns the address */
export async function peer(meet: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    meet(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = server.address();
  return `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
}

/**
 * Starts `detour …args --json` from the compiled program; the test's end kills it by its pid.
 * @param main another program to run in its place, e.g. a deliberately broken build
 * @param within a command to start it with, e.g. one that enters another network namespace
 */
export function start(
  args: readonly string[],
  options: { main?: string; env?: NodeJS.ProcessEnv; within?: readonly string[] | undefined } = {},
): Actor {
  const command = [...(options.within ?? []), process.execPath, options.main ?? MAIN, ...args, '--json'];
  const name = args.slice(0, 2).join(' ');
  return cleanedUp(new Actor(command, { name, env: { NO_COLOR: '1', ...options.env }, patienceMs }));
}

/** A process that somebody talks to: no --json, what it prints and says, a keyboard. */
export class Talking extends Process {
  /** Resolves with the match once it has printed or said it. @throws Error if it ends before */
  async until(words: RegExp): Promise<RegExpExecArray> {
    const found = await this.says(words);
    if (found === undefined) throw new Error(`it ended without ${words}: ${this.stdout}${this.stderr}`);
    return found;
  }
}

/** Starts `detour …args` as a person would; the test's end kills it by its pid. */
export function talk(args: readonly string[], env: NodeJS.ProcessEnv = {}): Talking {
  return cleanedUp(new Talking([process.execPath, MAIN, ...args], { env, patienceMs }));
}

/** Runs `detour …args` to its end, as a person would. @param options.input all its input; nothing unless given */
export async function runCli(
  args: readonly string[],
  options: { input?: string | Buffer; env?: NodeJS.ProcessEnv } = {},
): Promise<{ code: Exit; stdout: string; stderr: string }> {
  const run = talk(args, { NO_COLOR: '1', ...options.env });
  run.input(options.input ?? '');
  return { code: await run.ended, stdout: run.stdout, stderr: run.stderr };
}

// The test's own time is the limit.
const patienceMs = 600_000;

function cleanedUp<T extends Process>(process: T): T {
  onTestFinished(() => process.killNow());
  return process;
}
