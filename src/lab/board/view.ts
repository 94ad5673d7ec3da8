// What the page knows: every message of the server changes it. Pure: page/store.ts receives the messages and tells the components.

import type {
  BoardEvent,
  Explanation,
  Message,
  Route,
  StageState,
  StoryState,
  StoryTitle,
  Tally,
  VerbText,
} from './messages.ts';
import { type Drawing, NOTHING_DRAWN } from './model.ts';

/** How fast the page replays what was recorded: 1 is the speed at which it happened. */
export type Speed = 1 | 0.1 | 0.01;

/** Where the page is in the run. Times are in milliseconds on the board's axis (model.ts). */
export interface PlaybackState {
  /** Does the page show everything as it happens? */
  readonly live: boolean;
  readonly paused: boolean;
  readonly speed: Speed;
  /** What is shown: everything up to this time. */
  readonly at: number;
  /** The time of the last row. */
  readonly end: number;
}

/** What is open in the details pane: a row of a diagram, by its half and key, or an entry of `detour explain`. */
export type DetailsTarget =
  | { readonly kind: 'row'; readonly route: Route; readonly key: string }
  | { readonly kind: 'explanation'; readonly code: string };

/** Everything that the page shows. A new object after each change. */
export interface View {
  /** `lost`: the page tries to connect again. `gone`: the board has ended. `export`: a file, without a server. */
  readonly connection: 'connecting' | 'live' | 'lost' | 'gone' | 'export';
  /** Identifies the board that is connected; undefined before it has said so. */
  readonly board?: string;
  readonly mode: 'stage' | 'logs';
  readonly version: string;
  readonly stories: readonly StoryTitle[];
  readonly stage?: StageState;
  readonly story?: StoryState;
  readonly tally: Tally;
  /** The last of them comes last. */
  readonly notices: readonly string[];
  readonly verbs: Readonly<Record<string, VerbText>>;
  readonly explanations: ReadonlyMap<string, Explanation>;
  readonly run: number;
  /** How many of the oldest events of this run are no longer kept, here or at the server. */
  readonly dropped: number;
  /** The events of this run. The same array as before, with more in it, unless `run` or `dropped` has changed. */
  readonly events: readonly BoardEvent[];
  /** The halves that are shown: those of the story, or, of log files, those that have events. Left to right. */
  readonly routes: readonly Route[];
  /** May this page command? It has a token, and a server. */
  readonly may: boolean;
  readonly playback: PlaybackState;
  /** The diagrams, from as many of `events` as have been drawn so far. */
  readonly drawing: Drawing;
  /** Are greetings, polite endings and heartbeats left out? */
  readonly brief: boolean;
  readonly details?: DetailsTarget;
}

/** The most events that the page keeps: as many as the server does. */
export const MOST_EVENTS = 100_000;
// The oldest are dropped this many at once, because each time takes as long as copying the rest.
const DROP = 10_000;
/** The most notices that the page keeps. */
export const MOST_NOTICES = 20;

/** A page that has heard nothing yet. */
export const EMPTY_VIEW: View = {
  connection: 'connecting',
  mode: 'stage',
  version: '',
  stories: [],
  tally: { stories: [] },
  notices: [],
  verbs: {},
  explanations: new Map(),
  run: 0,
  dropped: 0,
  events: [],
  routes: ['direct', 'detour'],
  may: false,
  playback: { live: true, paused: false, speed: 1, at: 0, end: 0 },
  drawing: NOTHING_DRAWN,
  brief: true,
};

// The token belongs to the board that printed it: another one obeys only its own.
function ofAnotherBoard({ board, may }: View): View {
  if (board === undefined || !may) return { ...EMPTY_VIEW, may };
  const text = 'This is another board than before. To command it, open the address that it has printed.';
  return { ...EMPTY_VIEW, notices: [text] };
}

/** The view after a message of the server. Events are appended to the array that is there. */
export function afterMessage(view: View, message: Message): View {
  switch (message.kind) {
    case 'hello': {
      const { board, mode, version, stories, verbs } = message;
      const same = view.board === board;
      const known = same ? view : ofAnotherBoard(view);
      const connection = view.connection === 'export' ? 'export' : 'live';
      // Logs are shown as `detour trace` shows them.
      const brief = same ? view.brief : mode === 'stage';
      return { ...known, connection, board, mode, version, stories, verbs, brief };
    }
    case 'clear':
      return emptied(view, message.run);
    case 'events':
      return afterEvents(view, message);
    case 'stage':
      return { ...view, stage: message.stage };
    case 'story': {
      const { story: _, ...rest } = view;
      const { story } = message;
      if (story === undefined) return { ...rest, routes: EMPTY_VIEW.routes };
      return { ...rest, story, routes: story.routes.map(({ route }) => route) };
    }
    case 'tally':
      return { ...view, tally: message.tally };
    case 'explanation':
      return {
        ...view,
        explanations: new Map(view.explanations).set(message.code, message.explanation),
      };
    case 'notice':
      if (view.notices.at(-1) === message.text) return view;
      return { ...view, notices: [...view.notices, message.text].slice(-MOST_NOTICES) };
    case 'gone':
      return { ...view, connection: 'gone' };
  }
}

function emptied(view: View, run: number): View {
  const { details: _, ...rest } = view;
  return { ...rest, run, dropped: 0, events: [], drawing: NOTHING_DRAWN };
}

function afterEvents(before: View, message: Extract<Message, { kind: 'events' }>): View {
  // Events of a run that has been cleared meanwhile.
  if (message.run < before.run) return before;
  const view = message.run > before.run ? emptied(before, message.run) : before;
  const last = view.events.at(-1)?.n ?? 0;
  // After a lost connection the server may repeat what the page has.
  const fresh = message.events.filter(({ n }) => n > last);
  const dropped = Math.max(view.dropped, message.dropped);
  const events = view.events as BoardEvent[];
  // One by one: a call with 100,000 arguments would fail.
  for (const event of fresh) events.push(event);
  if (events.length <= MOST_EVENTS) return { ...view, events, dropped };
  const kept = events.slice(events.length - MOST_EVENTS + DROP);
  return { ...view, events: kept, dropped: Math.max(dropped, (kept[0]?.n ?? 1) - 1) };
}
