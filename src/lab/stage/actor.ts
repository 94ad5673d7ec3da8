// An actor: a real detour process that prints its events, or talks as in a terminal and writes its events to its log. It is watched
// through them, and it plays no part itself: what the process does is the command line's business.

import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { DetourError } from '../../core/error.ts';
import type { Event, Recorded } from '../../core/event.ts';
import { formatJson, parseRecorded } from '../../trace/line.ts';
import { createStamp } from '../../trace/log.ts';
import { readLog } from '../../trace/read.ts';
import { LogTail } from '../../trace/tail.ts';
import { Process, type ProcessOptions } from './process.ts';

/** Events of one kind. */
type Of<T extends Recorded['event']> = Extract<Recorded, { event: T }>;

/** How an actor is set up. */
export interface ActorOptions extends Pick<ProcessOptions, 'env' | 'keep' | 'patienceMs'> {
  /** The name it goes by, for error messages. */
  readonly name: string;
  /** The file that its `--log` names; undefined if it writes none. */
  readonly log?: string | undefined;
  /** Is given each event that it prints. */
  readonly watch?: ((recorded: Recorded) => void) | undefined;
  /**
   * Is given each line that it says on stdout or stderr. Then its command has no `--json`, and its events are read from its log while that
   * grows: a process can do only one of the two on its output.
   */
  readonly talk?: ((line: string) => void) | undefined;
  /** It is killed when it prints more events than this. Default: 20,000, far more than a story has. */
  readonly mostEvents?: number | undefined;
}

const MOST_EVENTS = 20_000;
const ECHO_MS = 3000;

/** How often the log of an actor that talks is looked at, in milliseconds. Polling works on every system and file system. */
const LOOK_MS = 25;

/** A detour process, started with `--json`, or with `talk`. */
export class Actor extends Process {
  /** The name it goes by. */
  readonly name: string;
  /** The file of its event log; empty if it writes none. */
  readonly log: string;
  /** All events that it has printed so far, or that were read from the log of one that talks, in order. */
  readonly events: Recorded[] = [];
  readonly #mostEvents: number;
  readonly #talk: ActorOptions['talk'];
  readonly #watchers = new Set<(recorded: Recorded) => void>();
  readonly #waiters = new Set<(ended: string | undefined) => void>();
  readonly #tail: LogTail;

  /** @param command a program and its arguments, among them `--json` if it does not talk */
  constructor(command: readonly string[], options: ActorOptions) {
    const { talk } = options;
    super(command, { ...options, onLine: talk ?? ((line) => this.#line(line)) });
    this.name = options.name;
    this.log = options.log ?? '';
    this.#mostEvents = options.mostEvents ?? MOST_EVENTS;
    this.#talk = talk;
    this.#tail = new LogTail(this.log);
    if (options.watch !== undefined) this.watch(options.watch);
    if (talk !== undefined) this.#follow(talk);
    void this.ended.then(() => this.#check('it has ended'));
  }

  /**
   * Waits for an event. One that has been printed already counts.
   * @param fits what else must hold of it
   * @throws DetourError `stage` if the process ends before the event comes, or it does not come in time
   */
  until<T extends Recorded['event']>(event: T, fits: (event: Of<T>) => boolean = () => true): Promise<Of<T>> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(check);
      };
      let looked = 0;
      const check = (over: string | undefined): void => {
        const isWanted = (one: Recorded): one is Of<T> => one.event === event && fits(one as Of<T>);
        const found = this.events.slice(looked).find(isWanted);
        looked = this.events.length;
        if (found === undefined && over === undefined) return;
        settle();
        if (found !== undefined) resolve(found);
        else {
          const message = `${this.name} (pid ${this.pid}): no event ${event}, ${over}`;
          reject(new DetourError('stage', message, this.stderr.trim()));
        }
      };
      const timer = setTimeout(() => check(`waited ${this.patienceMs / 1000} s`), this.patienceMs);
      this.#waiters.add(check);
      check(this.exit === undefined ? undefined : 'it has ended');
    });
  }

  /** Calls back for each event that it prints from now on. */
  watch(take: (recorded: Recorded) => void): void {
    this.#watchers.add(take);
  }

  /** Waits until it has printed all that its event log has by now; at most 3 s, because it may be unable to print. */
  async caughtUp(): Promise<void> {
    const last = this.recorded().length;
    if (this.events.length >= last || this.exit !== undefined) return;
    await new Promise<void>((resolve) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        resolve();
      };
      const look = (): void => {
        if (this.events.length >= last) settle();
      };
      const timer = setTimeout(settle, ECHO_MS);
      this.watch(look);
      void this.ended.then(settle);
    });
  }

  /**
   * Waits until it is gone by itself.
   * @throws DetourError `stage` if it does not go in time
   */
  async gone(): Promise<void> {
    if (this.exit !== undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), this.patienceMs);
    });
    const what = await Promise.race([this.ended, late]);
    clearTimeout(timer);
    if (what === 'late')
      throw new DetourError('stage', `${this.name} (pid ${this.pid}) does not end`, this.stderr.trim());
  }

  /** What its event log has: also what a dying process could no longer print. Empty if it never wrote. */
  recorded(): readonly Recorded[] {
    try {
      return readLog(this.log).events;
    } catch (error) {
      if (error instanceof DetourError && this.events.length === 0) return [];
      throw error;
    }
  }

  /**
   * Adds an event to the log of an actor that talks: what was done to the process from outside, which it cannot record itself.
   * @param offset the clock of its stage, so that the event has its place among the others
   */
  note(event: Event, offset: bigint): void {
    const recorded = { ...event, time: createStamp(offset)(), actor: this.name, pid: this.pid };
    appendFileSync(this.log, `${formatJson(recorded)}\n`);
    this.#read();
  }

  // The log is complete: a process writes each event to it before it says anything about it (trace/log.ts), and before it ends.
  #follow(talk: (line: string) => void): void {
    if (this.child.stderr !== null) createInterface({ input: this.child.stderr }).on('line', talk);
    const timer = setInterval(() => this.#read(), LOOK_MS);
    void this.ended.then(() => {
      clearInterval(timer);
      this.#read();
    });
  }

  // Takes what has been added to the log since the last look. There is none before the process opens it, nor when the stage has been cleared.
  #read(): void {
    try {
      for (let more = true; more; ) {
        const look = this.#tail.look();
        if (look.kind !== 'read') return;
        for (const recorded of look.events) this.#take(recorded);
        const [bad] = look.bad;
        if (bad !== undefined) throw new DetourError('stage', bad);
        more = look.more;
      }
    } catch (error) {
      this.#refuse(error);
    }
  }

  #line(line: string): void {
    try {
      this.#take(parseRecorded(line, 'its output', this.events.length + 1));
    } catch (error) {
      this.#refuse(error);
    }
  }

  #take(recorded: Recorded): void {
    if (this.events.length >= this.#mostEvents)
      throw new DetourError('stage', `it recorded more than ${this.#mostEvents} events`);
    this.events.push(recorded);
    for (const take of this.#watchers) take(recorded);
    this.#check(undefined);
  }

  #refuse(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    this.heard(text);
    this.#talk?.(`killed: ${text}`);
    this.#check('it printed something that is not an event');
    this.killNow();
  }

  #check(over: string | undefined): void {
    for (const check of [...this.#waiters]) check(over);
  }
}
