// The catalogue of errors: one list for `detour explain` and for the lines under a failed send.
// It explains and never decides: the verdict comes from exchange/verdict.ts, and one code can go with different verdicts.

import { asTyped } from '../core/command-name.ts';
import { COMPUTER_ENTRIES } from './entries/computer.ts';
import { CONNECTION_ENTRIES } from './entries/connection.ts';
import { QUESTION_ENTRIES } from './entries/faq.ts';
import { NETWORK_ENTRIES } from './entries/network.ts';
import { PORT_ENTRIES } from './entries/ports.ts';
import { PROTOCOL_ENTRIES } from './entries/protocol.ts';
import { TOPIC_ENTRIES } from './entries/topics.ts';
import { WORD_ENTRIES } from './entries/words.ts';
import type { ByRoute, CatalogEntry, Moment, Route } from './entry.ts';

/** Every situation that detour can explain, grouped by file; `detour explain` sorts them by layer. */
export const CATALOG: readonly CatalogEntry[] = [
  ...NETWORK_ENTRIES,
  ...CONNECTION_ENTRIES,
  ...PROTOCOL_ENTRIES,
  ...WORD_ENTRIES,
  ...PORT_ENTRIES,
  ...TOPIC_ENTRIES,
  ...COMPUTER_ENTRIES,
  ...QUESTION_ENTRIES,
];

/** Every situation that has this code, ignoring case; empty if the code is unknown. */
export function lookup(code: string): readonly CatalogEntry[] {
  const wanted = code.toLowerCase();
  return CATALOG.filter((entry) => entry.code.toLowerCase() === wanted);
}

/** Replaces `{peer}` and `{address}` by the real names. */
export function fill(text: string, names: { readonly peer: string; readonly address: string }): string {
  // One pass, with a function: a name that contains `{address}` or `$&` must not be expanded.
  return text.replace(/\{(peer|address)\}/g, (_, key: 'peer' | 'address') => names[key]);
}

/** What a sender knows about its failure besides the code. */
export interface FailureContext {
  readonly route: Route;
  /** The server: `bob`, `the relay`. */
  readonly peer: string;
  /** Where the peer was called: `127.0.0.1:4101`. */
  readonly address: string;
  /** Did this attempt hand a byte of the SEND to the socket? */
  readonly handedOver: boolean;
  /**
   * Did an earlier attempt hand over a byte of the SEND and end without an answer? `unknown`: not in this process, but the id came
   * from --id, so another process may have.
   */
  readonly earlier: 'none' | 'unanswered' | 'unknown';
}

/** The lines below a verdict: what was on the wire, what follows, what does not follow, what to try. */
export interface FailureLines {
  readonly wire: string;
  readonly so: string;
  readonly notSo: string | undefined;
  readonly tryNext: string;
}

const BEFORE: readonly Moment[] = ['lookup', 'connect', 'greeting'];

/**
 * The lines that explain a failed send. They neither contain the verdict nor depend on it, but they never contradict it:
 * "not one byte of it left" is said only if it holds for every attempt.
 * @param code an errno, a `code=` of the protocol, or one of detour's own codes
 * @param moment when it was met; `momentOf` says it for an errno
 */
export function explainFailure(code: string, moment: Moment, context: FailureContext): FailureLines {
  const entries = lookup(code);
  // An ERROR about a message needs a message that was sent. Without one, READY itself ruled the message out (too_large).
  const met = moment === 'error' && !context.handedOver ? (['greeting', 'error'] as const) : [moment];
  const entry =
    met.map((one) => entries.find(({ moments }) => moments.includes(one))).find((one) => one !== undefined) ??
    // An entry for one verb must not explain another verb.
    (VERBS.has(moment) ? undefined : entries[0]) ??
    unknown(code, moment);
  const text = (of: ByRoute): string =>
    fill(asTyped(typeof of === 'string' ? of : of[context.route]), context);
  const before = BEFORE.includes(moment);
  // No SEND is written before READY: "handed over" at such a moment is about an earlier attempt.
  const sent = context.handedOver && !before;
  const earlier = context.earlier === 'none' && context.handedOver && before ? 'unanswered' : context.earlier;
  // An entry about a missing answer assumes that there was a message to answer.
  const unasked = !sent && entry.moments.includes('answer');
  const so = unasked ? 'it was over before the message was handed to the socket' : text(entry.so);
  // A failure after the message was handed over leaves it open anyway. A failure before that, or REFUSED or BYE, would seem to settle it.
  if (earlier !== 'none' && (!sent || moment === 'refused' || moment === 'bye')) {
    const known = earlier === 'unanswered';
    return {
      wire: text(entry.wire),
      so: `${so}; ${known ? 'an earlier attempt was handed over and not answered' : 'with --id, this process does not know what came before it'}`,
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

// For a code that is not in the catalogue. If it came with a verb, it is a code of the protocol; else it is one of the system.
function unknown(
  code: string,
  moment: Moment,
): Pick<CatalogEntry, 'moments' | 'wire' | 'so' | 'notSo' | 'tryNext'> {
  const verb = VERBS.get(moment);
  return {
    moments: [moment],
    wire:
      verb === undefined
        ? `{address}: the system reported ${code}`
        : `{peer}'s program answered ${verb} code=${code}`,
    so: 'this code is not in the catalogue',
    tryNext: moment === 'answer' ? REPEAT : AGAIN,
  };
}

const NOTHING_LEFT = 'not one byte of it left';
const AGAIN: ByRoute = 'look at {peer}, then try again';
const REPEAT: ByRoute = {
  sync: 'ask {peer}. Sending again may deliver it twice: sync remembers nothing',
  async: 'send again soon with the same --id: the relay recognises a repeat for at least 10 minutes',
};

/**
 * When a sender met an error, by the `syscall` of the Node error.
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
