// Did it come out as it must? Judged by what the processes recorded, not by what the sender believes: a bob who answers before he
// has shown a message is found out here. Pure.
//
// Every process keeps two records: its flight recorder's file, and the events that it printed. Both must tell the same.

import type { Recorded } from '../../core/event.ts';
import { EXIT } from '../../core/verdicts.ts';
import { formatJson } from '../../trace/line.ts';
import { type Merged, merge } from '../../trace/merge.ts';
import { contradiction } from '../contradiction.ts';
import type { Exit } from '../stage/process.ts';
import { type Evidence, MESSAGE, type Scene } from './story.ts';

/** What one process left behind. */
export interface ProcessRecord {
  readonly name: string;
  /** From its flight recorder's file. */
  readonly recorded: readonly Recorded[];
  /** From its stdout. */
  readonly printed: readonly Recorded[];
  /** Its exit code, or the signal that killed it; undefined if it still runs. */
  readonly exit?: Exit | undefined;
}

/** What came out of one scene, and what of it is not as it must be. */
export interface Verification extends Evidence {
  readonly exit: number;
  /** All that happened, in causal order. */
  readonly merged: Merged;
  /** What is not as it must be; empty if all is. */
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
    return { ...nothing, merged, faults: ['alice has said no verdict'] };
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

// Does a process's verdict hold against what all processes together recorded, and against its exit code?
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
  // What was to happen was to happen before the verdict; what was not, not even later.
  const limit =
    verdict === 'NOT_DELIVERED' ? Number.POSITIVE_INFINITY : first((recorded) => recorded === said);
  const faults =
    exit !== EXIT[verdict] || record.exit !== exit
      ? [`exit code ${record.exit} does not go with ${verdict}`]
      : [];
  const fault = contradiction(verdict, shownAt < limit, storedAt < limit);
  if (fault !== undefined) faults.push(fault);
  return faults;
}

// Does a process keep the order of the protocol: first do, then say? In its file as on its output.
function dishonesty({ recorded, printed, exit }: ProcessRecord): string[] {
  const file = recorded.map(formatJson);
  // The last lines of a process that was killed may have reached only its file: these are missing, and no lie.
  const differs = printed.some((event, index) => formatJson(event) !== file[index]);
  const showings = (events: readonly Recorded[]): number =>
    events.filter(({ event }) => event === 'shown').length;
  const hidden = typeof exit !== 'string' && showings(printed) < showings(recorded);
  return [
    ...new Set([...saidTooEarly(recorded), ...saidTooEarly(printed)]),
    ...(hidden ? ['it has shown a message nowhere but in its log'] : []),
    ...(differs ? ['its output and its log tell different things'] : []),
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
