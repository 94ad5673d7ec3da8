// Does the log of one run agree with itself, and with what the relay logged of the same session? Each answer is a list of sentences about
// "the log", empty if it agrees. Pure.

import type { Recorded } from '../core/event.ts';
import { matchChannels } from './channels.ts';
import { differencesOf, type Finding, findingsIn } from './findings.ts';
import type { Channel, Placed } from './model.ts';

/** The most sentences of one kind. The first ones show what is wrong. */
const MOST = 3;

// The events of one end as findings need them. Their times do not matter here.
const placedOf = (events: readonly Recorded[], index: number): Placed[] => {
  const process = { index, actor: events[0]?.actor ?? '', pid: events[0]?.pid ?? 0 };
  return events.map((recorded) => ({ recorded, process, at: 0 }));
};

/**
 * What contradicts itself in the log of a run: frames whose numbers have a gap, and verdicts, guesses and shown messages without the frame
 * or the event that must come before them.
 * @param run a whole run: a frame at its beginning that was left out would be missed
 */
export function selfContradictions(run: readonly Recorded[]): string[] {
  return [...some(gapsIn(run)), ...some(unfoundedIn(run)), ...renamedIn(run)];
}

function some(sentences: readonly string[]): string[] {
  const more = sentences.length - MOST;
  return more > 0 ? [...sentences.slice(0, MOST), `and ${more} more like this`] : [...sentences];
}

// TCP loses nothing in the middle, and each end numbers its frames from 1: a gap means that a line was taken out or changed.
function gapsIn(run: readonly Recorded[]): string[] {
  const last = new Map<string, number>();
  const sentences: string[] = [];
  for (const recorded of run) {
    if (recorded.event !== 'sent' && recorded.event !== 'received') continue;
    const key = `${recorded.event} ${recorded.conn}`;
    const expected = (last.get(key) ?? 0) + 1;
    if (recorded.n !== expected)
      sentences.push(
        `connection ${recorded.conn}: after ${recorded.event} ${expected - 1} comes ${recorded.event} ${recorded.n}`,
      );
    last.set(key, recorded.n);
  }
  return sentences;
}

function unfoundedIn(run: readonly Recorded[]): string[] {
  const received = new Set<string>();
  const played = new Set<string>();
  const sentences: string[] = [];
  for (const recorded of run) {
    if (recorded.event === 'received') {
      const { id, seq, kind } = recorded.fields;
      received.add(`${recorded.verb} ${id}`);
      if (recorded.verb === 'MESSAGE') received.add(`MESSAGE ${id} ${seq}`).add(`${kind} ${id}`);
    } else if (recorded.event === 'outcome' || recorded.event === 'verdict') {
      const { id, verdict } = recorded;
      if (!isFounded(verdict, id, received)) sentences.push(`it says ${verdict} of ${id}: ${WHY[verdict]}`);
    } else if (recorded.event === 'shown') {
      const { id, seq } = recorded;
      if (!received.has(seq === undefined ? `SEND ${id}` : `MESSAGE ${id} ${seq}`))
        sentences.push(`it shows ${id}, which it did not receive`);
    } else if (recorded.event === 'scene') played.add(`${recorded.story} ${recorded.route}`);
    else if (recorded.event === 'guess' && played.has(`${recorded.story} ${recorded.route}`))
      sentences.push(`it guesses ${recorded.story}, ${recorded.route}, after that was played`);
  }
  return [...new Set(sentences)];
}

// Who sends or collects does so under the name that every line has. A process may have other connections, on which it waits for news.
function renamedIn(run: readonly Recorded[]): string[] {
  const names = new Set<string>();
  let acts = false;
  for (const recorded of run) {
    if (recorded.event === 'sent' && recorded.verb === 'HELLO') names.add(String(recorded.fields.as));
    if (recorded.event === 'sent' && recorded.verb === 'SEND') acts = true;
    if (recorded.event === 'shown' && recorded.seq !== undefined) acts = true;
  }
  const actor = run[0]?.actor ?? '';
  if (!acts || names.has(actor)) return [];
  return [`its lines are by ${actor}, its HELLO is by ${[...names].slice(0, MOST).join(', ') || 'nobody'}`];
}

type Verdict = Extract<Recorded, { event: 'outcome' }>['verdict'];

const WHY: Readonly<Record<Verdict, string>> = {
  STORED: 'no STORED came',
  DELIVERED: 'neither RECEIVED nor a receipt came',
  NOT_DELIVERED: 'it was answered',
  UNKNOWN: '',
};

// UNKNOWN needs nothing: an answer may come after it was said.
function isFounded(verdict: Verdict, id: string, received: ReadonlySet<string>): boolean {
  if (verdict === 'STORED') return received.has(`STORED ${id}`);
  if (verdict === 'DELIVERED') return received.has(`RECEIVED ${id}`) || received.has(`receipt ${id}`);
  if (verdict === 'UNKNOWN' || received.has(`bounce ${id}`)) return true;
  return !received.has(`RECEIVED ${id}`) && !received.has(`STORED ${id}`);
}

/** The two logs of one session. */
export interface BothLogs {
  /** The session's connections in the log that was handed in. */
  readonly own: readonly Recorded[];
  /** The same session's connections in the relay's log, one list for each connection. */
  readonly relay: readonly (readonly Recorded[])[];
  /** Is the beginning of the log that was handed in missing? Then nothing that it lacks proves anything. */
  readonly ownCut: boolean;
  /** Is the beginning of the relay's log missing? */
  readonly relayCut: boolean;
}

/**
 * What contradicts the relay in the log of a session. A frame that the relay did not receive contradicts nothing: the cable may have been
 * cut. A frame that it did receive must be in the log, because every frame is written down before it leaves.
 */
export function contradictionsWithRelay({ own, relay, ownCut, relayCut }: BothLogs): string[] {
  const client = placedOf(own, 0);
  const channels = matchChannels([...client, ...relay.flatMap((run, index) => placedOf(run, index + 1))]);
  const unmatched = channels.flatMap((channel) => lonely(channel, ownCut, relayCut));
  const findings = findingsIn(channels).flatMap((finding) => sentenceFor(finding, ownCut, relayCut));
  return [...some(unmatched), ...some(findings)];
}

// A connection of which only one of the two has a HELLO.
function lonely({ client, server }: Channel, ownCut: boolean, relayCut: boolean): string[] {
  if (client === undefined && !ownCut)
    return [`it lacks the connection try=${tryOf(server?.events)}, which the relay saw`];
  const answered = client?.events.find(
    ({ recorded }) => recorded.event === 'received' && recorded.verb !== 'READY',
  );
  if (server !== undefined || answered === undefined || relayCut) return [];
  return [
    `it received ${nameOf(answered)} on the connection try=${tryOf(client?.events)}, which the relay never saw`,
  ];
}

function tryOf(events: readonly Placed[] = []): string {
  for (const { recorded } of events)
    if ('verb' in recorded && recorded.verb === 'HELLO') return String(recorded.fields.try ?? 1);
  return '?';
}

function sentenceFor(finding: Finding, ownCut: boolean, relayCut: boolean): string[] {
  const { kind, placed } = finding;
  const own = placed.process.index === 0;
  if (kind === 'differs') {
    const [mine, relays] = own ? [placed, finding.other] : [finding.other, placed];
    return [`it says ${differing(mine, relays)}, the relay says ${differing(relays, mine)}`];
  }
  if (kind === 'not_received' || kind === 'impossible') return [];
  if (own) return relayCut ? [] : [`it received ${nameOf(placed)}, which the relay did not send`];
  return ownCut ? [] : [`it lacks ${nameOf(placed)}, which the relay received`];
}

function nameOf({ recorded }: Placed): string {
  if (!('verb' in recorded)) return recorded.event;
  const { id, seq } = recorded.fields;
  const which = id ?? (seq === undefined ? undefined : `seq=${seq}`);
  return which === undefined ? recorded.verb : `${recorded.verb} ${which}`;
}

// The fields of a frame that the other log has differently.
function differing(one: Placed, other: Placed): string {
  if (!('verb' in one.recorded) || !('verb' in other.recorded)) return nameOf(one);
  const { verb, fields } = one.recorded;
  const keys = differencesOf(one.recorded, other.recorded).filter((key) => key !== 'verb');
  return [verb, ...keys.map((key) => `${key}=${fields[key]}`)].join(' ');
}
