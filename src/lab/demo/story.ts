// The shape that every story has: one situation, played on both routes by real processes. One file in stories/ exports one.
// A story only stages what happens; whether it came out as it must is decided by verify.ts, from what the processes recorded.

import type { VerdictName } from '../../core/event.ts';
import type { Actor } from '../stage/actor.ts';
import type { Stage } from '../stage/stage.ts';

/** What a play leaves behind to be verified and drawn. */
export interface Play {
  /** The sender whose verdict the story is about. She has ended. */
  readonly alice: Actor;
  /** Everybody who took part, alice too; each process once. */
  readonly cast: readonly Actor[];
  /** Who would have been at a place (`host:port`) where nobody was. */
  readonly places?: ReadonlyMap<string, string>;
}

/** What the processes' records say, as far as a lesson needs it. */
export interface Evidence {
  readonly verdict: VerdictName;
  /** How often the message was shown, by any bob. */
  readonly shown: number;
  /** How long alice was kept, from asking to her verdict. Milliseconds. */
  readonly kept: number;
  /** From her SEND until bob had shown it the first time, in milliseconds; undefined if he has not. */
  readonly took: number | undefined;
}

/** One route through a story. */
export interface Scene {
  /** Names of the lanes, from left to right. */
  readonly lanes: readonly string[];
  /**
   * What must come out. Without `shown` both are possible: then the verdict had better be UNKNOWN. `repeat`: the verdict of a second
   * alice, who repeats the message.
   */
  readonly expect: { readonly verdict: VerdictName; readonly shown?: number; readonly repeat?: VerdictName };
  /** What alice says, if it is not MESSAGE. */
  readonly message?: string;
  /** A word behind the verdict in the table, e.g. `twice`. */
  readonly remark?: string;
  /** Plays it. @throws DetourError `stage` if the processes do not do what the story needs */
  play(stage: Stage): Promise<Play>;
  /** What to learn from it: two or three lines of at most 36 columns. */
  lesson(evidence: Evidence): readonly string[];
}

/** One situation. */
export interface Story {
  /** What one types: `detour demo NAME`. */
  readonly name: string;
  /** In full, above the diagrams; at most 60 columns. */
  readonly title: string;
  /** In short, for the table; at most 34 columns. */
  readonly short: string;
  /** Without it the story has no counterpart on the direct route. */
  readonly direct?: Scene;
  readonly detour: Scene;
}

/** What alice says, in nearly every story. */
export const MESSAGE = 'hello bob';
