// Which event of one process belongs to which event of another: the two ends of a connection, and of a frame.
// It looks at no time at all: clocks are not to be believed before frames have been matched (merge.ts).

import type { Recorded } from '../core/event.ts';
import { type Passage, plainAddress, Ways } from './passages.ts';

/** One run of one program. The same actor may have several: bob, killed, and a new bob. */
export interface Process {
  /** Numbers the processes of a merge from 0. */
  readonly index: number;
  readonly actor: string;
  readonly pid: number;
}

/** An event in its place: whose it is, and what belongs to it elsewhere. `at` is filled in by merge.ts. */
export interface Placed {
  readonly recorded: Recorded;
  readonly process: Process;
  /** Milliseconds since the first event of all, by the clock of the first process. */
  at: number;
  /** The connection that it is about. */
  link?: Link;
  /** The other half: of `sent` the `received`, of `connected` the `accepted`, and the other way round. */
  peer?: Placed;
}

/** One process's end of a connection. */
export interface End {
  readonly process: Process;
  readonly conn: number;
  readonly side: 'client' | 'server';
  /** All its events, in order. */
  readonly events: Placed[];
}

/** A connection: the ends that were logged, one or both. */
export interface Link {
  client?: End;
  server?: End;
  /** The calls through `detour link`s that it was made of, from the client on; none if it went straight. */
  readonly through: readonly Passage[];
}

/** The runs of programs in one log, each with its events in the order in which they were written. */
export function splitProcesses(log: readonly Recorded[]): Recorded[][] {
  const runs: Recorded[][] = [];
  const current = new Map<string, { run: Recorded[]; conns: Set<number>; listens: boolean }>();
  for (const recorded of log) {
    const key = `${recorded.pid} ${recorded.actor}`;
    const known = current.get(key);
    // In containers a new process often has the pid of the old one; but its connections begin again at 1.
    const again = known !== undefined && startsAgain(recorded, known);
    const state =
      known === undefined || again ? { run: [], conns: new Set<number>(), listens: false } : known;
    if (state !== known) {
      current.set(key, state);
      runs.push(state.run);
    }
    state.run.push(recorded);
    if (recorded.event === 'connecting' || recorded.event === 'accepted') state.conns.add(recorded.conn);
    if (recorded.event === 'listening') state.listens = true;
  }
  return runs;
}

function startsAgain(recorded: Recorded, known: { conns: Set<number>; listens: boolean }): boolean {
  if (recorded.event === 'listening') return known.listens;
  return (recorded.event === 'connecting' || recorded.event === 'accepted') && known.conns.has(recorded.conn);
}

/** Finds the connections in the events of all processes, and marks each event with its connection and its other half. */
export function matchLinks(events: readonly Placed[]): Link[] {
  const ends = collectEnds(events);
  const links: Link[] = [];
  const servers = ends.filter(({ side }) => side === 'server');
  const free = new Set(servers);
  const byHello = groupBy(servers, helloOf);
  const byPlace = groupBy(servers, (end) => placeOf(end, 'accepted'));
  const ways = new Ways(events);
  for (const client of ends) {
    if (client.side !== 'client') continue;
    const hello = helloOf(client);
    const through = ways.of(client);
    const onward = through.at(-1)?.onward;
    const place = onward === undefined ? placeOf(client, 'connected') : `${onward.local} ${onward.remote}`;
    // A HELLO that arrived decides. An address pair may come again after a while.
    const candidates =
      byHello.get(hello ?? '') ??
      byPlace.get(place ?? '')?.filter((server) => hello === undefined || helloOf(server) === undefined);
    const server = candidates?.find((candidate) => free.has(candidate));
    if (server !== undefined) free.delete(server);
    links.push(server === undefined ? { client, through } : { client, server, through });
  }
  for (const server of free) links.push({ server, through: ways.to(server) });
  for (const link of links) markLink(link);
  return links;
}

function collectEnds(events: readonly Placed[]): End[] {
  const ends = new Map<string, End>();
  for (const placed of events) {
    const { recorded, process } = placed;
    if (!('conn' in recorded)) continue;
    const key = `${process.index} ${recorded.conn}`;
    let end = ends.get(key);
    if (end === undefined) {
      end = { process, conn: recorded.conn, side: sideOf(recorded), events: [] };
      ends.set(key, end);
    }
    end.events.push(placed);
  }
  return [...ends.values()];
}

// A log may begin in the middle of a connection: then the verb tells which side has it.
function sideOf(recorded: Recorded): 'client' | 'server' {
  if (recorded.event === 'accepted') return 'server';
  if (recorded.event === 'sent') return SERVER_SAYS.has(recorded.verb) ? 'server' : 'client';
  if (recorded.event === 'received') return SERVER_SAYS.has(recorded.verb) ? 'client' : 'server';
  return 'client';
}

const SERVER_SAYS = new Set(['READY', 'RECEIVED', 'STORED', 'REFUSED', 'MESSAGE', 'EMPTY', 'MAILBOX', 'END']);

// session and try name one connection among all: the client knows what it sent, the server what it received.
function helloOf(end: End): string | undefined {
  const wanted = end.side === 'client' ? 'sent' : 'received';
  for (const { recorded } of end.events) {
    if (recorded.event !== wanted || recorded.verb !== 'HELLO') continue;
    const { session, try: attempt } = recorded.fields;
    if (session !== undefined && attempt !== undefined) return `${session} ${attempt}`;
  }
  return undefined;
}

function placeOf(end: End, event: 'connected' | 'accepted'): string | undefined {
  for (const { recorded } of end.events) {
    if (recorded.event !== event) continue;
    const local = plainAddress(recorded.local);
    const remote = plainAddress(recorded.remote);
    return event === 'connected' ? `${local} ${remote}` : `${remote} ${local}`;
  }
  return undefined;
}

function groupBy(ends: readonly End[], keyOf: (end: End) => string | undefined): Map<string, End[]> {
  const groups = new Map<string, End[]>();
  for (const end of ends) {
    const key = keyOf(end);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [end]);
    else group.push(end);
  }
  return groups;
}

function markLink(link: Link): void {
  for (const part of [link.client, link.server, ...link.through])
    for (const placed of part?.events ?? []) placed.link = link;
  const { client, server } = link;
  if (client === undefined || server === undefined) return;
  const connected = client.events.find(({ recorded }) => recorded.event === 'connected');
  const accepted = server.events.find(({ recorded }) => recorded.event === 'accepted');
  if (connected !== undefined && accepted !== undefined) pair(connected, accepted);
  matchFrames(client, server);
  matchFrames(server, client);
}

// TCP keeps order, so frame number n that was sent is frame number n that was received.
function matchFrames(from: End, to: End): void {
  const received = new Map<number, Placed>();
  for (const placed of to.events)
    if (placed.recorded.event === 'received') received.set(placed.recorded.n, placed);
  for (const placed of from.events) {
    if (placed.recorded.event !== 'sent') continue;
    const other = received.get(placed.recorded.n);
    if (other?.recorded.event === 'received' && other.recorded.verb === placed.recorded.verb)
      pair(placed, other);
  }
}

function pair(one: Placed, other: Placed): void {
  one.peer = other;
  other.peer = one;
}
