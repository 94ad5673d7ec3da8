// Who was there: compares logs that were handed in with the log of the relay that they all used. One row for each session of each run.
// The relay's log is the witness: nobody but its owner could change it. evidence.ts finds what contradicts it. Pure.

import { asTyped } from '../core/command-name.ts';
import { DetourError } from '../core/error.ts';
import type { FrameFields, Recorded, VerdictName } from '../core/event.ts';
import { splitProcesses } from './channels.ts';
import { Copies, type Mark, sessionMark, timeMarks } from './copies.ts';
import { contradictionsWithRelay, selfContradictions } from './evidence.ts';
import { beginningOf } from './findings.ts';
import type { Log } from './read.ts';

/**
 * What the relay's log says about a row. `agrees`: both logs say the same. `differs`: the log contradicts the relay's, or itself.
 * `unseen`: the relay never saw the session. `uncertain`: it is not in the part of the relay's log that was read. `direct`: the session was
 * with a receiver, not with a relay. `none`: a run without a session. `missing`: the relay saw it, and no log of it was handed in.
 * `unreadable`: the file is not a log.
 */
export type Standing =
  | 'agrees'
  | 'differs'
  | 'unseen'
  | 'uncertain'
  | 'direct'
  | 'none'
  | 'missing'
  | 'unreadable';

/** A guess in `detour demo`, and the verdict that came after it; undefined if that route was not played. */
export interface Guessed {
  readonly story: string;
  readonly route: string;
  readonly guess: VerdictName;
  readonly verdict: VerdictName | undefined;
}

/** One session in one log. */
export interface RosterRow {
  /** The file that was handed in; undefined if there is none. */
  readonly file: string | undefined;
  /** The first 8 characters of the session's token; undefined for a run without a session. */
  readonly session: string | undefined;
  /** The name of the client: as the relay knows it if it saw the session, otherwise as the log has it. */
  readonly name: string | undefined;
  readonly standing: Standing;
  /** The other files in which the session, or this very run, is found again; the file itself if it is there twice. */
  readonly also: readonly string[];
  /** What is wrong, in sentences about the log. */
  readonly remarks: readonly string[];
  /** The host from which the relay saw it come, without the port. */
  readonly address: string | undefined;
  /** When the run began, by its own clock: ISO 8601 UTC. If there is no log, when the relay first saw the session. */
  readonly start: string | undefined;
  /** The first line of the run; undefined in logs of an older detour. */
  readonly started: Extract<Recorded, { event: 'started' }> | undefined;
  /** How many messages ended with each verdict. */
  readonly verdicts: Readonly<Record<VerdictName, number>>;
  /** How many messages were shown. */
  readonly shown: number;
  readonly guesses: readonly Guessed[];
}

/** A file that was handed in, read or not. */
export type HandedIn = Log | { readonly file: string; readonly error: DetourError };

/** A session in the relay's log. */
interface Seen {
  readonly name: string;
  readonly address: string | undefined;
  readonly start: string;
  /** How often each `try` came. */
  readonly tries: Map<string, number>;
  /** Its events, one list for each connection. */
  readonly events: Recorded[][];
}

/** What the relay's log says. */
export interface RelayRecord {
  readonly sessions: ReadonlyMap<string, Seen>;
  /** How many connections gave no session's token: whose they are cannot be known. */
  readonly anonymous: number;
  /** How many bytes at the beginning of the log were not read. */
  readonly skipped: number;
  /** The beginnings of the tokens by which its stores are known. */
  readonly stores: ReadonlySet<string>;
}

/**
 * Collects the sessions in the log of a relay.
 * @throws DetourError `bad_log` if it is not the log of a relay
 */
export function relayRecord({ file, events, skipped }: Log): RelayRecord {
  const sessions = new Map<string, Seen>();
  const stores = new Set<string>();
  let anonymous = 0;
  let isRelay = false;
  for (const run of splitProcesses(events)) {
    for (const conn of connectionsOf(run).values()) {
      if (conn.side === 'client') continue;
      if (conn.ready?.store !== undefined) stores.add(beginningOf(conn.ready.store));
      if (conn.ready?.role === 'relay') isRelay = true;
      if (conn.hello === undefined) continue;
      const { session, as, try: number = 1 } = conn.hello;
      if (session === undefined) anonymous += 1;
      else {
        const key = beginningOf(session);
        const seen = sessions.get(key) ?? newlySeen(String(as), conn.events);
        sessions.set(key, seen);
        seen.tries.set(String(number), (seen.tries.get(String(number)) ?? 0) + 1);
        seen.events.push(conn.events);
      }
    }
    isRelay ||= run.some((one) => one.event === 'listening' && one.role === 'relay');
  }
  if (!isRelay)
    throw new DetourError(
      'bad_log',
      `${file} is not the log of a relay`,
      asTyped('give the file that `detour async relay --log FILE` wrote'),
    );
  return { sessions, anonymous, skipped, stores };
}

function newlySeen(name: string, events: readonly Recorded[]): Seen {
  const accepted = events.find((one) => one.event === 'accepted');
  const address = accepted?.event === 'accepted' ? accepted.remote.replace(/:\d+$/, '') : undefined;
  return { name, address, start: events[0]?.time ?? '', tries: new Map(), events: [] };
}

interface Connection {
  readonly events: Recorded[];
  /** By the last of READY and HELLO. */
  side: 'client' | 'server';
  ready: FrameFields | undefined;
  hello: FrameFields | undefined;
}

function connectionsOf(run: readonly Recorded[]): Map<number, Connection> {
  const connections = new Map<number, Connection>();
  for (const recorded of run) {
    if (!('conn' in recorded) || recorded.conn === undefined) continue;
    let connection = connections.get(recorded.conn);
    if (connection === undefined) {
      connection = { events: [], side: 'client', ready: undefined, hello: undefined };
      connections.set(recorded.conn, connection);
    }
    connection.events.push(recorded);
    if (recorded.event !== 'sent' && recorded.event !== 'received') continue;
    const sent = recorded.event === 'sent';
    if (recorded.verb === 'READY' && connection.ready === undefined) {
      connection.ready = recorded.fields;
      connection.side = sent ? 'server' : 'client';
    } else if (recorded.verb === 'HELLO' && connection.hello === undefined) {
      connection.hello = recorded.fields;
      connection.side = sent ? 'client' : 'server';
    }
  }
  return connections;
}

/** The most sessions of one file. A log with more was not made in a class. */
const MOST_SESSIONS = 1000;

/**
 * Makes the roster: the rows of each file, in the order given, then the sessions of which no log was handed in.
 * @param logs read one by one: a file's events are not kept
 */
export function rosterOf(relay: RelayRecord, logs: Iterable<HandedIn>): RosterRow[] {
  const rows: { -readonly [Key in keyof RosterRow]: RosterRow[Key] }[] = [];
  const copies = new Copies();
  const handedIn = new Set<string>();
  for (const log of logs) {
    if ('error' in log) {
      rows.push({ ...EMPTY, file: log.file, standing: 'unreadable', remarks: [log.error.message] });
      continue;
    }
    const found = splitProcesses(log.events).flatMap((run) => rowsOfRun(run, log, relay));
    for (const { row, marks } of found.slice(0, MOST_SESSIONS)) {
      copies.add(rows.length, marks);
      if (row.session !== undefined) handedIn.add(row.session);
      rows.push(row);
    }
    const more = found.length - MOST_SESSIONS;
    if (more > 0)
      rows.push({ ...EMPTY, file: log.file, remarks: [`and ${more} more sessions in this file`] });
  }
  for (const [one, others] of copies.found()) {
    const files = [...others].map((other) => rows[other]?.file ?? '');
    const row = rows[one];
    if (row !== undefined) row.also = [...new Set(files)];
  }
  for (const [session, { name, address, start }] of relay.sessions)
    if (!handedIn.has(session)) rows.push({ ...EMPTY, session, name, address, start, standing: 'missing' });
  return rows;
}

const EMPTY: RosterRow = {
  file: undefined,
  session: undefined,
  name: undefined,
  standing: 'none',
  also: [],
  remarks: [],
  address: undefined,
  start: undefined,
  started: undefined,
  verdicts: { DELIVERED: 0, STORED: 0, NOT_DELIVERED: 0, UNKNOWN: 0 },
  shown: 0,
  guesses: [],
};

interface FoundRow {
  readonly row: RosterRow;
  readonly marks: readonly Mark[];
}

function rowsOfRun(run: readonly Recorded[], log: Log, relay: RelayRecord): FoundRow[] {
  const first = run[0];
  // A run whose first line was read is whole.
  const cut = log.skipped > 0 && first?.event !== 'started';
  const notes = cut ? [`the first ${log.skipped} bytes of its file were not read`] : [];
  const own = cut ? [] : selfContradictions(run);
  const common = {
    ...EMPTY,
    file: log.file,
    name: first?.actor,
    start: first?.time,
    started: first?.event === 'started' ? first : undefined,
    remarks: [...notes, ...own],
  };
  const whole: RosterRow = {
    ...common,
    standing: own.length > 0 ? 'differs' : 'none',
    verdicts: verdictsIn(run),
    shown: run.filter(({ event }) => event === 'shown').length,
    guesses: guessesIn(run),
  };
  const marks = timeMarks(run);
  const sessions = sessionsIn(run);
  if (sessions.size === 0) return [{ row: whole, marks }];
  return [...sessions].map(([session, connections], index) => {
    const mark = sessionMark(session);
    // A process that waits for news has a second session for that, in which it sends nothing.
    const rest = index === 0 ? whole : common;
    const { more, ...found } = standingOf(session, connections, relay, { cut, sound: own.length === 0 });
    const row = { ...rest, session, ...found, remarks: [...rest.remarks, ...more] };
    return { row, marks: index === 0 ? [mark, ...marks] : [mark] };
  });
}

function sessionsIn(run: readonly Recorded[]): Map<string, Connection[]> {
  const sessions = new Map<string, Connection[]>();
  for (const connection of connectionsOf(run).values()) {
    const session = connection.hello?.session;
    if (session === undefined || connection.side === 'server') continue;
    const key = beginningOf(session);
    const known = sessions.get(key);
    if (known === undefined) sessions.set(key, [connection]);
    else known.push(connection);
  }
  return sessions;
}

// What the relay says about a session, and what there is to remark on it. `sound`: does the run agree with itself?
function standingOf(
  session: string,
  connections: readonly Connection[],
  relay: RelayRecord,
  { cut, sound }: { readonly cut: boolean; readonly sound: boolean },
): Pick<RosterRow, 'name' | 'standing' | 'address'> & { readonly more: readonly string[] } {
  const seen = relay.sessions.get(session);
  if (seen === undefined) {
    const name = String(connections[0]?.hello?.as);
    const nowhere = { name, address: undefined };
    if (connections.every(({ ready }) => ready?.role === 'receiver'))
      return { ...nowhere, standing: sound ? 'direct' : 'differs', more: [] };
    const standing = relay.skipped > 0 ? 'uncertain' : 'unseen';
    const store = connections.map(({ ready }) => ready?.store).find((one) => one !== undefined);
    const other = store !== undefined && relay.stores.size > 0 && !relay.stores.has(beginningOf(store));
    const more = other ? [`it names another relay, with the store ${beginningOf(store)}`] : [];
    return { ...nowhere, standing, more };
  }
  const { name, address, tries, events } = seen;
  const twice = [...tries].filter(([, count]) => count > 1);
  const more = [
    ...twice.map(([number]) => `the relay saw its connection try=${number} twice: two programs used it`),
    ...contradictionsWithRelay({
      own: connections.flatMap((connection) => connection.events),
      relay: events,
      ownCut: cut,
      relayCut: relay.skipped > 0,
    }),
  ];
  return { name, address, standing: sound && more.length === 0 ? 'agrees' : 'differs', more };
}

function verdictsIn(run: readonly Recorded[]): Record<VerdictName, number> {
  const verdicts = { ...EMPTY.verdicts };
  for (const recorded of run) if (recorded.event === 'outcome') verdicts[recorded.verdict] += 1;
  return verdicts;
}

function guessesIn(run: readonly Recorded[]): Guessed[] {
  const guesses: { -readonly [Key in keyof Guessed]: Guessed[Key] }[] = [];
  const last = new Map<string, (typeof guesses)[number]>();
  for (const recorded of run) {
    if (recorded.event === 'guess') {
      const { story, route, guess } = recorded;
      const guessed = { story, route, guess, verdict: undefined };
      guesses.push(guessed);
      last.set(`${story} ${route}`, guessed);
    } else if (recorded.event === 'scene') {
      const { story, route, verdict } = recorded;
      const guessed = last.get(`${story} ${route}`);
      if (guessed !== undefined) guessed.verdict ??= verdict;
    }
  }
  return guesses;
}
