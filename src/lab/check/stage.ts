// What a stage of a check is, and how it can end. A stage that returns has passed.

import type { Attempt } from './attempt.ts';

/** One thing that a program must do, tried with a fresh process of it. */
export interface Stage {
  /** A name in capitals, for `--stage`. */
  readonly name: string;
  /** One sentence without a full stop: what a program that passes does. */
  readonly does: string;
  /** What it counts, as a whole number. */
  readonly points: number;
  /** The heading of PROTOCOL.md where the rule stands. */
  readonly section: string;
  /**
   * Does the program have a deadline of its own in it? On a busy computer that may be over before the program has done anything wrong. So a
   * stage that does not pass is tried once more, with all deadlines four times as long, and the second try counts.
   */
  readonly hasDeadline?: true;
  /**
   * Tries it.
   * @throws Failed if the program breaks the rule
   * @throws Undecided if that could not be found out
   * @throws NotChecked if this computer cannot check it
   */
  run(attempt: Attempt): Promise<void>;
}
