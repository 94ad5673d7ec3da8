// An audience that remembers what it is told, and a stage whose files are in a folder of their own.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Recorded } from '../../../src/core/event.ts';
import type {
  ActorId,
  ActorState,
  LineId,
  LineState,
  Message,
  Route,
  StageState,
  StoryState,
  Tally,
} from '../../../src/lab/board/messages.ts';
import { Play, type PlayOptions } from '../../../src/lab/board/play.ts';
import type { Audience } from '../../../src/lab/board/source.ts';
import { readLog } from '../../../src/trace/read.ts';

const MOST_MS = 60_000;

/** Remembers what a source tells, and can wait for it. */
export class Memory implements Audience {
  /** The events of this run. */
  events: { readonly recorded: Recorded; readonly route: Route | undefined }[] = [];
  /** Every process of which an event was seen, in all runs. */
  readonly pids = new Set<number>();
  readonly notices: string[] = [];
  stage: StageState = { actors: [], lines: [] };
  story: StoryState | undefined;
  /** Every state of a story that was told. */
  readonly told: StoryState[] = [];
  tally: Tally = { stories: [] };
  /** How many messages of each kind came, and how often it was cleared. */
  readonly counts = { stage: 0, clear: 0 };
  readonly #waiting = new Set<() => void>();

  event(recorded: Recorded, route?: Route): void {
    this.events.push({ recorded, route });
    this.pids.add(recorded.pid);
    this.#wake();
  }

  clear(): void {
    this.events = [];
    this.counts.clear += 1;
    this.#wake();
  }

  send(message: Message): void {
    if (message.kind === 'stage') {
      this.stage = message.stage;
      this.counts.stage += 1;
    } else if (message.kind === 'story') {
      this.story = message.story;
      if (message.story !== undefined) this.told.push(message.story);
    } else if (message.kind === 'tally') this.tally = message.tally;
    else if (message.kind === 'notice') this.notices.push(message.text);
    this.#wake();
  }

  /** Waits until something is there. @param what for the error, if it does not come in a minute */
  until<T>(what: string, look: () => T | undefined | false): Promise<T> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const found = look();
        if (found === undefined || found === false) return;
        settle();
        resolve(found);
      };
      const timer = setTimeout(() => {
        settle();
        reject(new Error(`${what}: not in ${MOST_MS / 1000} s; ${JSON.stringify(this.stage)}`));
      }, MOST_MS);
      const settle = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(check);
      };
      this.#waiting.add(check);
      check();
    });
  }

  /** Waits for the `nth` event of a kind by a process of this name on a route. */
  recorded<Name extends Recorded['event']>(
    route: Route,
    actor: string,
    event: Name,
    nth = 1,
  ): Promise<Extract<Recorded, { event: Name }>> {
    return this.until(`${event} ${nth} of ${route}/${actor}`, () => {
      const all = this.events.filter(
        (one) => one.route === route && one.recorded.actor === actor && one.recorded.event === event,
      );
      return all[nth - 1]?.recorded as Extract<Recorded, { event: Name }> | undefined;
    });
  }

  actor(id: ActorId): ActorState | undefined {
    return this.stage.actors.find((one) => one.id === id);
  }

  line(id: LineId): LineState | undefined {
    return this.stage.lines.find((one) => one.id === id);
  }

  #wake(): void {
    for (const check of [...this.#waiting]) check();
  }
}

/** A play with its audience. `end` closes it, and returns what is left over: files and processes; both should be empty. */
export interface Staged {
  readonly play: Play;
  readonly seen: Memory;
  /** The folder in which its files are. */
  readonly folder: string;
  /** All events in the logs of the processes of this name. */
  logged(actor: string): readonly Recorded[];
  end(): Promise<{ readonly files: readonly string[]; readonly pids: readonly number[] }>;
}

/**
 * Starts a play whose files are in a folder of their own. Only one at a time: this changes the environment until `end`.
 * @param options another program for the actors
 */
export function startPlay(options: PlayOptions = {}): Staged {
  const folder = mkdtempSync(join(tmpdir(), 'detour-board-test-'));
  const names = ['TMPDIR', 'TEMP', 'TMP'] as const;
  const before = names.map((name) => [name, process.env[name]] as const);
  for (const name of names) process.env[name] = folder;
  const seen = new Memory();
  const play = new Play(seen, options);
  return {
    play,
    seen,
    folder,
    logged: (actor) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith(`-${actor}.log`))
        .flatMap((name) => readLog(join(folder, name)).events),
    async end() {
      await play.close();
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
      const files = readdirSync(folder);
      rmSync(folder, { recursive: true, force: true });
      return { files, pids: [...seen.pids].filter((pid) => isThere(pid, folder)) };
    },
  };
}

// Each process of the stage has a file in this folder as an argument. Linux says so: on a busy computer a pid is soon another process's.
function isThere(pid: number, folder: string): boolean {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder);
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
