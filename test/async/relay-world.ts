// A relay in this process on a log in memory, and clients on real sockets, for random histories. Nothing becomes durable and no time passes
// until the history says so, and a step is over when nothing moves any more. No test is in here.

import { createConnection, type Socket } from 'node:net';
import type { RelayLimits } from '../../src/async/admission.ts';
import { decodeEntry, type Entry } from '../../src/async/entry.ts';
import { type Relay, startRelay } from '../../src/async/relay.ts';
import { DetourError } from '../../src/core/error.ts';
import type { Event } from '../../src/core/event.ts';
import { Hasher } from '../../src/core/hash.ts';
import { netContext } from '../../src/net/context.ts';
import { FrameDecoder } from '../../src/wire/decoder.ts';
import { type Frame, framesIn } from '../../src/wire/frame.ts';
import { FakeClock } from '../fake-clock.ts';
import { TestLog } from './memory-log.ts';

/** The entries of one segment: few, so that segments fill up and are freed. */
const SEGMENT = 12;
/**
 * What an entry counts for in a segment, in bytes. It is large enough that a segment with a few held messages is moved, and small enough that
 * what was moved is not moved again immediately.
 */
const ENTRY_BYTES = 120;
/** The rounds in which something moves: more than any step needs. */
const ROUNDS = 200_000;

/** An entry that the relay has appended. */
export interface Appended {
  readonly entry: Entry;
  readonly frames: readonly Frame[];
  readonly lsn: number;
}

/** One connection of a client. */
export class Client {
  readonly frames: Frame[] = [];
  /** The relay's number for it. */
  conn = 0;
  /** The number of frames that it has typed. */
  typed = 0;
  /** Its socket is closed. */
  closed = false;
  /** Either side has closed it, or will: nothing more is typed. */
  over = false;
  /** What it typed last ends the connection, so the relay reads all that it typed, although it is over. */
  ending = false;
  /** It has sent FIN. */
  ended = false;
  /** It was cut, so what the relay sent need not arrive. */
  cut = false;
  readonly socket: Socket;

  constructor(
    port: number,
    readonly name: string,
    /** The token in HELLO; undefined: the connection is its own session. */
    readonly token: string | undefined,
    readonly tryNumber: number,
  ) {
    this.socket = createConnection({ host: '127.0.0.1', port, noDelay: true });
    const decoder = new FrameDecoder();
    this.socket.on('data', (bytes) => {
      decoder.push(bytes);
      for (let found = decoder.next(); found?.kind === 'frame'; found = decoder.next())
        this.frames.push(found.frame);
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.closed = true;
    });
  }

  /** Types a frame that ends the connection. */
  finish(frame: string): void {
    this.over = true;
    this.ending = true;
    this.type(frame);
  }

  /** Types frames in one write. */
  type(...frames: string[]): void {
    this.typed += frames.length;
    this.socket.write(frames.join(''));
  }
}

/** Called with what the relay decides and says, at that moment. */
export interface Observer {
  appended(entry: Appended): void;
  sent(conn: number, verb: string, fields: Readonly<Record<string, unknown>>): void;
  closed(conn: number): void;
  /** The relay has freed a segment: the state must not point into it. */
  freed(first: number, end: number): void;
}

/** A relay, its log, its clock and its clients. */
export class World {
  clock = new FakeClock();
  clients: Client[] = [];
  #relay: Relay | undefined;
  #log: TestLog | undefined;
  readonly #observer: Observer;
  #accepted = 0;
  readonly #received = new Map<number, number>();
  readonly #sent = new Map<number, number>();
  readonly #fins = new Set<number>();
  readonly #closed = new Set<number>();
  #moves = 0;
  /** The first LSNs of the segments that the relay has freed, and of those that are gone. */
  readonly #freed = new Set<number>();
  readonly #gone = new Set<number>();

  constructor(observer: Observer) {
    this.#observer = observer;
  }

  get log(): TestLog['log'] {
    return this.#testLog.log;
  }

  get #testLog(): TestLog {
    if (this.#log === undefined) throw new Error('the relay has not started');
    return this.#log;
  }

  get relay(): Relay {
    if (this.#relay === undefined) throw new Error('the relay has not started');
    return this.#relay;
  }

  /** The number of segments that are gone. */
  get gone(): number {
    return this.#gone.size;
  }

  /** Starts the relay, or the next one. @param wall the wall clock, in milliseconds since the epoch */
  async start(limits: Partial<RelayLimits>, wall?: number): Promise<void> {
    this.clock = new FakeClock(wall);
    const before = this.#log;
    const log = new TestLog(before);
    log.held = true;
    this.#log = log;
    this.#accepted = 0;
    for (const map of [this.#received, this.#sent, this.#fins, this.#closed, this.#freed]) map.clear();
    this.#relay = await startRelay({
      host: '127.0.0.1',
      port: 0,
      context: netContext((event) => this.#event(event), this.clock, true),
      log: async (owner) => {
        const opened = await log.open(owner);
        this.#watch(log.log);
        return opened;
      },
      limits,
      onFailure: (error) => {
        throw error;
      },
    });
  }

  #watch(log: TestLog['log']): void {
    const hasher = new Hasher(Buffer.from(log.id.key, 'hex'));
    const append = log.append.bind(log);
    log.append = (...parts) => {
      const lsn = append(...parts);
      this.#moves += 1;
      const { entry, frames } = decodeEntry(Buffer.concat(parts), hasher);
      this.#observer.appended({ entry, frames: framesIn(frames) ?? [], lsn });
      return lsn;
    };
    // Small segments and a small disk, so that there are checkpoints, compaction and freed segments. `used` leaves room for all that is sent.
    log.usage = async () => ({ used: -(2 ** 40), total: 4 * SEGMENT });
    log.segments = () =>
      Array.from({ length: Math.floor(log.end / SEGMENT) + 1 }, (_, i) => i * SEGMENT)
        .filter((first) => !this.#gone.has(first))
        .map((first) => ({ first, end: first + SEGMENT, size: SEGMENT * ENTRY_BYTES }));
    log.free = (first) => {
      this.#freed.add(first);
      this.#observer.freed(first, first + SEGMENT);
    };
    const checkpoint = log.checkpoint.bind(log);
    log.checkpoint = async (take) => {
      let needed: readonly number[] = [];
      let taken = 0;
      await checkpoint((lsn) => {
        const snapshot = take(lsn);
        needed = snapshot.segments;
        taken = lsn;
        return snapshot;
      });
      for (const first of this.#freed)
        if (first + SEGMENT <= taken && !needed.includes(first)) this.#gone.add(first);
    };
    const read = log.read.bind(log);
    log.read = async (lsn) => {
      if (this.#gone.has(lsn - (lsn % SEGMENT))) throw new DetourError('damaged', `LSN ${lsn} is gone`);
      return read(lsn);
    };
  }

  #event(event: Event): void {
    if (event.event === 'accepted') this.#accepted = event.conn;
    else if (event.event === 'received') count(this.#received, event.conn);
    else if (event.event === 'sent') {
      count(this.#sent, event.conn);
      this.#observer.sent(event.conn, event.verb, event.fields);
    } else if (event.event === 'fin') this.#fins.add(event.conn);
    else if (event.event === 'closed') {
      this.#closed.add(event.conn);
      this.#observer.closed(event.conn);
    }
    this.#moves += 1;
  }

  /** Connects and says HELLO. @param greeted called first, with the relay's number for the connection */
  async connect(
    name: string,
    token: string | undefined,
    tryNumber: number,
    greeted: (conn: number) => void,
  ): Promise<Client> {
    const client = new Client(this.relay.address.port, name, token, tryNumber);
    this.clients.push(client);
    for (let i = 0; client.frames.length === 0; i++) await this.#turn(i, 'READY');
    client.conn = this.#accepted;
    greeted(client.conn);
    const session = token === undefined ? '' : ` session=${token} try=${tryNumber}`;
    client.type(`HELLO version=1 as=${name}${session}\n`);
    await this.settle();
    return client;
  }

  /** Resolves when everything that was typed is read, everything that was sent is here, and nothing moves any more. */
  async settle(): Promise<void> {
    let before = -1;
    for (let [still, i] = [0, 0]; still < 4; i++) {
      await this.#turn(i, 'rest');
      const moves = this.#moves + this.clients.reduce((sum, { frames }) => sum + frames.length, 0);
      still = moves === before && !this.clients.some((client) => this.#owes(client)) ? still + 1 : 0;
      before = moves;
    }
    this.clients = this.clients.filter(({ closed, conn }) => !closed || !this.#closed.has(conn));
  }

  #owes(client: Client): boolean {
    const { conn, frames, typed, over, ending, ended, cut, closed } = client;
    if (cut) return !closed || !this.#closed.has(conn);
    if (ended && !this.#fins.has(conn) && !this.#closed.has(conn)) return true;
    if ((!over || ending) && (this.#received.get(conn) ?? 0) < typed) return true;
    return frames.length < (this.#sent.get(conn) ?? 0);
  }

  async #turn(round: number, what: string): Promise<void> {
    if (round > ROUNDS) throw new Error(`${what} does not come`);
    for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Makes everything durable, and what follows from that, too. */
  async rest(): Promise<void> {
    do {
      await this.settle();
      this.log.sync();
      await this.settle();
    } while (this.log.durable < this.log.end);
  }

  /** Cuts the power: of what was not durable, only the first entries are kept. */
  async crash(kept: number): Promise<void> {
    this.log.crash(kept);
    this.relay.fail();
    await this.#hangUp();
  }

  /** Stops the relay. Everything becomes durable. */
  async stop(): Promise<void> {
    this.#testLog.held = false;
    this.log.sync();
    await this.relay.close();
    await this.#hangUp();
  }

  async #hangUp(): Promise<void> {
    for (const client of this.clients) client.socket.destroy();
    for (let i = 0; this.clients.some(({ closed }) => !closed); i++) await this.#turn(i, 'the end');
    this.clients = [];
  }
}

function count(map: Map<number, number>, conn: number): void {
  map.set(conn, (map.get(conn) ?? 0) + 1);
}
