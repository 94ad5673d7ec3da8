// What a program shows: a message counts as shown when a random word of its body has come out on stdout.

import { readFileSync } from 'node:fs';
import type { Attempt } from './attempt.ts';
import { cut } from './frames.ts';
import { Failed, Undecided } from './outcome.ts';

/** A body that no system's buffers between the program's stdout and the check can take. */
export const LARGER_THAN_BUFFERS = 300_000;
/** What Node itself reads ahead of what it hands out. */
const READ_AHEAD = 65_536;
/** Waits until all of these words have come out on stdout. @throws Failed if one of them does not */
export async function mustShow(attempt: Attempt, words: readonly string[], why: string): Promise<void> {
  const { program } = attempt;
  const missing = (): string | undefined => words.find((word) => !program.shown.includes(word));
  if ((await attempt.until(() => missing() === undefined)) === true) return;
  throw new Failed({ expected: `"${missing()}" on its stdout`, came: shownText(attempt), why });
}

/** The end of what the program has shown. */
export function shownText({ program }: Attempt): string {
  const { shown } = program;
  return shown === ''
    ? 'nothing on stdout'
    : `on stdout, at the end: ${cut(Buffer.from(shown.slice(-60), 'latin1'), 60)}`;
}

/**
 * Stops reading the program's stdout before a body that is larger than all buffers. Until it is read again, no program can have shown it.
 * @throws Undecided if this system's buffers may be larger
 */
export function blockOutput(attempt: Attempt): void {
  let buffer = 0;
  try {
    // The size of the socket buffer that is a child's stdout on Linux. Other systems have smaller ones.
    buffer = Number(readFileSync('/proc/sys/net/core/wmem_default', 'latin1'));
  } catch {
    // Not Linux.
  }
  if (buffer + READ_AHEAD >= LARGER_THAN_BUFFERS)
    throw new Undecided(
      `This system buffers ${buffer} bytes of output, so the program would not have to wait.`,
    );
  attempt.program.pause();
}

/** A body for `blockOutput`, with a word at its end. */
export function largeBody(attempt: Attempt): { body: Buffer; word: string } {
  const word = attempt.word();
  return { body: Buffer.from(`${'x'.repeat(LARGER_THAN_BUFFERS)}${word}`), word };
}
