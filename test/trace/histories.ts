// Makes logs as detour's processes would write them, for the tests of merge and diagram.

import fc from 'fast-check';
import type { Event, FrameFields, Recorded } from '../../src/core/event.ts';
import { formatTime } from '../../src/trace/log.ts';

const START = 1_769_868_131_000_000_000n;

/** A process that acts at true times (ms), and records them by a clock that may be wrong. */
export class Actor {
  readonly log: Recorded[] = [];
  #conns = 0;

  constructor(
    readonly actor: string,
    readonly pid: number,
    readonly skewMs = 0,
  ) {}

  at(ms: number, event: Event): this {
    const time = formatTime(START + BigInt(Math.round((ms + this.skewMs) * 1e6)));
    this.log.push({ ...event, time, actor: this.actor, pid: this.pid });
    return this;
  }

  listen(ms: number, role: 'receiver' | 'relay' | 'link', port: number): this {
    return this.at(ms, { event: 'listening', role, host: '127.0.0.1', port });
  }

  nextConn(): number {
    this.#conns += 1;
    return this.#conns;
  }
}

/** A connection between two actors. Frames leave at one time and arrive at another. */
export class Connection {
  readonly #conns = new Map<Actor, number>();
  readonly #sent = new Map<Actor, number>();

  constructor(
    readonly client: Actor,
    readonly server: Actor,
    ms: number,
    port: number,
    readonly clientPort = 50_000 + client.pid,
  ) {
    const conn = client.nextConn();
    this.#conns.set(client, conn).set(server, server.nextConn());
    const here = `127.0.0.1:${clientPort}`;
    const there = `127.0.0.1:${port}`;
    client.at(ms - 0.3, { event: 'connecting', conn, host: '127.0.0.1', port });
    client.at(ms, { event: 'connected', conn, local: here, remote: there });
    server.at(ms, { event: 'accepted', conn: this.connOf(server), local: there, remote: here });
  }

  connOf(actor: Actor): number {
    return this.#conns.get(actor) ?? 0;
  }

  /** Sends a frame from one end. Without `arrives` nobody reads it. @returns a function that records its arrival, if that is to come later */
  frame(
    from: Actor,
    ms: number,
    verb: string,
    fields: FrameFields = {},
    arrives: number | undefined = ms + 0.1,
  ): (at: number) => void {
    const n = (this.#sent.get(from) ?? 0) + 1;
    this.#sent.set(from, n);
    from.at(ms, { event: 'sent', conn: this.connOf(from), n, verb, fields });
    const to = from === this.client ? this.server : this.client;
    const arrive = (at: number): void => {
      to.at(at, { event: 'received', conn: this.connOf(to), n, verb, fields });
    };
    if (arrives >= 0) arrive(arrives);
    return arrive;
  }

  fin(at: Actor, ms: number): void {
    at.at(ms, { event: 'fin', conn: this.connOf(at) });
  }
}

/** The `arrives` of a frame that nobody reads, or whose arrival the test records itself. */
export const LATER = -1;

const READY = (role: string, as: string): FrameFields => ({
  version: 1,
  role,
  as,
  max: 1048576,
  window: 256,
});
const HELLO = (as: string): FrameFields => ({ version: 1, as, session: `s-${as}`, try: 1, heartbeat: 10 });

const OUTCOME = { event: 'outcome', id: 'k3f9-1' } as const;

/** The direct route, bob killed after he showed the message and before he answered. */
export function directKill(skew = 0): Actor[] {
  const bob = new Actor('bob', 4711, skew).listen(-80, 'receiver', 4101);
  const alice = new Actor('alice', 4712);
  const call = new Connection(alice, bob, 0, 4101);
  call.frame(bob, 0.4, 'READY', READY('receiver', 'bob'));
  call.frame(alice, 0.5, 'HELLO', HELLO('alice'));
  call.frame(alice, 0.6, 'SEND', { id: 'k3f9-1', to: 'bob', size: 9 });
  bob.at(0.8, { event: 'shown', id: 'k3f9-1', from: 'alice', size: 9, text: 'hello bob' });
  bob.at(5.3, { event: 'stopping', why: 'kill' });
  call.fin(alice, 5.4);
  const unknown = { ...OUTCOME, verdict: 'UNKNOWN', code: 'fin', ms: 5.8 } as const;
  alice.at(5.5, unknown).at(5.6, { ...unknown, event: 'verdict', exit: 20 });
  return [alice, bob];
}

/** The same on the detour: bob is killed after he showed the message, and a new bob gets it again. */
export function detourKill(skew = 0): Actor[] {
  const relay = new Actor('relay', 4720, skew).listen(-80, 'relay', 4100);
  const alice = new Actor('alice', 4721);
  const first = new Connection(alice, relay, 0, 4100);
  first.frame(relay, 0.5, 'READY', READY('relay', 'relay'));
  first.frame(alice, 0.6, 'HELLO', HELLO('alice'));
  first.frame(alice, 0.7, 'SEND', { id: 'k3f9-1', to: 'bob', size: 9 });
  relay.at(1.9, {
    event: 'stored',
    id: 'k3f9-1',
    from: 'alice',
    to: 'bob',
    seq: 1,
    size: 9,
    held: 1,
    present: 'no',
  });
  first.frame(relay, 2.0, 'STORED', { id: 'k3f9-1', seq: 1, present: 'never' });
  const stored = { ...OUTCOME, verdict: 'STORED', code: 'ok', ms: 2.7 } as const;
  alice.at(2.15, stored);
  first.frame(alice, 2.2, 'BYE');
  first.frame(relay, 2.3, 'BYE', {}, 2.35);
  alice.at(2.4, { ...stored, event: 'verdict', exit: 0 });
  first.fin(alice, 2.5);
  alice.at(2.6, { event: 'closed', conn: first.connOf(alice) });
  const message = (attempt: number): FrameFields => ({
    seq: 1,
    id: 'k3f9-1',
    from: 'alice',
    at: 1,
    held: 2,
    attempt,
    size: 9,
  });
  const shown = (attempt: number): Event => ({
    event: 'shown',
    id: 'k3f9-1',
    from: 'alice',
    size: 9,
    seq: 1,
    attempt,
    text: 'hello bob',
  });
  const bob = new Actor('bob', 4722);
  const second = new Connection(bob, relay, 40, 4100);
  second.frame(bob, 40.2, 'RECEIVE', { window: 256 });
  second.frame(relay, 40.4, 'MESSAGE', message(1));
  bob.at(42.6, shown(1)).at(45.7, { event: 'stopping', why: 'kill' });
  second.fin(relay, 45.8);
  const newBob = new Actor('bob', 4741);
  const third = new Connection(newBob, relay, 812, 4100);
  third.frame(newBob, 812.2, 'RECEIVE', { window: 256 });
  third.frame(relay, 812.4, 'MESSAGE', message(2));
  newBob.at(812.9, shown(2));
  third.frame(newBob, 813.1, 'ACK', { seq: 1 });
  return [alice, relay, bob, newBob];
}

/**
 * The direct route through a cable that is pulled after bob has shown the message; his answer stays in it. HELLO came without a session, so
 * only the link's log can say which connections belong together.
 * @param cables the number of links, one after another
 */
export function pulledCable(cables = 1, skew = 0): Actor[] {
  const bob = new Actor('bob', 4711, skew).listen(-80, 'receiver', 4101);
  const alice = new Actor('alice', 4712);
  const links = Array.from({ length: cables }, (_, index) =>
    new Actor(`link${index}`, 4720 + index, -skew).listen(-70, 'link', 4102 + index),
  );
  const own = (index: number): string => `127.0.0.1:${index === 0 ? 50_001 : 60_000 + index}`;
  const place = (index: number): string => `127.0.0.1:${index === cables ? 4101 : 4102 + index}`;
  alice.at(-0.3, { event: 'connecting', conn: 1, host: '127.0.0.1', port: 4102 });
  alice.at(0, { event: 'connected', conn: 1, local: own(0), remote: place(0) });
  for (const [index, link] of links.entries()) {
    link.at(0.1, { event: 'fault', fault: 'latency', value: '1ms', up: 0, down: 0 });
    link.at(0.2, { event: 'linked', line: 1, from: own(index) });
    link.at(0.3, { event: 'reached', line: 1, local: own(index + 1), remote: place(index + 1) });
  }
  bob.at(0.4, { event: 'accepted', conn: 1, local: place(cables), remote: own(cables) });
  const send = { id: 'k3f9-1', to: 'bob', size: 9 };
  bob.at(0.5, { event: 'sent', conn: 1, n: 1, verb: 'READY', fields: READY('receiver', 'bob') });
  alice.at(1.5, { event: 'received', conn: 1, n: 1, verb: 'READY', fields: READY('receiver', 'bob') });
  alice.at(1.6, { event: 'sent', conn: 1, n: 1, verb: 'SEND', fields: send });
  bob.at(2.6, { event: 'received', conn: 1, n: 1, verb: 'SEND', fields: send });
  bob.at(2.7, { event: 'shown', id: 'k3f9-1', from: 'alice', size: 9, text: 'hello bob' });
  for (const link of links) link.at(3, { event: 'fault', fault: 'cut', up: 125, down: 58 });
  bob.at(10, { event: 'sent', conn: 1, n: 2, verb: 'RECEIVED', fields: { id: 'k3f9-1' } });
  const unknown = { ...OUTCOME, verdict: 'UNKNOWN', code: 'deadline', ms: 20 } as const;
  alice.at(20, unknown).at(21, { ...unknown, event: 'verdict', exit: 20 });
  for (const link of links) link.at(30, { event: 'fault', fault: 'heal', up: 125, down: 58 });
  for (const link of links) link.at(31, { event: 'unlinked', line: 1, how: 'fin', up: 125, down: 80 });
  return [alice, ...links, bob];
}

/** The logs of some actors. */
export const logsOf = (actors: readonly Actor[]): Recorded[][] => actors.map(({ log }) => log);

/** One step of a random history. Numbers are taken modulo what exists. */
interface Step {
  readonly what: 'call' | 'frame' | 'arrive' | 'local' | 'close';
  readonly a: number;
  readonly b: number;
  readonly ms: number;
}

/** The steps of a random history, for `play`. */
export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    what: fc.constantFrom('call', 'frame', 'frame', 'frame', 'arrive', 'arrive', 'arrive', 'local', 'close'),
    a: fc.nat(99),
    b: fc.nat(99),
    ms: fc.double({ min: 0.001, max: 50, noNaN: true }),
  }),
  // Most histories of fast-check's own choice are too short for anything to happen.
  { maxLength: 120, size: 'max' },
);

/** How wrong the clock of a process is, in milliseconds. */
export const skew = fc.oneof(fc.constant(0), fc.double({ min: -3_600_000, max: 3_600_000, noNaN: true }));

interface Way {
  readonly call: Connection;
  readonly from: Actor;
  arrive: (at: number) => void;
}

/** Plays a random history in true time, and writes each process's log by its own wrong clock. */
export function play(skews: readonly number[], history: readonly Step[]): Actor[] {
  const actors = skews.map((wrong, index) => new Actor(`a${index}`, 100 + index, wrong));
  const calls: Connection[] = [];
  const underWay: Way[] = [];
  const closed = new Map<Connection, Set<Actor>>();
  let now = 0;
  let messages = 0;
  const pick = <T>(from: readonly T[], n: number): T | undefined => from[n % Math.max(1, from.length)];
  for (const { what, a, b, ms } of history) {
    now += ms;
    const one = pick(actors, a);
    const call = pick(calls, a);
    const end = b % 2 === 0 ? call?.client : call?.server;
    if (what === 'call') {
      const other = pick(actors, b);
      if (one === undefined || other === undefined || one === other) continue;
      const made = new Connection(one, other, now, 4000 + calls.length, 50_000 + calls.length);
      calls.push(made);
      closed.set(made, new Set());
      made.frame(other, now, 'READY', { as: other.actor, role: 'relay' }, now + 0.1);
      // A session is random; its first characters tell two of them apart.
      const session = `${calls.length.toString(36).padStart(8, 's')}-rest`;
      made.frame(one, now, 'HELLO', { as: one.actor, session, try: made.connOf(one) }, now + 0.1);
      now += 0.2;
    } else if (what === 'frame' && call !== undefined && end !== undefined) {
      if (closed.get(call)?.has(end) === true) continue;
      messages += 1;
      const fields = { id: `m-${messages}`, to: 'bob', from: end.actor, size: messages % 7 };
      const verb = end === call.client ? 'SEND' : 'MESSAGE';
      underWay.push({ call, from: end, arrive: call.frame(end, now, verb, fields, LATER) });
    } else if (what === 'arrive') {
      // TCP keeps the order within one direction of one connection.
      const way = pick(underWay, a);
      const first = underWay.find((other) => other.call === way?.call && other.from === way?.from);
      if (first === undefined) continue;
      underWay.splice(underWay.indexOf(first), 1);
      const to = first.from === first.call.client ? first.call.server : first.call.client;
      if (closed.get(first.call)?.has(to) !== true) first.arrive(now);
    } else if (what === 'local') one?.at(now, { event: 'thawed', ms: 1 });
    else if (what === 'close' && call !== undefined && end !== undefined) {
      if (closed.get(call)?.has(end) === true) continue;
      closed.get(call)?.add(end);
      end.at(now, { event: 'closed', conn: call.connOf(end) });
    }
  }
  return actors;
}
