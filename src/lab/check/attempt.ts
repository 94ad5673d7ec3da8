// One try of one stage: its processes, its connections, its folder, its clock, and everything that was said.

import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prng } from '../../core/prng.ts';
import type { Exit, User } from '../stage/process.ts';
import type { Control } from './control.ts';
import { Failed, Undecided } from './outcome.ts';
import { freePort, HOST, tryConnect } from './ports.ts';
import { Program, sweep } from './program.ts';
import { Recording } from './recording.ts';
import { type Watch, Wire } from './wire.ts';

/** How long a program may take to start and listen, or to connect: enough for one that compiles first. The whole run ends within 15 s then. */
export const START_MS = 10_000;
/** How often a server that does not listen yet is tried again. */
const RETRY_MS = 10;
/** A deadline counts only if the control was answered within this part of it. */
const CONTROL_SHARE = 4;
/** How many more deadlines a program gets while the control is slow. */
const MORE_ROUNDS = 3;

/** What an attempt is made with. */
export interface AttemptOptions {
  /** The program and its arguments, with placeholders. */
  readonly command: readonly string[];
  readonly cwd?: string | undefined;
  /** The user that the program runs as, and who gets the folder for its journal. Default: that of this process. */
  readonly user?: User | undefined;
  /** The name that the program gets. */
  readonly as: string;
  readonly deadlineMs: number;
  /** How many times longer than usual all deadlines are, those of the program too. */
  readonly patience: number;
  readonly seed: number;
  readonly control: Control;
}

/** What a stage uses to try a program. */
export class Attempt implements Watch {
  /** Random numbers of this attempt, from 0 to below 1. */
  readonly random: () => number;
  /** How long something may take, in milliseconds. */
  readonly deadlineMs: number;
  /** How many times longer than usual all deadlines are, those of the program too. */
  readonly patience: number;
  /** A folder for a relay's journal. It stays while the attempt lasts. */
  readonly journal = mkdtempSync(join(tmpdir(), 'detour-check-'));
  /** Everything that happened so far. */
  readonly recording: Recording;
  readonly #options: AttemptOptions;
  readonly #mark = Array.from({ length: 4 }, () => Math.random().toString(36).slice(2)).join('');
  readonly #programs: Program[] = [];
  readonly #sockets: Socket[] = [];
  readonly #servers: Server[] = [];
  readonly #files: string[] = [];
  #port = 0;
  #error: unknown;
  #isOver = false;
  #wake: (() => void)[] = [];

  constructor(options: AttemptOptions) {
    this.#options = options;
    this.patience = options.patience;
    this.deadlineMs = options.deadlineMs * options.patience;
    const { user } = options;
    if (user !== undefined) chownSync(this.journal, user.uid, user.gid);
    this.random = prng(options.seed);
    this.recording = new Recording(options.as);
  }

  /** The name that the program was given. */
  get as(): string {
    return this.#options.as;
  }

  /** The program that was started last. @throws Error if there is none */
  get program(): Program {
    const last = this.#programs.at(-1);
    if (last === undefined) throw new Error('no program was started');
    return last;
  }

  /** Was a program started? */
  get started(): boolean {
    return this.#programs.length > 0;
  }

  /** What the last program has printed on stderr. */
  get stderr(): string {
    return this.#programs.at(-1)?.stderr ?? '';
  }

  /** A whole number from 0 to below this one. */
  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  /** A word that nobody could guess: whoever has shown it has got it from the body. */
  word(): string {
    return Array.from({ length: 16 }, () => this.below(36).toString(36)).join('');
  }

  /** Something may have changed: those who wait look again. */
  changed(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  /**
   * Waits until a test gives something other than undefined or false.
   * @param ms the deadline; default: that of the attempt
   * @returns that; undefined if the deadline has passed and this computer had time for the program, or if the attempt is over
   * @throws Undecided if this computer was too busy to tell
   * @throws Failed if the program floods its output
   */
  async until<T>(test: () => T | undefined | false, ms = this.deadlineMs): Promise<T | undefined> {
    for (let round = 0; round <= MORE_ROUNDS; round += 1) {
      const before = this.#options.control.answer();
      const found = await this.#within(test, ms);
      if (found !== undefined || this.#isOver) return found;
      const limit = Math.max(50, ms / CONTROL_SHARE);
      const after = this.#options.control.answer();
      const slow = new Promise<number>((resolve) => setTimeout(resolve, limit, Number.POSITIVE_INFINITY));
      const took = await Promise.race([Promise.all([before, after]).then((all) => Math.max(...all)), slow]);
      // Something may have come while the control was asked.
      const late = test();
      if (late !== undefined && late !== false) return late;
      if (took <= limit) return undefined;
    }
    throw new Undecided(
      'This computer was too busy: a program that only answers did not answer in time either.',
    );
  }

  async #within<T>(test: () => T | undefined | false, ms: number): Promise<T | undefined> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.changed();
    }, ms);
    try {
      for (;;) {
        if (this.#error !== undefined) throw this.#error;
        this.#checkFlood();
        const found = test();
        if (found !== undefined && found !== false) return found;
        if (late || this.#isOver) return undefined;
        await new Promise<void>((resolve) => void this.#wake.push(resolve));
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #checkFlood(): void {
    if (!this.#programs.at(-1)?.flooded) return;
    throw new Failed({
      expected: 'the messages on stdout, and little else',
      came: 'more than 16 MiB on stdout, or 64 MiB on stderr; the program was killed',
      why: 'A program must not flood its output.',
    });
  }

  /** Lets time pass: for a fault that lasts. */
  async pass(ms: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ms));
  }

  /**
   * Starts the program, again on the same port and folder if it was started before.
   * @param extra variables that it gets in addition
   * @param prefix a command that it is started with, such as strace and its arguments
   */
  async start(extra: NodeJS.ProcessEnv = {}, prefix: readonly string[] = []): Promise<Program> {
    if (this.#port === 0) this.#port = await freePort();
    const { as, command, cwd, user } = this.#options;
    const address = `${HOST}:${this.#port}`;
    const values: Readonly<Record<string, string>> = {
      port: String(this.#port),
      host: HOST,
      as: extra.DETOUR_AS ?? as,
      to: extra.DETOUR_TO ?? address,
      relay: address,
      journal: this.journal,
      timeout: extra.DETOUR_TIMEOUT ?? '10',
    };
    const filled = command.map((part) =>
      part.replace(/\{(\w+)\}/g, (all, key: string) =>
        Object.hasOwn(values, key) ? (values[key] ?? all) : all,
      ),
    );
    const program = new Program({
      command: [...prefix, ...filled],
      env: {
        DETOUR_PORT: values.port,
        DETOUR_HOST: values.host,
        DETOUR_AS: values.as,
        DETOUR_TO: values.to,
        DETOUR_RELAY: values.relay,
        DETOUR_JOURNAL: values.journal,
        DETOUR_TIMEOUT: values.timeout,
        ...extra,
      },
      cwd,
      user,
      mark: this.#mark,
      changed: () => this.changed(),
      ended: (pid, exit) => this.recording.add({ what: 'ended', pid, exit }),
    });
    this.#programs.push(program);
    this.recording.add({ what: 'started', pid: program.pid });
    return program;
  }

  /** Kills the program and its children with SIGKILL. Resolves when it is gone. @throws Undecided if it had ended by itself before */
  async kill(): Promise<void> {
    const { program } = this;
    if (program.exit !== undefined)
      throw new Undecided(
        `The program had ended by itself before it was killed (${exitText(program.exit)}).`,
      );
    this.recording.add({ what: 'killed', pid: program.pid });
    await program.kill();
    if (program.exit === undefined) throw new Undecided('The killed program is not gone.');
  }

  /**
   * Freezes the program and its children with SIGSTOP while something else happens, and lets them go on after it.
   * @throws NotChecked where the system does not say whether a program is frozen
   * @throws Undecided if it has ended, or was not frozen all the time
   */
  async frozen(meanwhile: () => Promise<void>): Promise<void> {
    const { program } = this;
    await program.freeze();
    this.recording.add({ what: 'frozen', pid: program.pid });
    await meanwhile();
    this.recording.add({ what: 'thawed', pid: program.pid });
    program.thaw();
  }

  /** Connects to the program, as soon as it listens. @param name of the connection, in what is shown @throws Failed if it never listens */
  async connect(name = 'check'): Promise<Wire> {
    const began = performance.now();
    for (;;) {
      const socket = await tryConnect(this.#port);
      if (socket !== undefined) {
        this.#sockets.push(socket);
        return new Wire(this, socket, 'check', name);
      }
      this.#checkFlood();
      const { exit } = this.program;
      if (exit !== undefined) throw this.#notListening(exitText(exit));
      if (performance.now() - began > START_MS) {
        await this.until(() => undefined, 100);
        throw this.#notListening(`it runs, but refuses connections after ${START_MS / 1000} s`);
      }
      await this.pass(RETRY_MS);
    }
  }

  #notListening(came: string): Failed {
    return new Failed({
      expected: `a program that listens on ${HOST}:${this.#port}`,
      came,
      why: 'It gets its address in DETOUR_HOST and DETOUR_PORT, or in place of {host} and {port} in its command.',
    });
  }

  /** Plays a server at the address that a client gets. @param serve serves one connection, beside the stage */
  async listen(serve: (wire: Wire) => Promise<void>): Promise<void> {
    if (this.#port === 0) this.#port = await freePort();
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#sockets.push(socket);
      this.#background(serve(new Wire(this, socket, 'program', '')));
      this.changed();
    });
    this.#servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, HOST, resolve);
    });
  }

  /** The failure of a client that has not connected. */
  notConnected(): Failed {
    const { exit } = this.program;
    return new Failed({
      expected: `a connection to ${HOST}:${this.#port}`,
      came: exit === undefined ? `none in ${START_MS / 1000} s` : exitText(exit),
      why: 'It gets the address in DETOUR_TO and DETOUR_RELAY, or in place of {to} or {relay} in its command.',
    });
  }

  // If what runs beside the stage throws, the next wait of the stage does.
  #background(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#error ??= error;
      this.changed();
    });
  }

  /** Is there nobody at the address that the program gets? */
  async isNobody(): Promise<boolean> {
    const socket = await tryConnect(this.#port);
    socket?.destroy();
    return socket === undefined;
  }

  /** Chooses the address that the program gets, without listening there: who connects is refused. */
  async reserve(): Promise<void> {
    this.#port = await freePort();
  }

  /** Removes this file, too, when the attempt ends. */
  atEnd(file: string): void {
    this.#files.push(file);
  }

  /** Ends everything that belongs to this attempt. */
  async end(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.kill()));
    this.endNow();
  }

  /** The same without waiting: also when this process is about to exit. */
  endNow(): void {
    this.#isOver = true;
    this.changed();
    for (const program of this.#programs) program.killNow();
    if (this.started) sweep(this.#mark);
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) server.close();
    for (const file of [this.journal, ...this.#files])
      rmSync(file, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

/** How a process ended, in words. */
export function exitText(exit: Exit): string {
  if (exit === 'not started') return 'it could not be started';
  return typeof exit === 'number' ? `it ended with exit code ${exit}` : `it was ended by ${exit}`;
}
