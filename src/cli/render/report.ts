// What a sender is told at the end: the verdict and the exit code, what happened on the wire, what follows, what does not, what to
// try. The verdict comes from exchange/verdict.ts, the words from errors/catalog.ts; nothing is concluded here.

import type { VerdictName } from '../../core/event.ts';
import { COLOUR, verdictText } from '../../core/verdicts.ts';
import { visible } from '../../core/visible.ts';
import { hanging } from '../../core/wrap.ts';
import { explainFailure, momentOf } from '../../errors/catalog.ts';
import type { Moment, Route } from '../../errors/entry.ts';
import type { Outcome } from '../../exchange/pending.ts';
import { type Attempt, type AttemptEnd, isOpen, telling } from '../../exchange/verdict.ts';
import { columns, paint, withNote } from './output.ts';
import { ms } from './units.ts';
import { partialText, strayText, triedText } from './what-came.ts';

/** Whom a message went to, in words. */
export interface Addressee {
  readonly route: Route;
  /** Who was called: `bob`, `the relay`. */
  readonly peer: string;
  /** Where: `127.0.0.1:4101`. */
  readonly place: string;
}

/** A command that repeats a message safely. */
export interface Repeat {
  readonly command: string;
  /** Why it is safe, or what it lacks. */
  readonly why: string;
}

/** Why an attempt ended, as a code of the catalogue and the moment it was met. */
function causeOf({ phase, end, seen, stray }: Attempt): { code: string; moment: Moment } {
  const greeted = phase === 'ready' || phase === 'written';
  const waiting: Moment = phase === 'connecting' ? 'connect' : phase === 'greeting' ? 'greeting' : 'answer';
  if (isSilent(end)) {
    if (seen?.partial !== undefined) return { code: 'unfinished', moment: waiting };
    if (stray !== undefined) return { code: 'wrong_answer', moment: waiting };
    if (phase === 'connecting' && seen?.lookingUp) return { code: 'deadline', moment: 'lookup' };
  }
  switch (end?.how) {
    case 'refused':
      return { code: end.code, moment: 'refused' };
    case 'error':
      if (end.ours && greeted) return { code: 'garbled', moment: 'answer' };
      return { code: end.code, moment: greeted ? 'error' : 'greeting' };
    case 'bye':
      return { code: end.code ?? 'bye', moment: 'bye' };
    case 'broken':
      if (phase === 'connecting' && new Set(seen?.tried.map(({ code }) => code)).size > 1)
        return { code: 'every_address', moment: 'connect' };
      return { code: end.code, moment: momentOf(end.syscall, greeted) };
    case 'deadline':
    case 'unanswered':
      return { code: phase === 'greeting' ? 'no_greeting' : 'deadline', moment: waiting };
    case 'taken':
      return { code: 'ok', moment: waiting };
    default:
      return { code: end?.how ?? 'interrupted', moment: waiting };
  }
}

/** Would this end be told as "no answer came"? */
function isSilent(end: AttemptEnd | undefined): boolean {
  if (end?.how === 'error') return end.ours === true && end.code === 'too_slow';
  return end !== undefined && SILENT_ENDS.has(end.how);
}

const SILENT_ENDS: ReadonlySet<AttemptEnd['how']> = new Set([
  'broken',
  'fin',
  'silent',
  'stalled',
  'deadline',
  'unanswered',
]);

/** The code that stands in a verdict event: why, or `ok`. */
export function codeOf({ attempts, verdict }: Outcome): string {
  const attempt = telling(attempts, verdict);
  return verdict === 'DELIVERED' || verdict === 'STORED' || attempt === undefined
    ? 'ok'
    : causeOf(attempt).code;
}

/** The line that begins with a verdict; the exit code at its right end, if the process ends with it. */
export function verdictLine(verdict: VerdictName, rest: string, exit: number | undefined): string {
  const text = verdictText(verdict);
  const line = withNote(
    text + rest,
    exit === undefined ? '' : `exit ${exit}`,
    Math.min(columns(process.stderr), 80),
  );
  return paint(['bold', COLOUR[verdict]], text) + line.slice(text.length);
}

/**
 * The lines under a failure.
 * @param repeat the command that repeats it safely, if there is one, and what to say about it
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
  const again = attempt.end?.how === 'unanswered' ? [againText(attempt.end.ms, outcome)] : [];
  return [
    ...row('on the wire', wireText(lines.wire, [...detailsOf(attempt, outcome.send.id, to.route), ...again])),
    ...row('so', lines.so),
    ...(lines.notSo === undefined ? [] : row('not so', lines.notSo)),
    ...(repeat === undefined ? row('try', lines.tryNext) : unwrapped('try', repeat)),
  ];
}

/** The lines that explain why a connection failed on which no message was sent. */
export function connectionLines(attempt: Attempt, to: Addressee): string[] {
  const { code, moment } = causeOf(attempt);
  const { wire, tryNext } = explainFailure(code, moment, {
    ...to,
    handedOver: false,
    earlier: 'none',
  });
  return [...row('on the wire', wireText(wire, detailsOf(attempt, '', to.route))), ...row('try', tryNext)];
}

const wireText = (wire: string, details: readonly string[]): string =>
  details.length === 0 ? wire : `${wire}: ${details.join('; ')}`;

// What the catalogue cannot know: what came, what was said, which addresses were tried.
function detailsOf({ phase, end, seen, stray }: Attempt, id: string, route: Route): string[] {
  const details: string[] = [];
  if (phase === 'connecting' && (seen?.tried.length ?? 0) > 1) details.push(triedText(seen?.tried ?? []));
  if (seen?.partial !== undefined) details.push(partialText(seen.partial, end));
  if (stray !== undefined) details.push(strayText(stray, id, route));
  const said = end?.how === 'refused' || end?.how === 'error' ? visible(end.reason) : '';
  if (said !== '') details.push(said);
  return details;
}

// An async send has asked once more, on a new connection. What came of that, if it did not answer either.
function againText(after: number, { attempts }: Outcome): string {
  const last = attempts.at(-1);
  const came =
    last?.phase === 'connecting'
      ? 'it gave no connection'
      : last?.phase === 'greeting'
        ? 'it got no READY'
        : 'that brought no valid answer either';
  return `after ${ms(after)} without a byte detour asked again on a new connection; ${came}`;
}

// A command stays on one line, however long, so that it can be copied.
function unwrapped(label: string, { command, why }: Repeat): string[] {
  return [`  ${label.padEnd(INDENT - 2)}${command}`, ...row('', why)];
}

/** The columns that labels take. */
const INDENT = 15;

/** A labelled line wrapped at the width of the terminal. */
function row(label: string, text: string): string[] {
  return hanging(`  ${label.padEnd(INDENT - 2)}`, text, Math.min(columns(process.stderr), 100));
}
