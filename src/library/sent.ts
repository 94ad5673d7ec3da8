// What became of a message, and why a connection failed, for a program and for the command line alike. The verdict comes from
// exchange/verdict.ts, the words from errors/catalog.ts. Nothing is decided here.

import { DetourError } from '../core/error.ts';
import type { VerdictName } from '../core/event.ts';
import { ms } from '../core/units.ts';
import { visible } from '../core/visible.ts';
import { explainFailure, type FailureLines, momentOf } from '../errors/catalog.ts';
import type { Moment, Route } from '../errors/entry.ts';
import type { Outcome } from '../exchange/pending.ts';
import { type Attempt, type AttemptEnd, isOpen, telling } from '../exchange/verdict.ts';
import { ownFaults, partialText, strayText, triedText } from './what-came.ts';

/** The server that a message went to, in words. */
export interface Addressee {
  readonly route: Route;
  /** The server: `bob`, `the relay`. */
  readonly peer: string;
  /** Its address: `127.0.0.1:4101`. */
  readonly address: string;
}

/** What became of a message, as far as its sender can tell. PROTOCOL.md, "What a sender may conclude". */
export interface Sent {
  /**
   * `DELIVERED`: the receiver's program has handled it. `STORED`: it is on the relay's disk. `NOT_DELIVERED`: neither has happened, and
   * neither will. `UNKNOWN`: it may have happened or not, and the sender cannot know.
   */
  readonly verdict: VerdictName;
  /** Why: `ok`, an errno, or a code of the catalogue, which `explain` explains. */
  readonly code: string;
  /** The id under which it was sent. To repeat an UNKNOWN at a relay safely, send the same body under this id again. */
  readonly id: string;
  /** From the call to the verdict, in milliseconds. */
  readonly ms: number;
  /** The receiver's reply, if there was one. */
  readonly reply: Buffer | undefined;
  /** The message's number in its mailbox; only for STORED. */
  readonly number: number | undefined;
  /** Was it stored before, under the same id? Then this was a repeat, and there is still one message. Only for STORED. */
  readonly duplicate: boolean;
  /** Is the recipient collecting now (`yes`), did he earlier (`no`), or never, as far as the relay remembers? A hint; only for STORED. */
  readonly present: 'yes' | 'no' | 'never' | undefined;
  /** Every attempt: how far it got, and how it ended. */
  readonly attempts: readonly Attempt[];
  /** What the command line would say about a failure: what was on the wire, what follows, what does not follow, and what to try. */
  readonly explanation: FailureLines | undefined;
}

/** Turns an outcome into the result that the library returns. */
export function sentOf(outcome: Outcome, to: Addressee): Sent {
  const { verdict, attempts, answer, send, ms } = outcome;
  const stored = answer?.verb === 'STORED' ? answer : undefined;
  return {
    verdict,
    code: codeOf(outcome),
    id: send.id,
    ms,
    reply: answer?.verb === 'RECEIVED' ? answer.body : undefined,
    number: stored?.seq,
    duplicate: stored?.dup !== undefined,
    present: stored?.present,
    attempts,
    explanation: verdict === 'DELIVERED' || verdict === 'STORED' ? undefined : explanationOf(outcome, to),
  };
}

/** The error of a connection that failed before it had done its work. */
export function connectionError(attempt: Attempt, to: Addressee): DetourError {
  const { code, moment } = causeOf(attempt);
  const { wire, tryNext } = explainFailure(code, moment, { ...to, handedOver: false, earlier: 'none' });
  return new DetourError(
    code,
    wireText(closedText(attempt, to) ?? wire, detailsOf(attempt, '', to.route)),
    tryNext,
  );
}

// How the other side closed a connection. The catalogue tells it for a message that waits for its answer, and here none does.
function closedText({ phase, end }: Attempt, { peer }: Addressee): string | undefined {
  if (end?.how === 'bye' && end.code === undefined) return `BYE from ${peer}: it stops`;
  if (end?.how !== 'fin') return undefined;
  return phase === 'ready'
    ? `${peer}'s side closed without BYE (FIN)`
    : `${peer}'s side closed before READY (FIN)`;
}

// Why an attempt ended: a code of the catalogue, and the moment at which it ended.
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

// Would this end be told as "no answer came"?
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

function codeOf({ attempts, verdict }: Outcome): string {
  const attempt = telling(attempts, verdict);
  return verdict === 'DELIVERED' || verdict === 'STORED' || attempt === undefined
    ? 'ok'
    : causeOf(attempt).code;
}

function explanationOf(outcome: Outcome, to: Addressee): FailureLines | undefined {
  const { attempts, verdict, send } = outcome;
  const attempt = telling(attempts, verdict);
  if (attempt === undefined) return undefined;
  const { code, moment } = causeOf(attempt);
  const others = attempts.filter((other) => other !== attempt && isOpen(other));
  const own = others.some(({ end }) => end?.how !== 'earlier');
  const lines = explainFailure(code, moment, {
    ...to,
    handedOver: attempt.phase === 'written',
    earlier: own ? 'unanswered' : others.length > 0 ? 'unknown' : 'none',
  });
  const again = attempt.end?.how === 'unanswered' ? [againText(attempt.end.ms, outcome)] : [];
  return { ...lines, wire: wireText(lines.wire, [...detailsOf(attempt, send.id, to.route), ...again]) };
}

const wireText = (wire: string, details: readonly string[]): string =>
  details.length === 0 ? wire : `${wire}: ${details.join('; ')}`;

// What the catalogue cannot know: what came, what was said, which addresses were tried.
function detailsOf({ phase, end, seen, stray }: Attempt, id: string, route: Route): string[] {
  const details: string[] = [];
  if (phase === 'connecting' && (seen?.tried.length ?? 0) > 1) details.push(triedText(seen?.tried ?? []));
  if (seen?.partial !== undefined) details.push(partialText(seen.partial, end));
  if (stray !== undefined) details.push(strayText(stray, id, route));
  details.push(...ownFaults(seen ?? {}, end));
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
