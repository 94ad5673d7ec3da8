// Shows log files and follows them while they grow: what `detour board LOG…` has in place of a stage. There is nothing to command.
//
// Each file is looked at a few times a second. (The system could tell of changes sooner, but not on every file system.) A file that is not
// there yet is waited for. If one is cut or replaced, what is shown of it is no longer in it: then all are read afresh, as a new run.

import type { Clock, Timer } from '../../core/clock.ts';
import { DetourError } from '../../core/error.ts';
import { visible } from '../../core/visible.ts';
import { LogTail, type Look } from '../../trace/tail.ts';
import type { Message } from './messages.ts';
import type { Audience, Source } from './source.ts';

/** How often the files are looked at, in milliseconds. */
export const LOOK_MS = 200;
/** How many notices a page that comes later gets: the last ones. */
const MOST_NOTICES = 10;

/** What is known of a file. */
interface Followed {
  readonly tail: LogTail;
  /** What was said of it, so that nothing is said twice. */
  readonly said: Set<string>;
}

/** Log files that are followed. */
export class Follow implements Source {
  readonly mode = 'logs';
  readonly stories = [];
  readonly #audience: Audience;
  readonly #clock: Clock;
  readonly #files: readonly string[];
  #followed: readonly Followed[] = [];
  #notices: Message[] = [];
  #timer: Timer | undefined;

  /**
   * Reads what is there, and follows it.
   * @throws DetourError with the errno if a file is there and cannot be read; `bad_log`, with file and line, if it is not a log
   */
  constructor(audience: Audience, files: readonly string[], clock: Clock) {
    this.#audience = audience;
    this.#clock = clock;
    this.#files = [...new Set(files)];
    this.#begin();
    for (const one of this.#followed) {
      for (let more = true; more; ) {
        const look = one.tail.look();
        const [bad] = look.kind === 'read' ? look.bad : [];
        if (bad !== undefined)
          throw new DetourError('bad_log', bad, 'Give files that detour wrote with --log.');
        this.#take(one, look);
        more = look.kind === 'read' && look.more;
      }
    }
    this.#later(LOOK_MS);
  }

  present(): readonly Message[] {
    return this.#notices;
  }

  async command(): Promise<void> {
    throw new DetourError(
      'usage',
      'This board shows log files: there is nothing to command.',
      'detour board, without files, starts a stage',
    );
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
  }

  #begin(): void {
    this.#followed = this.#files.map((file) => ({ tail: new LogTail(file), said: new Set() }));
  }

  #later(ms: number): void {
    this.#timer = this.#clock.after(ms, () => this.#later(this.#lookAtAll() ? 0 : LOOK_MS));
  }

  // Returns true if there is more to read at once.
  #lookAtAll(): boolean {
    let more = false;
    for (const one of this.#followed) {
      try {
        const look = one.tail.look();
        this.#take(one, look);
        if (look.kind === 'replaced') return true;
        if (look.kind === 'read' && look.more) more = true;
      } catch (error) {
        if (!(error instanceof DetourError)) throw error;
        this.#say(one, error.message);
      }
    }
    return more;
  }

  #take(one: Followed, look: Look): void {
    const { tail } = one;
    switch (look.kind) {
      case 'absent':
        this.#say(one, `${tail.file} is not there: the board waits for it.`);
        return;
      case 'replaced':
        this.#audience.clear();
        this.#begin();
        this.#say(one, `${tail.file} was cut or replaced: all logs are read afresh.`);
        return;
      case 'read':
        if (tail.skipped > 0) this.#say(one, `${tail.file}: the first ${tail.skipped} bytes were left out.`);
        for (const event of look.events) this.#audience.event(event);
        for (const bad of look.bad.slice(0, 1))
          if (one.said.size < MOST_NOTICES) this.#say(one, `${bad}. It was left out.`);
    }
  }

  #say({ said }: Followed, text: string): void {
    if (said.has(text)) return;
    said.add(text);
    const notice: Message = { kind: 'notice', text: visible(text) };
    this.#notices = [...this.#notices, notice].slice(-MOST_NOTICES);
    this.#audience.send(notice);
  }
}
