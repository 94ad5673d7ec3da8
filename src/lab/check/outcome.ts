// How a stage can end other than well.

/** What a program did in place of what it should have done: what a failing stage shows. */
export interface Problem {
  /** What the check did before: bytes it sent, or a thing it broke. */
  readonly sent?: string | undefined;
  /** What should have come. */
  readonly expected: string;
  /** What came. */
  readonly came: string;
  /** Why that is wrong, in one or two sentences. */
  readonly why: string;
}

/** The program has broken the rule of the stage. */
export class Failed extends Error {
  constructor(readonly problem: Problem) {
    super(`expected ${problem.expected}, came ${problem.came}`);
  }
}

/** It could not be found out whether the program keeps the rule. That is never held against the program. */
export class Undecided extends Error {}

/** This computer lacks what the stage needs. */
export class NotChecked extends Error {}
