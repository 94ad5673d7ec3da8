// Where what the board shows comes from: a stage with real processes (play.ts) or log files (follow.ts). The server asks a source for its
// present state, gives it the commands of the page, and passes on what it says.

import type { Recorded } from '../../core/event.ts';
import type { Command, Message, Route, StoryTitle } from './messages.ts';

/** What a source tells the server. */
export interface Audience {
  /** A process has recorded something. */
  event(recorded: Recorded, route?: Route): void;
  /** A new run begins: what was shown before belongs to an earlier one. */
  clear(): void;
  /** Something other than an event has changed: `stage`, `story`, `tally` or `notice`. */
  send(message: Message): void;
}

/** A stage or log files. Its constructor takes an `Audience`. */
export interface Source {
  readonly mode: 'stage' | 'logs';
  /** What can be chosen from the menu; empty for log files. */
  readonly stories: readonly StoryTitle[];
  /** The messages that bring a page that has just connected up to date, without the events: the server keeps those. */
  present(): readonly Message[];
  /**
   * Does what the page asks for; resolves when it is done or under way.
   * @throws DetourError `usage` if that cannot be done now; its message and hint are shown on the page
   */
  command(command: Command): Promise<void>;
  /** Ends every process that it started, and removes its files. */
  close(): Promise<void>;
}
