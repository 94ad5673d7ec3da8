// In which half of the board a process of a log file belongs.

import { describe, expect, test } from 'vitest';
import type { Event, Recorded } from '../../../src/core/event.ts';
import { Routes } from '../../../src/lab/board/routes.ts';
import { Actor, Connection, detourKill, directKill, pulledCable } from '../../trace/histories.ts';

/** The half of each process of these logs, by name and pid. */
function routesOf(logs: readonly (readonly Recorded[])[]): Record<string, string> {
  const routes = new Routes();
  const runs = logs
    .flat()
    .map((recorded) => [`${recorded.actor} ${recorded.pid}`, routes.add(recorded)] as const);
  return Object.fromEntries(runs.map(([name, run]) => [name, routes.of(run)]));
}

const only = (actors: readonly Actor[]): string[] => [
  ...new Set(Object.values(routesOf(actors.map(({ log }) => log)))),
];

const started = (argv: string): Event => ({
  event: 'started',
  version: '1',
  argv,
  system: 's',
  node: '20',
  host: 'h',
});

describe('the half of a process', () => {
  test('is the detour for a relay and all who talk to it', () => {
    expect(only(detourKill())).toEqual(['detour']);
  });

  test('is the direct route for all others', () => {
    expect(only(directKill())).toEqual(['direct']);
    expect(only(pulledCable(2))).toEqual(['direct']);
  });

  test('does not depend on the order of the logs', () => {
    const logs = [...detourKill(), ...directKill()].map(({ log }) => log);
    expect(routesOf(logs.toReversed())).toEqual(routesOf(logs));
    expect(new Set(Object.values(routesOf(logs)))).toEqual(new Set(['direct', 'detour']));
  });

  test('shows in the command, even if nobody answered', () => {
    const [one, other] = [new Actor('alice', 1), new Actor('alice', 2)];
    one.at(0, started('sync send hello')).at(1, { event: 'connecting', conn: 1, host: 'h', port: 9 });
    other.at(0, started('async send hello')).at(1, { event: 'connecting', conn: 1, host: 'h', port: 9 });
    expect(routesOf([one.log, other.log])).toEqual({ 'alice 1': 'direct', 'alice 2': 'detour' });
  });

  test('of links and of clients that reached only a link is that of the server behind it', () => {
    const relay = new Actor('relay', 1).listen(0, 'relay', 4100);
    const near = new Actor('link', 2).listen(0, 'link', 4500);
    const far = new Actor('link', 3).listen(0, 'link', 4600);
    far.at(1, { event: 'linked', line: 1, from: '127.0.0.1:50001' });
    far.at(2, { event: 'reached', line: 1, local: '127.0.0.1:50002', remote: '127.0.0.1:4100' });
    near.at(1, { event: 'reached', line: 1, local: '127.0.0.1:50001', remote: '127.0.0.1:4600' });
    const alice = new Actor('alice', 4).at(3, {
      event: 'connecting',
      conn: 1,
      host: '127.0.0.1',
      port: 4500,
    });
    expect(routesOf([alice.log, near.log, far.log, relay.log])).toEqual({
      'alice 4': 'detour',
      'link 2': 'detour',
      'link 3': 'detour',
      'relay 1': 'detour',
    });
  });

  test('is found anew for a new process with the pid of an old one, as in containers', () => {
    const routes = new Routes();
    const log = new Actor('alice', 7).at(0, started('sync send a')).at(1, started('async send b')).log;
    const [first, second] = log.map((recorded) => routes.add(recorded));
    expect([routes.of(first as object), routes.of(second as object)]).toEqual(['direct', 'detour']);
  });

  test('is known by what the server says, without its log', () => {
    const relay = new Actor('relay', 1).listen(-1, 'relay', 4100);
    const alice = new Actor('alice', 2);
    new Connection(alice, relay, 0, 4100).frame(relay, 1, 'READY', { role: 'relay', as: 'relay' });
    expect(routesOf([alice.log])).toEqual({ 'alice 2': 'detour' });
  });
});
