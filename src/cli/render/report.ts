// What a sender is told at the end: the verdict and the exit code, what happened on the wire, what follows, what does not follow, what
// to try. The verdict comes from exchange/verdict.ts and the text from errors/catalog.ts; nothing is concluded here.

import type { VerdictName } from '../../core/event.ts';
import { COLOUR, verdictText } from '../../core/verdicts.ts';
import { visible } from '../../core/visible.ts';
import { hanging } from '../../core/wrap.ts';
import { explainFailure, lookup, momentOf } from '../../errors/catalog.ts';
import type { Moment, Route } from '../../errors/entry.ts';
import type { Outcome } from '../../exchange/pending.ts';
import { type Attempt, type AttemptEnd, isOpen, type Phase, telling } from '../../exchange/verdict.ts';
import { columns, paint, withNote } from './output.ts';

/** Who was called, in words. */
export interface Addressee {
  readonly route: Route;
  /** Who was called: `bob`, `the relay`. */
  readonly peer: string;
  /** Where it was called: `127.0.0.1:4101`. */
  readonly place: string;
}

/** A command that repeats a message safely. */
export interface Repeat {
  readonly command: string;
  /** Why it is safe, and what must still be typed after it, if anything. */
  readonly why: string;
}

/** Milliseconds as text for people, with two or three digits: `3.2 ms`, `1.5 s`. */
export function ms(value: number): string {
  if (value >= 10_000) return `${(value / 1000).toFixed(0)} s`;
  if (value >= 1000) return `${(value / 1000).toFixed(1)} s`;
  return `${value.toFixed(value < 100 ? 1 : 0)} ms`;
}

/** Why an attempt ended: the code of the catalogue, and the moment at which it was met. */
function causeOf({ phase, end }: Attempt): { code: string; moment: Moment } {
  const greeted = phase === 'ready' || phase === 'written';
  const waiting: Moment = phase === 'connecting' ? 'connect' : phase === 'greeting' ? 'greeting' : 'answer';
  switch (end?.how) {
    case 'refused':
      return { code: end.code, moment: 'refused' };
    case 'error':
      if (end.ours && greeted) return { code: 'garbled', moment: 'answer' };
      return { code: end.code, moment: greeted ? 'error' : 'greeting' };
    case 'bye':
      return { code: end.code ?? 'bye', moment: 'bye' };
    case 'broken':
      return { code: end.code, moment: momentOf(end.syscall, greeted) };
    case 'deadline':
      return { code: phase === 'greeting' ? 'no_greeting' : 'deadline', moment: waiting };
    case 'taken':
      return { code: 'ok', moment: waiting };
    default:
      return { code: end?.how ?? 'interrupted', moment: waiting };
  }
}

/** The `code` of a verdict event: why it failed, or `ok`. */
export function codeOf({ attempts, verdict }: Outcome): string {
  const attempt = telling(attempts, verdict);
  return verdict === 'DELIVERED' || verdict === 'STORED' || attempt === undefined
    ? 'ok'
    : causeOf(attempt).code;
}

/** The line that begins with a verdict. @param exit the exit code, shown at the right end; undefined if the process does not end with it */
export function verdictLine(verdict: VerdictName, rest: string, exit: number | undefined): string {
  const text = verdictText(verdict);
  const line = withNote(
    text + rest,
    exit === undefined ? '' : `exit ${exit}`,
    Math.min(columns(process.stderr), 80),
  );
  return paint(COLOUR[verdict], text) + line.slice(text.length);
}

/**
 * The lines below the verdict of a failed message.
 * @param repeat the command that repeats it safely; if there is one, it replaces the advice of the catalogue
 */
export function failureLines(outcome: Outcome, to: Addressee, repeat: Repeat | undefined): string[] {
  const attempt = telling(outcome.attempts, outcome.verdict);
  if (attempt === undefined) return [];
  const { code, moment } = causeOf(attempt);
  const others = outcome.attempts.filter((other) => other !== attempt && isOpen(other));
  const own = others.some(({ end }) => end?.how !== 'earlier');
  const lines = explainFailure(code, moment, {
    ...to,
    handedOver: attempt.phase === 'written',
    earlier: own ? 'unanswered' : others.length > 0 ? 'unknown' : 'none',
  });
  const { end } = attempt;
  const said = end?.how === 'refused' || end?.how === 'error' ? visible(end.reason) : '';
  return [
    ...row('on the wire', said === '' ? lines.wire : `${lines.wire}: ${said}`),
    ...row('so', lines.so),
    ...(lines.notSo === undefined ? [] : row('not so', lines.notSo)),
    ...(repeat === undefined ? row('try', lines.tryNext) : unwrapped('try', repeat)),
    moreLine(lookup(code).length > 0 ? code : verdictText(outcome.verdict)),
  ];
}

/** The last line below a failure: the command that explains it in full. @param word a code of the catalogue, or a verdict */
export const moreLine = (word: string): string => `${labelled('more')}detour explain ${word}`;

/**
 * The lines that explain why a connection failed, if no message was sent on it.
 * @param phase how far the connection got
 */
export function connectionLines(end: AttemptEnd, phase: Phase, to: Addressee): string[] {
  const { code, moment } = causeOf({ phase, end });
  const { wire, tryNext } = explainFailure(code, moment, {
    ...to,
    handedOver: false,
    earlier: 'none',
  });
  return [
    ...row('on the wire', end.how === 'error' ? `${wire}: ${visible(end.reason)}` : wire),
    ...row('try', tryNext),
    ...(lookup(code).length > 0 ? [moreLine(code)] : []),
  ];
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
  return hanging(labelled(label), text, Math.min(columns(process.stderr), 100));
}

/** A number of bytes with its unit. */
export const bytes = (count: number): string => (count === 1 ? '1 byte' : `${count} bytes`);
