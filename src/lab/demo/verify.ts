// Is the result of a scene as expected? This is decided by what the processes recorded, not by what the sender believes: a bob that
// answers before he has shown a message is caught here. Pure.
//
// Every process keeps two records: the file of its flight recorder, and the events that it printed. Both must say the same.

import type { Recorded } from '../../core/event.ts';
import { EXIT } from '../../core/verdicts.ts';
import { formatJson } from '../../trace/line.ts';
import { type Merged, merge } from '../../trace/merge.ts';
import { contradiction } from '../contradiction.ts';
import type { Exit } from '../stage/process.ts';
import { type Evidence, MESSAGE, type Scene } from './story.ts';

/** The records of one process. */
export interface ProcessRecord {
  readonly name: string;
  /** The events in the file of its flight recorder. */
  readonly recorded: readonly Recorded[];
  /** The events that it printed on stdout. */
  readonly printed: readonly Recorded[];
  /** Its exit code, or the signal that killed it; undefined if it still runs. */
  readonly exit?: Exit | undefined;
}

/** The result of one scene, and what is wrong with it. */
export interface Verification extends Evidence {
  readonly exit: number;
  /** Everything that happened, in causal order. */
  readonly merged: Merged;
  /** What is not as expected; empty if everything is. */
  readonly faults: readonly string[];
}

/** Verifies a scene. `alice` is one of `all`. */
export function verifyScene(
  { expect, message = MESSAGE }: Scene,
  alice: ProcessRecord,
  all: readonly ProcessRecord[],
): Verification {
  const merged = merge(all.map(({ recorded }) => recorded));
  const faults: string[] = [];
  const fault = (text: string): void => {
    faults.push(text);
  };
  const said = verdictIn(alice);
  if (said === undefined) {
    const nothing = { verdict: 'UNKNOWN', shown: 0, kept: 0, took: undefined, exit: -1 } as const;
    return { ...nothing, merged, faults: ['alice has given no verdict'] };
  }
  const { verdict, id, exit, ms } = said;
  const showings = merged.events.filter(({ recorded }) => recorded.event === 'shown' && recorded.id === id);
  const shown = showings.length;

  if (verdict !== expect.verdict) fault(`alice says ${verdict}, not ${expect.verdict}`);
  if (expect.shown !== undefined && shown !== expect.shown)
    fault(`shown ${times(shown)}, not ${times(expect.shown)}`);
  const last = all.map(verdictIn).findLast((one) => one !== undefined && one !== said);
  if (last?.verdict !== expect.repeat) fault(`the second alice says ${last?.verdict}, not ${expect.repeat}`);
  for (const { recorded } of showings) {
    if (recorded.event === 'shown' && recorded.text !== message)
      fault('what bob shows is not what alice wrote');
  }
  const history = merged.events.map(({ recorded }) => recorded);
  for (const record of all) {
    for (const text of contradictions(record, history)) fault(text);
    for (const text of dishonesty(record)) fault(`${record.name}: ${text}`);
  }
  for (const { kind, placed } of merged.findings) {
    if (kind !== 'not_received')
      fault(`${placed.recorded.actor}: an event without its cause (${placed.recorded.event})`);
  }
  const sent = merged.events.find(({ recorded }) => recorded.event === 'sent' && recorded.fields.id === id);
  const [first] = showings;
  const took = sent === undefined || first === undefined ? undefined : first.at - sent.at;
  return { verdict, shown, kept: ms, took, exit, merged, faults };
}

type Verdict = Extract<Recorded, { event: 'verdict' }>;

const verdictIn = ({ recorded }: ProcessRecord): Verdict | undefined =>
  recorded.find((one): one is Verdict => one.event === 'verdict');

// Does a process's verdict contradict what all processes recorded, or its exit code?
function contradictions(record: ProcessRecord, history: readonly Recorded[]): string[] {
  const said = verdictIn(record);
  if (said === undefined) return [];
  const { verdict, id, exit } = said;
  const first = (test: (recorded: Recorded) => boolean): number => {
    const index = history.findIndex(test);
    return index === -1 ? Number.POSITIVE_INFINITY : index;
  };
  const shownAt = first((recorded) => recorded.event === 'shown' && recorded.id === id);
  const storedAt = first((recorded) => recorded.event === 'stored' && recorded.id === id);
  // DELIVERED and STORED must be true before they are said; NOT DELIVERED must stay true.
  const limit =
    verdict === 'NOT_DELIVERED' ? Number.POSITIVE_INFINITY : first((recorded) => recorded === said);
  const faults =
    exit !== EXIT[verdict] || record.exit !== exit
      ? [`exit code ${record.exit} does not match ${verdict}`]
      : [];
  const fault = contradiction(verdict, shownAt < limit, storedAt < limit);
  if (fault !== undefined) faults.push(fault);
  return faults;
}

// Does a process keep the order of the protocol, first do, then say, in its file and on its output?
function dishonesty({ recorded, printed, exit }: ProcessRecord): string[] {
  const file = recorded.map(formatJson);
  // The last events of a killed process may have reached only its file: missing lines at the end are not a lie.
  const differs = printed.some((event, index) => formatJson(event) !== file[index]);
  const showings = (events: readonly Recorded[]): number =>
    events.filter(({ event }) => event === 'shown').length;
  const hidden = typeof exit !== 'string' && showings(printed) < showings(recorded);
  return [
    ...new Set([...saidTooEarly(recorded), ...saidTooEarly(printed)]),
    ...(hidden ? ['it has shown a message only in its log'] : []),
    ...(differs ? ['its output and its log differ'] : []),
  ];
}

function saidTooEarly(events: readonly Recorded[]): string[] {
  const shownIds = new Set<unknown>();
  const shownSeqs = new Set<unknown>();
  const stored = new Set<unknown>();
  const faults: string[] = [];
  for (const recorded of events) {
    if (recorded.event === 'shown') {
      shownIds.add(recorded.id);
      shownSeqs.add(recorded.seq);
    } else if (recorded.event === 'stored') stored.add(recorded.id);
    else if (recorded.event === 'sent') {
      const { id, seq } = recorded.fields;
      if (recorded.verb === 'RECEIVED' && !shownIds.has(id))
        faults.push('answered RECEIVED before it had shown the message');
      if (recorded.verb === 'ACK' && !shownSeqs.has(seq))
        faults.push('sent ACK before it had shown the message');
      if (recorded.verb === 'STORED' && !stored.has(id))
        faults.push('answered STORED before it had stored the message');
    }
  }
  return faults;
}

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`);
