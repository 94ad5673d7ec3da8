// What happened in a stage, as events of core/event.ts, so that `detour trace` can draw it. The check saw one end of each connection. Of the
// other end it says only what is certain: what the program has sent, and what it has read because it has answered it.

import type { Event, Recorded } from '../../core/event.ts';
import type { Exit } from '../stage/process.ts';
import type { Frame } from './frames.ts';

/** Who did something. */
export type Side = 'check' | 'program';

/** A connection of a stage, with the addresses of its two ends. */
export interface Connection {
  /** The name of the check's end, if the check has called. */
  readonly name: string;
  readonly caller: Side;
  readonly local: string;
  readonly remote: string;
  /** What the check has sent of a frame that is not complete. */
  rest(): Buffer;
}

/** Something that happened. */
export type Happened =
  | { readonly what: 'started' | 'killed' | 'frozen' | 'thawed'; readonly pid: number }
  | { readonly what: 'ended'; readonly pid: number; readonly exit: Exit }
  | { readonly what: 'connected'; readonly conn: number }
  | { readonly what: 'frame'; readonly conn: number; readonly by: Side; readonly frame: Frame }
  | { readonly what: 'malformed' | 'FIN' | 'RST'; readonly conn: number; readonly by: Side };

/** How many happenings are kept: a stage under load would fill the memory, and a person looks at the last ones. */
const MOST = 5000;

/** What an answer shows to have been read. */
const ANSWERED: Readonly<Record<string, string>> = {
  RECEIVED: 'SEND',
  STORED: 'SEND',
  REFUSED: 'SEND',
  PONG: 'PING',
  MESSAGE: 'RECEIVE',
  EMPTY: 'RECEIVE',
  END: 'STATUS',
  SEND: 'READY',
  RECEIVE: 'READY',
  ACK: 'MESSAGE',
  BYE: 'BYE',
};

/** A frame of the check's that the program may not have read yet. */
interface Open {
  readonly at: number;
  readonly event: Extract<Event, { event: 'received' }>;
}

/** Takes down what happens in a stage. */
export class Recording {
  readonly #as: string;
  readonly #began = performance.now();
  readonly #connections: Connection[] = [];
  readonly #happened: (Happened & { readonly at: number })[] = [];

  /** @param as the name of the program */
  constructor(as: string) {
    this.#as = as;
  }

  /** Has there been any connection? */
  get hasConnection(): boolean {
    return this.#connections.length > 0;
  }

  /** Takes down a connection. @returns its number, from 1 */
  connect(connection: Connection): number {
    this.#connections.push(connection);
    this.add({ what: 'connected', conn: this.#connections.length });
    return this.#connections.length;
  }

  /** Takes down that something has happened. */
  add(happened: Happened): void {
    if (this.#happened.length >= MOST) {
      const older = this.#happened.splice(0, MOST / 2);
      // Without these nobody would know whose the others are.
      this.#happened.unshift(...older.filter(({ what }) => what === 'started' || what === 'connected'));
    }
    // The body may be large, and is not drawn.
    const kept =
      happened.what === 'frame' ? { ...happened, frame: { ...happened.frame, body: undefined } } : happened;
    this.#happened.push({ ...kept, at: performance.now() - this.#began });
  }

  /** The events of everybody, each with its place in the order of its process. */
  events(): Recorded[] {
    return new Narrator(this.#as, this.#connections, this.#happened).events();
  }
}

/** Turns what happened into events. */
class Narrator {
  readonly #as: string;
  readonly #connections: readonly Connection[];
  readonly #happened: readonly (Happened & { readonly at: number })[];
  readonly #events: (Event & { readonly when: number; readonly actor: string; readonly pid: number })[] = [];
  /** By connection and side: how many frames it has sent. */
  readonly #counts = new Map<string, number>();
  readonly #open = new Map<number, Open[]>();
  /** By connection of the check's: when it was certain that the program serves it. */
  readonly #accepted = new Map<number, number>();
  #pid = 0;
  #isRunning = false;
  #frozen = 0;
  #thawed = 0;

  constructor(
    as: string,
    connections: readonly Connection[],
    happened: readonly (Happened & { readonly at: number })[],
  ) {
    this.#as = as;
    this.#connections = connections;
    this.#happened = happened;
  }

  events(): Recorded[] {
    for (const [index, one] of this.#happened.entries()) this.#tell(one, index);
    for (const [index, { rest }] of this.#connections.entries()) this.#unfinished(index + 1, rest());
    return this.#events
      .sort((a, b) => a.when - b.when)
      .map(({ when, ...event }): Recorded => ({ ...event, time: timeOf(when) }));
  }

  #tell(one: Happened & { readonly at: number }, index: number): void {
    const { at } = one;
    switch (one.what) {
      case 'started':
        this.#pid = one.pid;
        this.#isRunning = true;
        return;
      case 'killed':
        this.#stopped(at, one.pid, 'kill');
        return;
      case 'ended':
        // A sender ends with its verdict.
        this.#stopped(at, one.pid, one.exit === 0 || one.exit === 10 || one.exit === 20 ? 'done' : 'failed');
        return;
      case 'frozen': {
        const end = this.#happened.slice(index).find(({ what }) => what === 'thawed');
        this.#frozen = at;
        this.#program(at, { event: 'freezing', ms: Math.round((end?.at ?? at) - at) });
        return;
      }
      case 'thawed':
        this.#thawed = at;
        this.#program(at, { event: 'thawed', ms: Math.round(at - this.#frozen) });
        return;
      case 'connected':
        this.#connected(at, one.conn);
        return;
      case 'frame':
        this.#frame(at, one.conn, one.by, one.frame);
        return;
      default:
        this.#ended(at, one.conn, one.by, one.what);
    }
  }

  #stopped(at: number, pid: number, why: 'kill' | 'done' | 'failed'): void {
    // A killed program ends, too: it is told once.
    if (!this.#isRunning || pid !== this.#pid) return;
    this.#isRunning = false;
    this.#program(at, { event: 'stopping', why });
  }

  #connected(at: number, conn: number): void {
    const { caller, local, remote } = this.#connections[conn - 1] as Connection;
    if (caller === 'check') {
      this.#check(at, conn, { event: 'connected', conn, local, remote });
      return;
    }
    this.#program(at, { event: 'connected', conn, local: remote, remote: local });
    this.#check(at, conn, { event: 'accepted', conn, local, remote });
  }

  #frame(at: number, conn: number, by: Side, { verb, fields }: Frame): void {
    const key = `${conn} ${by}`;
    const n = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, n);
    const plain = Object.fromEntries(
      [...fields].map(([name, value]) => [name, /^\d{1,15}$/.test(value) ? Number(value) : value]),
    );
    const frame = { conn, n, verb, fields: plain };
    if (by === 'check') {
      this.#check(at, conn, { event: 'sent', ...frame });
      this.#open.set(conn, [...(this.#open.get(conn) ?? []), { at, event: { event: 'received', ...frame } }]);
      return;
    }
    this.#accept(at, conn);
    this.#read(conn, verb, plain.id ?? plain.seq);
    this.#program(at, { event: 'sent', ...frame });
    this.#check(at, conn, { event: 'received', ...frame });
  }

  // A kernel accepts for its program. Only a frame shows that the program is there.
  #accept(at: number, conn: number): void {
    const { caller, local, remote } = this.#connections[conn - 1] as Connection;
    if (caller === 'program' || this.#accepted.has(conn)) return;
    this.#accepted.set(conn, at);
    this.#program(at, { event: 'accepted', conn, local: remote, remote: local });
  }

  // The program has answered, so it has read that and all that came before it.
  #read(conn: number, verb: string, about: string | number | undefined): void {
    const open = this.#open.get(conn) ?? [];
    const last = open.findLastIndex(
      ({ event }) =>
        event.verb === ANSWERED[verb] &&
        (about === undefined || [undefined, about].includes(event.fields.id ?? event.fields.seq)),
    );
    const earliest = Math.max(this.#thawed, this.#accepted.get(conn) ?? 0);
    for (const { at, event } of open.slice(0, last + 1)) this.#program(Math.max(at, earliest), event);
    this.#open.set(conn, open.slice(last + 1));
  }

  #ended(at: number, conn: number, by: Side, how: 'malformed' | 'FIN' | 'RST'): void {
    const event: Event =
      how === 'FIN'
        ? { event: 'fin', conn }
        : { event: 'broken', conn, code: how === 'RST' ? 'ECONNRESET' : 'malformed', syscall: 'read' };
    // The other side notices an end. Bytes that are not a frame are shown at the side that sent them.
    if ((by === 'program') === (how === 'malformed')) {
      const isThere = this.#accepted.has(conn) || this.#connections[conn - 1]?.caller === 'program';
      if (this.#isRunning && isThere) this.#program(at, event);
    } else this.#check(at, conn, event);
  }

  #unfinished(conn: number, rest: Buffer): void {
    const at = this.#happened.at(-1)?.at ?? 0;
    const start = rest.subarray(0, 40).toString('latin1');
    if (rest.length > 0) this.#check(at, conn, { event: 'unfinished', conn, bytes: rest.length, start });
  }

  #program(at: number, event: Event): void {
    this.#events.push({ ...event, when: at, actor: this.#as, pid: this.#pid });
  }

  #check(at: number, conn: number, event: Event): void {
    const { name, caller } = this.#connections[conn - 1] as Connection;
    const actor = caller === 'program' ? this.#server : name === this.#as ? 'check' : name;
    this.#events.push({ ...event, when: at, actor, pid: process.pid });
  }

  // The name in the READY of the server that the check plays.
  get #server(): string {
    for (const one of this.#happened)
      if (one.what === 'frame' && one.by === 'check' && one.frame.verb === 'READY')
        return one.frame.fields.get('as') ?? 'check';
    return 'check';
  }
}

// Milliseconds since the stage began, as a time since 1970.
const timeOf = (at: number): string =>
  `${new Date(Math.floor(at)).toISOString().slice(0, -1)}${String(Math.floor((at % 1) * 1e6)).padStart(6, '0')}Z`;
