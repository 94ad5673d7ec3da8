// What the board's server and its page say to each other, as JSON. The server sends `Message`s as server-sent events (GET /events); the page
// sends one `Command` in each POST /commands. Types only: both sides import them.

import type { Recorded, VerdictName } from '../../core/event.ts';

/** The two halves of the board: left the direct route, right the detour. */
export type Route = 'direct' | 'detour';

/** A process on the stage. */
export type ActorId = 'direct/alice' | 'direct/bob' | 'detour/alice' | 'detour/relay' | 'detour/bob';

/** A line between two processes; a `detour link` is on each. */
export type LineId = 'direct/line' | 'detour/up' | 'detour/down';

/** What can be done to a process. `kill` is SIGKILL; `stop` asks it politely. */
export type ActorAction = 'start' | 'kill' | 'freeze' | 'thaw' | 'stop';

/** What can be done to a line. Each is a command of `detour link`: `slow` is latency, `full` a full backlog, `slice` small segments. */
export type LineAction = 'cut' | 'heal' | 'slow' | 'reset' | 'full' | 'slice';

/** What a person guesses that alice's program will say: delivered or stored, not delivered, unknown. */
export type Guess = 'd' | 'n' | 'u';

/** An event of a process, as it is in its log. */
export interface BoardEvent {
  /** Numbers the events of a run from 1, in the order in which the server learned of them. */
  readonly n: number;
  /** The half of the board where its process is; undefined in a run from log files: there the page finds out (routes.ts). */
  readonly route?: Route;
  readonly recorded: Recorded;
}

/** A process on the stage, now. */
export interface ActorState {
  readonly id: ActorId;
  readonly route: Route;
  /** The name that it goes by: alice, bob, relay. */
  readonly name: string;
  /** `absent`: never started. `ended`: it ended by itself or was stopped. */
  readonly state: 'absent' | 'running' | 'frozen' | 'killed' | 'ended';
  readonly pid?: number;
  /** Where it listens: `127.0.0.1:4101`. */
  readonly address?: string;
  /** Its exit code, or the signal that ended it. */
  readonly exit?: number | string;
  /** What can be done to it now. */
  readonly can: readonly ActorAction[];
  /** Its last lines, as its terminal shows them; at most ten, made harmless (core/visible.ts). */
  readonly talk: readonly string[];
}

/** A line on the stage, now. */
export interface LineState {
  readonly id: LineId;
  readonly route: Route;
  readonly from: ActorId;
  readonly to: ActorId;
  /** What the network is like, in a few words: `up`, `cut`, `slow 500 ms`, `full backlog`, `segments of 3 bytes`. */
  readonly text: string;
  /** Is nothing wrong with it? */
  readonly whole: boolean;
  readonly can: readonly LineAction[];
}

/** Everything on the stage. */
export interface StageState {
  readonly actors: readonly ActorState[];
  readonly lines: readonly LineState[];
}

/** One thing that can be chosen from the menu: a story of the demo, or a question of the class plan. */
export interface StoryTitle {
  readonly name: string;
  readonly number: number;
  readonly title: string;
  readonly kind: 'story' | 'question';
}

/** A route of a story, when it has been played. */
export interface Outcome {
  readonly verdict: VerdictName;
  readonly exit: number;
  /** Two or three lines: what to learn from it. */
  readonly lesson: readonly string[];
  /** What was not as expected; empty if everything was. */
  readonly faults: readonly string[];
  /** The guess that was made before, and whether it was right. */
  readonly guess?: Guess;
  readonly right?: boolean;
}

/** The story that was chosen, now. */
export interface StoryState {
  readonly name: string;
  readonly number: number;
  readonly title: string;
  /** `asks`: nothing has been played and the question is open. `plays`: it is being played. `over`: it has been played, or has failed. */
  readonly state: 'asks' | 'plays' | 'over';
  /** The question, and the answers that can be chosen: the key to press, and the words. Of a story one for each route, of a question one. */
  readonly question: string;
  readonly answers: readonly { readonly key: string; readonly text: string }[];
  /** The routes that are asked about and played, with their outcome when they are over. */
  readonly routes: readonly {
    readonly route: Route;
    readonly lanes: readonly string[];
    /** Names for addresses (`host:port`) where nobody listened, as in trace/rows.ts. */
    readonly places?: Readonly<Record<string, string>>;
    readonly outcome?: Outcome;
  }[];
  /** Of a question: the key of the answer that was chosen; undefined if it was skipped. */
  readonly choice?: string;
  /** Of a question that has been played: the key of the right answer; undefined if this run does not show it. */
  readonly rightAnswer?: string;
  /** Of a question that has been played: why that is right, from what was recorded; a sentence or two. */
  readonly because?: string;
  /** Why it could not be played. */
  readonly failure?: string;
}

/** How many guesses were made since the board was started, and how many were right. */
export interface Tally {
  readonly stories: readonly {
    readonly name: string;
    readonly route: Route;
    readonly guess: Guess;
    readonly verdict: VerdictName;
    readonly right: boolean;
    /** In free play: the alice whose verdict it is. */
    readonly pid?: number;
  }[];
  /** The same of the questions: the key of the answer that was chosen. */
  readonly questions?: readonly { readonly name: string; readonly choice: string; readonly right: boolean }[];
}

/** An entry of `detour explain`, for a click on a verdict or an error. */
export interface Explanation {
  readonly title: string;
  readonly lines: readonly string[];
}

/** What PROTOCOL.md says of a verb, for a click on a frame. */
export interface VerbText {
  /** The heading under which it stands. */
  readonly section: string;
  readonly text: string;
}

/** What the server sends. A page that connects gets `hello`, then the state of everything, then what changes. */
export type Message =
  | {
      readonly kind: 'hello';
      /** A new one each time the board starts: a page that sees another one forgets everything that it has. */
      readonly board: string;
      /** `logs`: log files are shown, and there is nothing to command. */
      readonly mode: 'stage' | 'logs';
      readonly version: string;
      readonly stories: readonly StoryTitle[];
      readonly verbs: Readonly<Record<string, VerbText>>;
    }
  /** Everything shown so far belongs to an earlier run: the stage was reset, or a story begins. Events are numbered from 1 again. */
  | { readonly kind: 'clear'; readonly run: number }
  /** `dropped`: how many of the oldest events of this run are no longer kept. */
  | {
      readonly kind: 'events';
      readonly run: number;
      readonly dropped: number;
      readonly events: readonly BoardEvent[];
    }
  | { readonly kind: 'stage'; readonly stage: StageState }
  /** No `story`: free play. */
  | { readonly kind: 'story'; readonly story?: StoryState }
  | { readonly kind: 'tally'; readonly tally: Tally }
  /** Sent once for each code or verdict that has come up. */
  | { readonly kind: 'explanation'; readonly code: string; readonly explanation: Explanation }
  /** Something that everybody should know: a log that cannot be read, a command that failed. */
  | { readonly kind: 'notice'; readonly text: string }
  /** The board ends: Ctrl-C. */
  | { readonly kind: 'gone' };

/** What the page may ask for; the token is in the header `X-Detour-Token`. Answer: 204, or 4xx with `{"error": …, "hint": …}`. */
export type Command =
  | { readonly actor: ActorId; readonly do: ActorAction }
  | { readonly line: LineId; readonly do: LineAction }
  /** In free play: a new alice sends this. Guesses, if any, count in the tally under the name `free`. */
  | {
      readonly say: string;
      readonly by: Route | 'both';
      readonly guesses?: Readonly<Partial<Record<Route, Guess>>>;
    }
  /** Ends every process and starts free play afresh. */
  | { readonly stage: 'reset' }
  /** `choose`: shows its question. `answer`: plays it; a route without a guess, or a question without a `choice`, was skipped. */
  | { readonly story: string; readonly do: 'choose' }
  | {
      readonly story: string;
      readonly do: 'answer';
      readonly guesses: Readonly<Partial<Record<Route, Guess>>>;
      /** The key of an answer to a question. */
      readonly choice?: string;
    };
