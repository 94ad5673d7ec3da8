// What belongs to each verdict: an exit code, words and a colour. exchange/verdict.ts decides which verdict it is.

import type { VerdictName } from './event.ts';

/** The exit code of a verdict. */
export const EXIT: Readonly<Record<VerdictName, number>> = {
  DELIVERED: 0,
  STORED: 0,
  NOT_DELIVERED: 10,
  UNKNOWN: 20,
};

/** The exit code of `async send --wait` if the message is STORED, but neither a receipt nor a bounce has come. */
export const NO_NEWS = 30;

/** The exit code of `async receive` if another session has taken over its mailbox. */
export const REPLACED = 11;

/** The exit code after Ctrl-C, whatever the verdict is. */
export const INTERRUPTED = 130;

/** A verdict in words, e.g. `NOT DELIVERED`. */
export const verdictText = (verdict: VerdictName): string => verdict.replace('_', ' ');

/**
 * The colour of a verdict, where colours are shown. It must be readable on a black and on a white background. In the palettes of nine
 * common terminals (test/core/verdicts.test.ts) each of these has a contrast of at least 2.2 to 1 on both; yellow has as little as 1.4 on
 * white. They are never bold: many terminals show a bold colour in its bright form, and bright green has 1.3 on white.
 */
export const COLOUR = {
  DELIVERED: 'green',
  STORED: 'green',
  NOT_DELIVERED: 'red',
  UNKNOWN: 'magenta',
} as const;
