// Finds which event of one process belongs to which event of another: the two ends of a connection, and of a frame.
// It ignores all times: clocks cannot be trusted before frames have been matched (merge.ts).

import type { Recorded } from '../core/event.ts';
import { beginningOf, differencesOf } from './findings.ts';
import { plainAddress, Routes } from './hops.ts';
import type { Channel, End, Placed } from './model.ts';

/** Splits a log into the runs of programs in it. Each run has its events in the order in which they were written. */
export function splitProcesses(log: readonly Recorded[]): Recorded[][] {
  const runs: Recorded[][] = [];
  const current = new Map<string, { run: Recorded[]; conns: Set<number>; listens: boolean }>();
  for (const recorded of log) {
    const key = `${recorded.pid} ${recorded.actor}`;
    const known = current.get(key);
    // In containers a new process often has the pid of the old one, but its connections are numbered from 1 again.
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
  if (recorded.event === 'started') return true;
  if (recorded.event === 'listening') return known.listens;
  return (recorded.event === 'connecting' || recorded.event === 'accepted') && known.conns.has(recorded.conn);
}

/** Finds the connections in the events of all processes. It sets `channel` and `peer` of each event that has them. */
export function matchChannels(events: readonly Placed[]): Channel[] {
  const ends = collectEnds(events);
  const channels: Channel[] = [];
  const servers = ends.filter(({ side }) => side === 'server');
  const clients = ends.filter(({ side }) => side === 'client');
  const free = new Set(servers);
  const byHello = groupBy(servers, helloOf);
  const byPlace = groupBy(servers, (end) => placeOf(end, 'accepted'));
  const clientsByHello = groupBy(clients, helloOf);
  const clientsByPlace = groupBy(clients, (end) => placeOf(end, 'connected'));
  const routes = new Routes(events);
  for (const client of clients) {
    const hello = helloOf(client);
    const hops = routes.of(client);
    const onward = hops.at(-1)?.onward;
    const own = placeOf(client, 'connected');
    const place = onward === undefined ? own : `${onward.local} ${onward.remote}`;
    // If a HELLO has arrived, it decides, because a pair of addresses may be used again later.
    const same = byHello.get(hello ?? '');
    const candidates =
      same ??
      byPlace.get(place ?? '')?.filter((server) => hello === undefined || helloOf(server) === undefined);
    const available = candidates?.filter((candidate) => free.has(candidate)) ?? [];
    const server = available.find((one) => placeOf(one, 'accepted') === place) ?? available[0];
    if (server === undefined) {
      channels.push({ client, hops });
      continue;
    }
    free.delete(server);
    const alike = same === undefined ? clientsByPlace.get(own ?? '') : clientsByHello.get(hello ?? '');
    const others = same ?? byPlace.get(place ?? '');
    channels.push({ client, server, hops, certain: alike?.length === 1 && others?.length === 1 });
  }
  for (const server of free) channels.push({ server, hops: routes.to(server) });
  for (const channel of channels) markChannel(channel);
  return channels;
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

// A log may begin in the middle of a connection: then the verb shows which side this is.
function sideOf(recorded: Recorded): 'client' | 'server' {
  if (recorded.event === 'accepted') return 'server';
  if (recorded.event === 'sent') return SERVER_SAYS.has(recorded.verb) ? 'server' : 'client';
  if (recorded.event === 'received') return SERVER_SAYS.has(recorded.verb) ? 'client' : 'server';
  return 'client';
}

const SERVER_SAYS = new Set([
  'READY',
  'RECEIVED',
  'STORED',
  'REFUSED',
  'MESSAGE',
  'EMPTY',
  'MAILBOX',
  'ITEM',
  'END',
]);

// `session` and `try` identify a connection: the client's log has them in a HELLO sent, the server's log in a HELLO received.
function helloOf(end: End): string | undefined {
  const wanted = end.side === 'client' ? 'sent' : 'received';
  for (const { recorded } of end.events) {
    if (recorded.event !== wanted || recorded.verb !== 'HELLO') continue;
    const { session, try: attempt } = recorded.fields;
    if (session !== undefined && attempt !== undefined) return `${beginningOf(session)} ${attempt}`;
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

function markChannel(channel: Channel): void {
  for (const part of [channel.client, channel.server, ...channel.hops])
    for (const placed of part?.events ?? []) placed.channel = channel;
  const { client, server } = channel;
  if (client === undefined || server === undefined) return;
  const connected = client.events.find(({ recorded }) => recorded.event === 'connected');
  const accepted = server.events.find(({ recorded }) => recorded.event === 'accepted');
  if (connected !== undefined && accepted !== undefined) pair(connected, accepted);
  matchFrames(client, server);
  matchFrames(server, client);
}

// TCP keeps the order, so the nth frame sent is the nth frame received.
function matchFrames(from: End, to: End): void {
  const received = new Map<number, Placed>();
  for (const placed of to.events)
    if (placed.recorded.event === 'received') received.set(placed.recorded.n, placed);
  for (const placed of from.events) {
    if (placed.recorded.event !== 'sent') continue;
    const other = received.get(placed.recorded.n);
    if (other?.recorded.event === 'received' && differencesOf(placed.recorded, other.recorded).length === 0)
      pair(placed, other);
  }
}

function pair(one: Placed, other: Placed): void {
  one.peer = other;
  other.peer = one;
}
