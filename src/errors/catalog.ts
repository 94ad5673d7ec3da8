// The catalogue of errors: one list feeds `detour explain` and the narration of a failed send.
// It explains and never decides: the verdict comes from exchange/verdict.ts, and the same code fits different verdicts.

import { COMPUTER_ENTRIES } from './entries/computer.ts';
import { CONNECTION_ENTRIES } from './entries/connection.ts';
import { NETWORK_ENTRIES } from './entries/network.ts';
import { PROTOCOL_ENTRIES } from './entries/protocol.ts';
import { WORD_ENTRIES } from './entries/words.ts';
import type { ByRoute, CatalogEntry, Moment, Route } from './entry.ts';

/** Every situation that detour can explain, from the name lookup up to the command line. */
export const CATALOG: readonly CatalogEntry[] = [
  ...NETWORK_ENTRIES,
  ...CONNECTION_ENTRIES,
  ...PROTOCOL_ENTRIES,
  ...WORD_ENTRIES,
  ...COMPUTER_ENTRIES,
];

/** Every situation of a code, in any spelling of upper and lower case; empty if it has none. */
export function lookup(code: string): readonly CatalogEntry[] {
  const wanted = code.toLowerCase();
  return CATALOG.filter((entry) => entry.code.toLowerCase() === wanted);
}

/** At most this many suggestions: more would be a list to search, and that exists already. */
const SUGGESTIONS = 3;

/** The codes that were most likely meant, the likeliest first: near in spelling, or with the words in code or title. */
export function suggest(text: string): readonly string[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') return [];
  const best = new Map<string, number>();
  for (const entry of CATALOG) {
    const score = farness(wanted, entry);
    if (score !== undefined) best.set(entry.code, Math.min(score, best.get(entry.code) ?? score));
  }
  return [...best]
    .sort((a, b) => a[1] - b[1])
    .slice(0, SUGGESTIONS)
    .map(([code]) => code);
}

// 0 is nearest. A slip of the fingers is nearer than a word that occurs somewhere.
function farness(wanted: string, entry: CatalogEntry): number | undefined {
  const code = entry.code.toLowerCase();
  const slips = distance(wanted, code);
  if (slips <= Math.max(1, Math.floor(code.length / 4))) return slips;
  if (wanted.length >= 3 && code.includes(wanted)) return 10;
  if (wanted.length >= 3 && entry.title.toLowerCase().includes(wanted)) return 20;
  return undefined;
}

// Levenshtein's distance: how many letters must be changed, added or left out to get from one word to the other.
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Puts the real names in place of `{peer}` and `{place}`. */
export function fill(text: string, names: { readonly peer: string; readonly place: string }): string {
  // One pass with a function: a name that contains `{place}` or `$&` is only a name.
  return text.replace(/\{(peer|place)\}/g, (_, key: 'peer' | 'place') => names[key]);
}

/** What a sender knows about its failure, besides the code. */
export interface FailureContext {
  readonly route: Route;
  /** Who was called: `bob`, `the relay`. */
  readonly peer: string;
  /** Where: `127.0.0.1:4101`. */
  readonly place: string;
  /** Did this attempt hand a byte of the SEND to the socket? */
  readonly handedOver: boolean;
  /**
   * Did an attempt before this one hand over a byte of it and end without an answer? `unknown`: this process made none, but the id
   * was given to it, so another may have.
   */
  readonly earlier: 'none' | 'unanswered' | 'unknown';
}

/** The lines below a verdict: what was on the wire, what follows, what does not, what to try. */
export interface FailureLines {
  readonly wire: string;
  readonly so: string;
  readonly notSo: string | undefined;
  readonly tryNext: string;
}

const BEFORE: readonly Moment[] = ['lookup', 'connect', 'greeting'];

/**
 * The lines that explain a failed send. They do not contain the verdict and do not depend on it, but never contradict the
 * rule of all attempts: "not one byte of it left" is said only if that holds for every attempt.
 * @param code an errno, a `code=` or a word of the catalogue
 * @param moment when it was met; for an errno see `momentOf`
 */
export function explainFailure(code: string, moment: Moment, context: FailureContext): FailureLines {
  const entries = lookup(code);
  // An ERROR about a message needs one to be sent: without, the code was found by what READY had said (too_large).
  const met = moment === 'error' && !context.handedOver ? (['greeting', 'error'] as const) : [moment];
  const entry =
    met.map((one) => entries.find(({ moments }) => moments.includes(one))).find((one) => one !== undefined) ??
    // What one verb says is not what another said.
    (VERBS.has(moment) ? undefined : entries[0]) ??
    unknown(code, moment);
  const text = (of: ByRoute): string => fill(typeof of === 'string' ? of : of[context.route], context);
  const before = BEFORE.includes(moment);
  // Before READY no SEND is written: whoever says "handed over" with such a moment speaks of an earlier attempt.
  const sent = context.handedOver && !before;
  const earlier = context.earlier === 'none' && context.handedOver && before ? 'unanswered' : context.earlier;
  // An entry about a missing answer takes for granted that there was a message to answer.
  const unasked = !sent && entry.moments.includes('answer');
  const so = unasked ? 'it was over before the message was handed to the socket' : text(entry.so);
  // What came after the message was handed over leaves it open anyway; what came before, or REFUSED or BYE, would seem to settle it.
  if (earlier !== 'none' && (!sent || moment === 'refused' || moment === 'bye')) {
    const known = earlier === 'unanswered';
    return {
      wire: text(entry.wire),
      so: `${so}; ${known ? 'an earlier attempt was handed over and not answered' : 'with --id, what came before this process is not known here'}`,
      notSo: `"it certainly did not arrive": ${known ? 'the earlier attempt' : 'an earlier one under that id'} may have got through`,
      tryNext: text(known ? REPEAT : entry.tryNext),
    };
  }
  return {
    wire: text(entry.wire),
    so: sent ? so : `${so}; ${NOTHING_LEFT}`,
    notSo: unasked || entry.notSo === undefined ? undefined : text(entry.notSo),
    tryNext: text(unasked ? AGAIN : entry.tryNext),
  };
}

const VERBS: ReadonlyMap<Moment, string> = new Map([
  ['refused', 'REFUSED'],
  ['error', 'ERROR'],
  ['bye', 'BYE'],
]);

// A code that the catalogue does not know: of the protocol, then its verb says what it is; else of the system.
function unknown(
  code: string,
  moment: Moment,
): Pick<CatalogEntry, 'moments' | 'wire' | 'so' | 'notSo' | 'tryNext'> {
  const verb = VERBS.get(moment);
  return {
    moments: [moment],
    wire:
      verb === undefined
        ? `{place}: the system reported ${code}`
        : `{peer}'s program answered ${verb} code=${code}`,
    so: 'the catalogue does not know this code',
    tryNext: moment === 'answer' ? REPEAT : AGAIN,
  };
}

const NOTHING_LEFT = 'not one byte of it left';
const AGAIN: ByRoute = 'look at {peer}, then try again';
const REPEAT: ByRoute = {
  sync: 'ask {peer}. Sending again may make it two: sync remembers nothing',
  async: 'send again soon with the same --id: the relay knows a repeat for at least 10 minutes',
};

/**
 * The moment that the `syscall` of a Node error tells, for a sender.
 * @param greeted has READY arrived on this connection?
 */
export function momentOf(syscall: string, greeted: boolean): Moment {
  switch (syscall) {
    case 'getaddrinfo':
      return 'lookup';
    case 'connect':
      return 'connect';
    case 'listen':
    case 'bind':
      return 'listen';
    default:
      return greeted ? 'answer' : 'greeting';
  }
}
