// What a sender is told at the end: the verdict and the exit code, what happened on the wire, what follows, what does not follow, what
// to try. The words come from library/sent.ts; nothing is concluded here.

import { asTyped } from '../../core/command-name.ts';
import type { DetourError } from '../../core/error.ts';
import type { VerdictName } from '../../core/event.ts';
import { COLOUR, verdictText } from '../../core/verdicts.ts';
import { hanging } from '../../core/wrap.ts';
import { lookup } from '../../errors/catalog.ts';
import type { Sent } from '../../library/sent.ts';
import { columns, paint, withNote } from './output.ts';

/** A command that repeats a message safely. */
export interface Repeat {
  readonly command: string;
  /** Why it is safe, and what must still be typed after it, if anything. */
  readonly why: string;
}

/** The line that begins with a verdict. @param exit the exit code, shown at the right end; undefined if the process does not end with it */
export function verdictLine(verdict: VerdictName, rest: string, exit: number | undefined): string {
  const text = verdictText(verdict);
  const line = withNote(text + rest, exit === undefined ? '' : `exit ${exit}`, columns(process.stderr, 80));
  return paint(COLOUR[verdict], text) + line.slice(text.length);
}

/**
 * The lines below the verdict of a failed message.
 * @param repeat the command that repeats it safely; if there is one, it replaces the advice of the catalogue
 */
export function failureLines({ code, verdict, explanation }: Sent, repeat: Repeat | undefined): string[] {
  if (explanation === undefined) return [];
  const { wire, so, notSo, tryNext } = explanation;
  return [
    ...row('on the wire', wire),
    ...row('so', so),
    ...(notSo === undefined ? [] : row('not so', notSo)),
    ...(repeat === undefined ? row('try', tryNext) : unwrapped('try', repeat)),
    moreLine(lookup(code).length > 0 ? code : verdictText(verdict)),
  ];
}

/** The last line of a failure: the command that explains it in full. @param word a code of the catalogue, or a verdict */
export const moreLine = (word: string): string => asTyped`${labelled('more')}detour explain ${word}`;

/** The lines that explain why a connection failed, if no message was sent on it. */
export function connectionLines({ code, message, hint }: DetourError): string[] {
  const more = lookup(code).length > 0 ? [moreLine(code)] : [];
  return [...row('on the wire', message), ...row('try', hint), ...more];
}

// A command stays on one line, however long, so that it can be copied.
function unwrapped(label: string, { command, why }: Repeat): string[] {
  return [labelled(label) + command, ...row('', why)];
}

/** The width of the column of labels, with its margins. */
const INDENT = 15;

const labelled = (label: string): string => `  ${label.padEnd(INDENT - 2)}`;

/** A text with a label in front, wrapped at the width of the terminal. */
function row(label: string, text: string): string[] {
  return hanging(labelled(label), text, columns(process.stderr, 100));
}
