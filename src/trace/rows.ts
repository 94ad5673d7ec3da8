// Turns events into the rows of a sequence diagram. filter.ts decides which events, order.ts in which order, diagram.ts in which columns.
// Only events of a log are drawn.

import type { Recorded } from '../core/event.ts';
import { verdictText } from '../core/verdicts.ts';
import { visible } from '../core/visible.ts';
import { barTexts, type CableSign, cableTexts } from './cable.ts';
import { isDrawn, lateBegins, loneVerdicts, repeats, stoppedBodies } from './filter.ts';
import type { Merged } from './merge.ts';
import type { Placed } from './model.ts';
import { type Names, namesOf } from './names.ts';
import { inOrder } from './order.ts';

/** How an arrow is known: logged at both ends, at one, or only as an event on a socket (FIN, RST, a connect). */
export type Known = 'both' | 'sent' | 'received' | 'socket';

/** One row of a diagram. The first of its texts that fits is used; they go from the longest to the shortest. */
export type Row = {
  /** Texts with ids, pids and ports, for diagrams that have room. */
  readonly long: readonly string[];
  /** Texts without ids, pids and ports. At least one. */
  readonly short: readonly string[];
  /** The events that the row shows, at least one. */
  readonly placed: readonly Placed[];
  readonly at: number;
} & (
  | {
      readonly kind: 'arrow';
      readonly from: string;
      readonly to: string;
      readonly known: Known;
      readonly head: boolean;
      readonly note: readonly string[];
    }
  | {
      readonly kind: 'mark';
      readonly lane: string;
      readonly mark: MarkName;
    }
  // Something that happens between two lanes.
  | { readonly kind: 'cable'; readonly from: string; readonly to: string; readonly sign: CableSign }
);

/** Does the process end with this event? A sender ends with its verdict. */
export const leaves = ({ recorded }: Placed): boolean =>
  recorded.event === 'stopping' || recorded.event === 'verdict';

/** What a mark on a lane stands for. */
export type MarkName =
  | 'begins'
  | 'killed'
  | 'gone'
  | 'shown'
  | 'stored'
  | 'frozen'
  | 'thawed'
  | 'rung'
  | 'verdict'
  | 'trouble';

/** Which events become rows, and how peers without a log are named. */
export interface RowOptions {
  /** Names for addresses (`host:port`) that no log mentions: of a peer that never ran. */
  readonly places?: ReadonlyMap<string, string> | undefined;
  /** Ids of messages before this merge: the numbers of its messages go on from there. */
  readonly earlier?: readonly string[] | undefined;
  /** Is the event drawn? Default: every event that can be drawn. */
  readonly keep?: ((placed: Placed) => boolean) | undefined;
}

/** Turns a merge into the rows of a diagram, from top to bottom. In each lane they keep the order of its log. */
export function rowsOf(merged: Merged, options: RowOptions = {}): Row[] {
  const names = namesOf(merged, options.places, options.earlier);
  const begins = lateBegins(merged, options.keep);
  const others = new Set([...stoppedBodies(merged), ...loneVerdicts(merged)]);
  const again = repeats(merged);
  const drawn = merged.events.filter(
    (placed) =>
      begins.has(placed) || ((isDrawn(placed) || others.has(placed)) && (options.keep?.(placed) ?? true)),
  );
  return inOrder(drawn).map((halves) => rowOf(halves, begins, again, names));
}

/** The time that counts as 0, in the times of the rows. @param actor whose first event it is; undefined: the first row */
export function zeroOf(merged: Merged, drawnRows: readonly Row[], actor: string | undefined): number {
  const first = merged.events.find(
    ({ recorded }) => recorded.actor === actor && recorded.event !== 'started',
  );
  // Faults that are set up before anything else happens do not start the time.
  return (first ?? drawnRows.find(({ kind }) => kind !== 'cable') ?? drawnRows[0])?.at ?? 0;
}

/** The pid of the first process with this name; undefined if it has no log. */
export const pidOf = (merged: Merged, name: string): number | undefined =>
  merged.processes.find(({ actor }) => actor === name)?.pid;

/** The port on which the first process with this name listened; undefined if it did not. */
export function listenerOf(merged: Merged, name: string): number | undefined {
  const found = merged.events.find(
    ({ recorded }) => recorded.actor === name && recorded.event === 'listening',
  );
  return found?.recorded.event === 'listening' ? found.recorded.port : undefined;
}

function rowOf(
  halves: readonly Placed[],
  begins: ReadonlyMap<Placed, 'first' | 'again'>,
  repeated: ReadonlySet<Placed>,
  names: Names,
): Row {
  const [first, second] = halves as [Placed, Placed?];
  const { recorded, process } = first;
  const here = process.actor;
  const base = { placed: halves, at: (second ?? first).at };
  const mark = (name: MarkName, long: string[], ...short: string[]): Row => ({
    ...base,
    kind: 'mark',
    lane: here,
    mark: name,
    long,
    short,
  });
  const cable = names.cableOf(process);
  if (cable !== undefined) return { ...base, kind: 'cable', ...cable, ...cableTexts(recorded) };
  const begin = begins.get(first);
  if (begin !== undefined) return mark('begins', ...beginTexts(first, begin));
  switch (recorded.event) {
    case 'sent':
    case 'received': {
      const peer = names.peerName(first);
      const [from, to] = recorded.event === 'sent' ? [here, peer] : [peer, here];
      const known = second === undefined ? recorded.event : 'both';
      return {
        ...base,
        kind: 'arrow',
        from,
        to,
        known,
        head: true,
        ...frameTexts(recorded, names.numberOf, repeated.has(first)),
      };
    }
    case 'connected':
    case 'accepted': {
      const peer = names.peerName(first);
      const [from, to, caller] =
        recorded.event === 'connected' ? [here, peer, recorded.local] : [peer, here, recorded.remote];
      // The link's kernel accepted the connection, but the link never reached the server.
      if (first.channel?.hops.some(({ onward }) => onward === undefined))
        return mark('trouble', ['connected, to the link only'], 'link only');
      const known = second === undefined ? 'socket' : 'both';
      const text = known === 'both' ? 'connected' : recorded.event;
      const long = [`${text} from ${caller.replace(/^.*:/, ':')}`];
      return {
        ...base,
        kind: 'arrow',
        from,
        to,
        known,
        head: false,
        long,
        short: [text],
        note: [],
      };
    }
    case 'fin':
      return {
        ...base,
        kind: 'arrow',
        from: names.peerName(first),
        to: here,
        known: 'socket',
        head: true,
        ...FIN,
      };
    case 'broken': {
      const short = [recorded.code, SHORT_CODES[recorded.code] ?? 'broken'];
      if (!FROM_PEER.has(recorded.code)) return mark('trouble', [], ...short);
      const from = names.peerName(first);
      return {
        ...base,
        kind: 'arrow',
        from,
        to: here,
        known: 'socket',
        head: true,
        long: [],
        short,
        note: [],
      };
    }
    case 'arriving': {
      const from = names.peerName(first);
      return { ...base, kind: 'cable', from, to: here, sign: ' ', ...barTexts(recorded) };
    }
    case 'gave_up':
      return mark(
        'trouble',
        [`no answer for ${seconds(recorded.ms)}: next address`],
        'next address',
        'gave up',
      );
    case 'unfinished':
      return mark(
        'trouble',
        [`unfinished, ${recorded.bytes} bytes: ${visible(recorded.start, { max: 30 })}`],
        `unfinished, ${recorded.bytes} bytes`,
        'unfinished',
      );
    case 'repeated':
      return mark('trouble', [`number ${recorded.seq} seen before, not shown`], 'seen before', 'repeat');
    case 'silent':
      return mark('trouble', [], `silent ${seconds(recorded.ms)}`, 'silent');
    case 'stopping':
      return mark(recorded.why === 'kill' ? 'killed' : 'gone', [], ENDS[recorded.why]);
    case 'freezing':
      return mark('frozen', recorded.ms > 0 ? [`FROZEN for ${seconds(recorded.ms)}`] : [], 'FROZEN');
    case 'thawed':
      return mark('thawed', [], 'thawed');
    case 'shown': {
      const again = repeated.has(first);
      const { id, attempt = 1 } = recorded;
      const number = names.numberOf(id);
      const what = again ? 'shown again' : 'shown';
      const which = attempt > 1 && !again ? [`attempt ${attempt}`] : [];
      return mark(
        'shown',
        [[`${what} ${id}`, ...which].join(', ')],
        [number === undefined ? what : `${what} ${number}`, ...which].join(', '),
        ...which,
        again ? 'again' : what,
      );
    }
    case 'stored':
      return mark('stored', [`on disk, ${recorded.to} ${recorded.seq}`], 'on disk');
    case 'acknowledged':
      return mark('stored', [`ack of ${recorded.to} ${recorded.seq} on disk`, 'ack on disk'], 'acked');
    case 'expired':
      return mark('trouble', [`${recorded.to} ${recorded.seq} expired`], 'expired');
    case 'rung':
      return mark('rung', ...rungTexts(recorded));
    case 'fault':
    case 'unlinked':
      return { ...mark('trouble', []), ...cableTexts(recorded) };
    case 'outcome': {
      const number = names.numberOf(recorded.id);
      const verdict = verdictText(recorded.verdict);
      if (number === undefined) return mark('verdict', [], verdict);
      return mark('verdict', [`${verdict} ${recorded.id}`], `${verdict} ${number}`, verdict);
    }
    case 'verdict':
      // A sender ends with its verdict.
      return mark('gone', [verdictText(recorded.verdict)], ENDS.done);
    default:
      return mark('trouble', [], recorded.event);
  }
}

// The number of each rung, from the lowest.
const RUNG_NUMBERS = { handed: 1, acknowledged: 2, read: 3, durable: 4, handled: 5 } as const;

function rungTexts({
  rung,
  state,
  by,
}: Extract<Placed['recorded'], { event: 'rung' }>): [string[], ...string[]] {
  const number = RUNG_NUMBERS[rung];
  const short = `rung ${number}`;
  if (state === 'reached') return [[`${short} ${rung}: ${by}`], `${short} ${rung}`, short];
  return [[`${short} ${rung}: ${state}`], `${short}: ${state}`, `${number}: ${state}`];
}

const FIN = { long: [], short: ['FIN'], note: [] } as const;

const seconds = (ms: number): string => `${(ms / 1000).toFixed(ms % 1000 === 0 ? 0 : 1)} s`;

const ENDS = { asked: 'stopped', done: 'gone', failed: 'failed', kill: 'KILLED' } as const;

// Codes for something that came from the other side. All other codes are this side's own conclusion.
const FROM_PEER = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE']);

const SHORT_CODES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ETIMEDOUT: 'no answer',
};

function beginTexts({ recorded, process }: Placed, begin: 'first' | 'again'): [string[], ...string[]] {
  const who = begin === 'again' ? `new ${process.actor}` : process.actor;
  const listens = recorded.event === 'listening';
  const long = `${who} ${listens ? `listens on ${recorded.port}` : 'comes'}, pid ${process.pid}`;
  if (begin === 'again') return [[long], who, 'new'];
  return [[long], listens ? 'listens' : 'comes'];
}

type FrameEvent = Extract<Recorded, { event: 'sent' | 'received' }>;

// The fields of each verb that are worth their room in an arrow.
const TELLING: Readonly<Record<string, readonly string[]>> = {
  READY: ['role', 'as'],
  HELLO: ['as', 'try'],
  SEND: ['id', 'size'],
  RECEIVED: ['id'],
  STORED: ['id', 'seq', 'dup'],
  REFUSED: ['id', 'code'],
  RECEIVE: ['window', 'drain'],
  MESSAGE: ['seq', 'attempt'],
  ACK: ['seq'],
  BYE: ['code'],
  ERROR: ['code'],
};

/**
 * The texts for a frame.
 * @param numberOf gives a short number for an id, if there is more than one message
 * @param again is it known that the frame was sent before?
 */
function frameTexts(
  { verb, fields }: FrameEvent,
  numberOf: (id: unknown) => number | undefined,
  again: boolean,
): { readonly long: string[]; readonly short: string[]; readonly note: string[] } {
  const telling = (TELLING[verb] ?? []).filter((key) => fields[key] !== undefined);
  const words = telling.map((key) => (key === 'id' ? String(fields.id) : `${key}=${fields[key]}`));
  const long = words.map((_, index) => [verb, ...words.slice(0, words.length - index)].join(' '));
  const number = numberOf(fields.id) ?? (verb === 'SEND' ? 1 : undefined);
  const short = [
    ...(fields.code === undefined ? [] : [`${verb} ${fields.code}`]),
    ...(number === undefined ? [] : [`${verb} ${number}`]),
  ];
  return { long, short: [...short, verb], note: noteOf(verb, fields, again) };
}

function noteOf(verb: string, fields: FrameEvent['fields'], again: boolean): string[] {
  if (verb === 'MESSAGE' && Number(fields.attempt) > 1)
    return [`attempt ${fields.attempt}`, ...(again ? ['again'] : [])];
  if (verb === 'STORED' && fields.dup === 'yes') return ['known already', 'again'];
  return [];
}
