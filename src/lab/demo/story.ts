// The shape of every story: one situation, played on both routes by real processes. Each file in stories/ exports one story.
// A story only stages what happens; verify.ts decides from the processes' records whether the result is as expected.

import type { VerdictName } from '../../core/event.ts';
import type { Actor } from '../stage/actor.ts';
import type { Stage } from '../stage/stage.ts';

/** What remains of a play, to be verified and drawn. */
export interface Play {
  /** The sender whose verdict the story is about. She has ended. */
  readonly alice: Actor;
  /** All processes that took part, including alice, each once. */
  readonly cast: readonly Actor[];
  /** Who would have been at an address (`host:port`) where nobody was. */
  readonly places?: ReadonlyMap<string, string>;
}

/** What a lesson needs of the processes' records. */
export interface Evidence {
  readonly verdict: VerdictName;
  /** How often the message was shown, by any bob. */
  readonly shown: number;
  /** How long alice had to stay until her verdict, in milliseconds. */
  readonly kept: number;
  /** The time from her SEND until bob first showed the message, in milliseconds; undefined if he did not. */
  readonly took: number | undefined;
}

/** One route through a story. */
export interface Scene {
  /** The names of the lanes, from left to right. */
  readonly lanes: readonly string[];
  /**
   * The expected result. Without `shown`, the message may be shown or not: then the verdict had better be UNKNOWN. `repeat`: the
   * verdict of a second alice that repeats the message.
   */
  readonly expect: { readonly verdict: VerdictName; readonly shown?: number; readonly repeat?: VerdictName };
  /** What alice sends, if it is not MESSAGE. */
  readonly message?: string;
  /** A word after the verdict in the table, e.g. `twice`. */
  readonly remark?: string;
  /** Plays it. @throws DetourError `stage` if the processes do not do what the story needs */
  play(stage: Stage): Promise<Play>;
  /** What to learn from it: two or three lines of at most 36 columns. */
  lesson(evidence: Evidence): readonly string[];
}

/** One situation. */
export interface Story {
  /** The name to type: `detour demo NAME`. */
  readonly name: string;
  /** In full, above the diagrams; at most 60 columns. */
  readonly title: string;
  /** In short, for the table; at most 34 columns. */
  readonly short: string;
  /** The scene on the direct route; undefined if the story has no counterpart there. */
  readonly direct?: Scene;
  readonly detour: Scene;
}

/** What alice sends, in nearly every story. */
export const MESSAGE = 'hello bob';

/** A line for the lesson of a story: why a connect looks instant through a link. On a real line it takes two crossings. */
export const LINK_CONNECTS = "The link's kernel connects at once.";
