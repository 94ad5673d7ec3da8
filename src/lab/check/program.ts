// The program that is checked: started with its environment, read within bounds, frozen and ended with all its children.

import { readdirSync, readFileSync } from 'node:fs';
import { type Exit, Process, type User } from '../stage/process.ts';
import { NotChecked, Undecided } from './outcome.ts';

/** How much of its stdout is kept, and how much it may print in all before it counts as a flood: 16 MiB. */
const MOST_SHOWN = 16 * 1024 * 1024;
/** How much is kept of its stderr, to show it with a failing stage: the last 4,000 characters. */
const KEPT_STDERR = 4000;
/** How much it may print on stderr in one stage: 64 MiB. */
const MOST_STDERR = 64 * 1024 * 1024;
/** How long a killed process may take to be gone: the system needs some time to free a large one. */
const GONE_MS = 5000;
/** How long a process that was sent SIGSTOP may take to stand still: one that waits for the disk stops when that is done. */
const FREEZING_MS = 2000;
/** How often it is looked at meanwhile. */
const LOOK_MS = 5;
/** How long what it has printed is read after it has ended, if its output stays open. */
const READ_MS = 500;

/** The variable that marks every process of one attempt, so that none of them is left behind. */
const MARK = 'DETOUR_CHECK_ATTEMPT';

/** What to start, and whom to tell. */
export interface ProgramOptions {
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** Variables that it gets in addition. */
  readonly env: NodeJS.ProcessEnv;
  /** The folder it runs in. Default: this process's own. */
  readonly cwd?: string | undefined;
  /** The user it runs as. Default: that of this process. */
  readonly user?: User | undefined;
  /** A random word, the same for all processes of one attempt. */
  readonly mark: string;
  /** Called when it has printed something, or has ended. */
  readonly changed: () => void;
  /** Called as soon as it has ended, even if its output has not been read yet. */
  readonly ended: (pid: number, exit: Exit) => void;
}

/** One running program, with what it has printed. */
export class Program {
  readonly #process: Process;
  readonly #changed: () => void;
  readonly #mark: string;
  #chunks: string[] = [];
  #shown = '';
  #size = 0;
  #stderrSize = 0;
  #killed = false;
  #exit: Exit | undefined;

  constructor({ command, env, cwd, user, mark, changed, ended }: ProgramOptions) {
    this.#changed = changed;
    this.#mark = mark;
    this.#process = new Process(command, {
      env: { ...env, [MARK]: mark },
      cwd,
      user,
      group: true,
      keep: KEPT_STDERR,
      onBytes: (chunk) => this.#take(chunk),
    });
    this.#process.child.stderr?.on('data', (text: string) => {
      this.#stderrSize += text.length;
      if (this.flooded) this.#process.killNow();
      changed();
    });
    void this.#process.ended.then(changed);
    // A child of it may hold its output open for as long as it likes: then nobody waits for the end of that.
    this.#process.child.on('exit', (code, signal) => {
      ended(this.pid, code ?? signal ?? 'not started');
      void read(READ_MS).then(() => {
        this.#exit = code ?? signal ?? 'not started';
        changed();
      });
    });
  }

  /** Its pid; 0 if it could not be started. */
  get pid(): number {
    return this.#process.pid;
  }

  /** How it ended; undefined as long as it runs, or as long as what it had printed has not been read. */
  get exit(): Exit | undefined {
    return this.#process.exit ?? this.#exit;
  }

  /** The last 4,000 characters of its stderr. */
  get stderr(): string {
    return this.#process.stderr;
  }

  /** All that has been read of its stdout, each byte as one character. */
  get shown(): string {
    if (this.#chunks.length > 0) {
      this.#shown += this.#chunks.join('');
      this.#chunks = [];
    }
    return this.#shown;
  }

  /** Has it printed more than any program needs? Then it was killed. */
  get flooded(): boolean {
    return this.#size > MOST_SHOWN || this.#stderrSize > MOST_STDERR;
  }

  /** Stops reading its stdout, so that its writes stop when the system's buffers are full. */
  pause(): void {
    this.#process.child.stdout?.pause();
  }

  /** Reads its stdout again. */
  resume(): void {
    this.#process.child.stdout?.resume();
  }

  /** Gives it its whole input. */
  input(text: string): void {
    this.#process.input(text);
  }

  /** Kills it with SIGKILL, its children too. Resolves when it is gone and everything it had printed has been read. */
  async kill(): Promise<void> {
    this.#killed = true;
    this.killNow();
    this.resume();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(resolve, GONE_MS, 'late');
    });
    // A child that has left the group may hold the pipes open: then the end of the output never comes.
    const closed = Promise.race([this.#process.ended, this.#exited()]);
    if ((await Promise.race([closed, late])) === 'late') this.#process.child.stdout?.destroy();
    clearTimeout(timer);
  }

  /** Was it killed by `kill`, rather than ended by itself? */
  get killed(): boolean {
    return this.#killed;
  }

  /**
   * Freezes it with SIGSTOP, its children too. Resolves when none of their threads runs any more.
   * @throws NotChecked where the system does not say whether that is so
   * @throws Undecided if it goes on running
   */
  async freeze(): Promise<void> {
    if (process.platform !== 'linux')
      throw new NotChecked(
        'Only Linux says whether a program is really frozen, so this is not checked here.',
      );
    if (marked(this.#mark).length === 0) throw new Undecided('There was no process that could be frozen.');
    const began = performance.now();
    for (;;) {
      const running = this.#running();
      if (running.length === 0) return;
      if (performance.now() - began > FREEZING_MS)
        throw new Undecided(`The program was sent SIGSTOP, and still runs after ${FREEZING_MS / 1000} s.`);
      signal('SIGSTOP', running);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /** Lets it go on after a freeze. @throws Undecided if something else has let it go on before */
  thaw(): void {
    const wasFrozen = this.#running().length === 0;
    signal('SIGCONT', marked(this.#mark));
    if (!wasFrozen) throw new Undecided('The program was frozen, and something else let it go on too early.');
  }

  // Its processes that do not stand still. One that has ended stands still, too.
  #running(): number[] {
    return marked(this.#mark).filter((pid) => {
      try {
        return readdirSync(`/proc/${pid}/task`).some(
          (thread) => !/\) [TZX] [^)]*$/.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1')),
        );
      } catch {
        return false;
      }
    });
  }

  /** Kills it without waiting. */
  killNow(): void {
    this.#process.killNow();
  }

  // The process itself is gone, and what it had written has had a moment to be read.
  async #exited(): Promise<void> {
    const { child } = this.#process;
    if (child.exitCode === null && child.signalCode === null)
      await new Promise((resolve) => child.once('exit', resolve));
    await Promise.race([this.#process.ended, read(2 * READ_MS)]);
  }

  #take(chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.flooded) this.killNow();
    else this.#chunks.push(chunk.toString('latin1'));
    this.#changed();
  }
}

// Lets time pass in which output can be read. If this process was kept waiting so long that nothing was read, one more turn reads it.
async function read(ms: number): Promise<void> {
  await new Promise<void>((resolve) => void setTimeout(resolve, ms).unref());
  await new Promise<void>((resolve) => void setImmediate(resolve));
}

/**
 * Kills every process that carries this mark, those that have left their group too. Only Linux can tell who carries it; elsewhere it does
 * nothing.
 */
export function sweep(mark: string): void {
  if (process.platform !== 'linux') return;
  // A program that forks faster than it is killed is found again in the next round.
  for (let round = 0; round < 20; round += 1) {
    const pids = marked(mark);
    if (pids.length === 0) return;
    signal('SIGKILL', pids);
  }
}

// The processes that carry a mark, on Linux.
function marked(mark: string): number[] {
  return readdirSync('/proc')
    .filter((pid) => /^[0-9]+$/.test(pid) && Number(pid) !== process.pid)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`${MARK}=${mark}`);
      } catch {
        // It is gone already, or belongs to somebody else.
        return false;
      }
    })
    .map(Number);
}

function signal(name: NodeJS.Signals, pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // It is gone already.
    }
  }
}
