// The serving side of every connection, the same in both modes: READY, HELLO, PING, BYE, what is refused from the header alone, and
// the limits. What a SEND or RECEIVE *does* is the mode's own (sync/receiver.ts, async/relay.ts). call.ts is the other end.

import { randomUUID } from 'node:crypto';
import type { Connection, ConnectionHandlers, NetContext } from '../net/connection.ts';
import { MAX_CONNECTIONS } from '../net/listener.ts';
import type { Timer } from '../trace/clock.ts';
import type { Header } from '../wire/frame.ts';
import { isToken, type Message, type Unacceptable, VERSION } from '../wire/verbs.ts';
import { Heartbeat } from './heartbeat.ts';

/** HELLO must come within this time, in milliseconds. PROTOCOL.md, "Limits". */
export const HELLO_MS = 60_000;

/** Bodies of one connection that are taken and not yet answered, in bytes; above it no further SEND is read. */
export const UNANSWERED_BYTES = 4 * 1024 * 1024;

/** Sessions whose highest `try` is kept after their last connection closed; the longest gone are dropped first. */
const FENCES = 10_000;

/** What a mode does with its guests. A guest is only passed on once its HELLO has been accepted. */
export interface Host {
  /** May this name come in? If not, ERROR with this code and sentence. */
  admits(name: string): { readonly code: string; readonly reason: string } | undefined;
  /** A guest is here. */
  arrived(guest: Guest): void;
  /** A SEND to be answered with `guest.answer`. */
  send(guest: Guest, message: Message<'SEND'>): void;
  /** Why a SEND whose body is above the limit is refused; its body is being discarded. */
  oversize(guest: Guest, id: string, size: number): { readonly code: string; readonly reason: string };
  /** Any other verb a client may say after HELLO. False: this role does not serve it. */
  other(guest: Guest, message: Message): boolean;
  /** STATUS, which is served before HELLO too. False: this role does not serve it. */
  status(reply: (message: Message) => void, after: string | undefined): boolean;
  /** Calls back when all that this guest has said is as durable as it gets. */
  settled(guest: Guest, done: () => void): void;
  /** The queue towards the guest has shrunk. */
  drained(guest: Guest): void;
  /** The guest says no more: its connection closed, or it said BYE or FIN and will not acknowledge anything. Once. */
  left(guest: Guest): void;
}

interface Fence {
  highest: number;
  guest: Guest | undefined;
}

/** The door of a server: greets every connection, keeps the limits, passes guests to the host. */
export class Door {
  readonly ready: Message<'READY'>;
  readonly host: Host;
  readonly context: NetContext;
  readonly #visits = new Set<Visit>();
  readonly #fences = new Map<string, Fence>();

  /** @param ready what READY says; its `max` and `window` are kept here */
  constructor(ready: Message<'READY'>, host: Host, context: NetContext) {
    this.ready = ready;
    this.host = host;
    this.context = context;
  }

  /** Takes a connection from listener.ts. */
  accept(make: (handlers: ConnectionHandlers) => Connection): void {
    const crowded = this.#crowded() && !this.#makeRoom();
    const visit = new Visit(this, make, (gone) => this.#visits.delete(gone));
    this.#visits.add(visit);
    if (this.#visits.size > 2 * MAX_CONNECTIONS) visit.connection.destroy();
    else if (crowded) visit.fail('too_many', `${MAX_CONNECTIONS} connections are open already`);
  }

  // Those that are only waiting for the other's FIN take no place.
  #crowded(): boolean {
    if (this.#visits.size < MAX_CONNECTIONS) return false;
    let open = 0;
    for (const { connection } of this.#visits) if (connection.open) open += 1;
    return open >= MAX_CONNECTIONS;
  }

  /** Tries again to read from guests that `hold` had stopped. */
  readOn(): void {
    for (const visit of this.#visits) visit.readOn();
  }

  /** May a SEND of this size be taken now? The host sets it to bound what all guests together have on the way. */
  hold: () => boolean = () => false;

  /** Says BYE to everybody; each is answered what was taken first. Resolves when all connections are closed. */
  async close(): Promise<void> {
    await Promise.all([...this.#visits].map((visit) => visit.sayBye()));
  }

  /** Closes every connection at once. */
  slam(): void {
    for (const visit of this.#visits) visit.connection.destroy();
  }

  /**
   * Of one session only the connection with the highest `try` may act. The older is closed and what is unread from it dropped.
   * @returns false if this guest is the older
   */
  enter(guest: Guest): boolean {
    if (guest.session === undefined) return true;
    const key = `${guest.as} ${guest.session}`;
    const fence = this.#fences.get(key);
    if (fence !== undefined && fence.highest >= guest.tryNumber) return false;
    fence?.guest?.replace();
    this.#fences.delete(key);
    this.#fences.set(key, { highest: guest.tryNumber, guest });
    for (const [old, { guest: holder }] of this.#fences) {
      if (this.#fences.size <= FENCES) break;
      if (holder === undefined) this.#fences.delete(old);
    }
    return true;
  }

  /** The guest's connection has closed; its `try` is remembered. */
  leave(guest: Guest): void {
    const key = `${guest.as} ${guest.session}`;
    const fence = this.#fences.get(key);
    if (fence?.guest !== guest) return;
    fence.guest = undefined;
    this.#fences.delete(key);
    this.#fences.set(key, fence);
  }

  // Under pressure who has not said HELLO must go, the oldest first.
  #makeRoom(): boolean {
    for (const visit of this.#visits) {
      if (visit.guest !== undefined || !visit.connection.open) continue;
      visit.fail('no_hello', 'others are waiting, and no HELLO came');
      return true;
    }
    return false;
  }
}

/** A client whose HELLO was accepted. */
export class Guest {
  readonly as: string;
  /** Random per process; undefined if HELLO gave none: then the connection is its own session. */
  readonly session: string | undefined;
  /** The session, or a random token that stands for this one connection. */
  readonly sessionToken: string;
  readonly tryNumber: number;
  readonly #visit: Visit;

  constructor(hello: Message<'HELLO'>, visit: Visit) {
    this.as = hello.as;
    this.session = hello.session;
    this.sessionToken = hello.session ?? randomUUID();
    this.tryNumber = hello.try ?? 1;
    this.#visit = visit;
  }

  /** Number of the connection in this process's events. */
  get number(): number {
    return this.#visit.connection.number;
  }

  /** Bytes that wait to be taken by the guest. */
  get queuedBytes(): number {
    return this.#visit.connection.queuedBytes;
  }

  /** Says something that is no answer to a SEND. */
  say(message: Message): void {
    this.#visit.connection.send(message);
  }

  /** Answers a SEND that was given to the host. */
  answer(message: Message<'RECEIVED' | 'STORED' | 'REFUSED'>, size: number): void {
    this.#visit.answer(message, size);
  }

  /** Answers a SEND with REFUSED. */
  refuse(id: string, code: string, reason: string, size: number): void {
    this.#visit.context.emit({ event: 'refused', conn: this.number, code, reason, id });
    this.#visit.answer({ verb: 'REFUSED', id, code, body: Buffer.from(reason) }, size);
  }

  /** Says ERROR and closes, once the SENDs that were given to the host are answered. */
  fail(code: string, reason: string): void {
    this.#visit.fail(code, reason);
  }

  /** Like `fail`, in place of the answer to a SEND: what became of it is not said. */
  abandon(code: string, reason: string, size: number): void {
    this.#visit.abandon(code, reason, size);
  }

  /** Another session took over what this guest had: says BYE code=replaced and closes. */
  dismiss(): void {
    this.#visit.dismiss('replaced');
  }

  /** A newer connection of the same session is here: closes this one at once. */
  replace(): void {
    this.#visit.end();
    this.#visit.connection.destroy();
  }
}

//  greeting ──(HELLO)──► guest ──(BYE, FIN, ERROR)──► leaving ──(what was taken is answered)──► over
//      └───────────────(BYE, FIN, ERROR)──────────────────────────────────────────────────────► over
// Leaving, the strongest reason counts: `ended` (by this server: ERROR or BYE code=) over `bye` over `fin`.
const LEAVING = ['no', 'fin', 'bye', 'ended'] as const;

/** One connection, from READY to its end. */
class Visit {
  readonly connection: Connection;
  readonly context: NetContext;
  guest: Guest | undefined;
  readonly #door: Door;
  readonly #forget: (visit: Visit) => void;
  #helloTimer: Timer | undefined;
  #heartbeat: Heartbeat | undefined;
  #unanswered = 0;
  #unansweredBytes = 0;
  #stash: Message<'SEND'> | undefined;
  #leaving: (typeof LEAVING)[number] = 'no';
  #lastWord: Message<'BYE' | 'ERROR'> | undefined;
  #over = false;
  #left = false;
  #closed: (() => void) | undefined;

  constructor(
    door: Door,
    make: (handlers: ConnectionHandlers) => Connection,
    forget: (visit: Visit) => void,
  ) {
    this.#door = door;
    this.context = door.context;
    this.#forget = forget;
    this.connection = make({
      message: (message) => this.#message(message),
      unacceptable: (fault, verb) => this.#leaving === 'no' && this.#unacceptable(fault, verb),
      oversize: (header, size) => this.#leaving === 'no' && this.#oversize(header, size),
      fault: (code, reason) => this.#leaving === 'no' && this.fail(code, reason),
      fin: () => this.#depart('fin'),
      drained: () => this.guest !== undefined && !this.#over && door.host.drained(this.guest),
      closed: () => this.#gone(),
    });
    this.connection.send(door.ready);
    this.#helloTimer = this.context.clock.after(HELLO_MS, () =>
      setImmediate(() => this.guest ?? this.fail('no_hello', `no HELLO came within ${HELLO_MS / 1000} s`)),
    );
  }

  answer(message: Message<'RECEIVED' | 'STORED' | 'REFUSED'>, size: number): void {
    this.#unanswered -= 1;
    this.#unansweredBytes -= size;
    this.connection.send(message);
    this.readOn();
    this.#checkDone();
  }

  fail(code: string, reason: string): void {
    if (!this.connection.open || this.#leaving === 'ended') return;
    this.context.emit({ event: 'refused', conn: this.connection.number, code, reason });
    this.#depart('ended', { verb: 'ERROR', code, body: Buffer.from(`${reason}.`) });
  }

  abandon(code: string, reason: string, size: number): void {
    this.#unanswered -= 1;
    this.#unansweredBytes -= size;
    this.fail(code, reason);
    this.#checkDone();
  }

  dismiss(code: string): void {
    this.#depart('ended', { verb: 'BYE', code });
  }

  /** Says BYE from this side once all that was taken is answered. Resolves when the connection is closed. */
  sayBye(): Promise<void> {
    return new Promise((resolve) => {
      this.#closed = resolve;
      this.#depart('bye', { verb: 'BYE' });
    });
  }

  readOn(): void {
    if (this.#stash === undefined || this.#full(this.#stash)) return;
    const message = this.#stash;
    this.#stash = undefined;
    this.#take(message);
    this.connection.resume();
  }

  /** The guest will say no more that counts. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#helloTimer?.cancel();
    this.#heartbeat?.stop();
    this.#stash = undefined;
    if (this.guest === undefined) return;
    this.#door.leave(this.guest);
    this.#sayLeft(this.guest);
  }

  #sayLeft(guest: Guest): void {
    if (this.#left) return;
    this.#left = true;
    this.#door.host.left(guest);
  }

  #message(message: Message): void {
    const { host } = this.#door;
    if (this.#leaving !== 'no') return;
    switch (message.verb) {
      case 'PING':
        this.connection.send({ verb: 'PONG' });
        return;
      case 'PONG':
        return;
      case 'BYE':
        this.#depart('bye', { verb: 'BYE' });
        return;
      case 'ERROR':
        this.#depart('fin');
        return;
      case 'STATUS':
        if (!host.status((reply) => this.connection.send(reply), message.after)) this.#unserved(message.verb);
        return;
      case 'HELLO':
        this.#hello(message);
        return;
    }
    if (this.guest === undefined) {
      this.fail('no_hello', `${message.verb} came before HELLO`);
      return;
    }
    if (message.verb !== 'SEND') {
      if (!host.other(this.guest, message)) this.#unserved(message.verb);
    } else if (this.#stash === undefined && !this.#full(message)) {
      this.#take(message);
    } else {
      // A SEND beyond the window: it waits here, and nothing behind it is read.
      this.#stash = message;
      this.connection.pause();
    }
  }

  #hello(hello: Message<'HELLO'>): void {
    if (this.guest !== undefined) {
      this.fail('wrong_verb', 'HELLO came twice');
      return;
    }
    if (hello.version > VERSION) {
      this.fail('version', `this is detour/${VERSION}, you said ${hello.version}`);
      return;
    }
    const objection = this.#door.host.admits(hello.as);
    if (objection !== undefined) {
      this.fail(objection.code, objection.reason);
      return;
    }
    const guest = new Guest(hello, this);
    if (!this.#door.enter(guest)) {
      this.fail('stale', `a connection with try=${hello.try ?? 1} or higher of this session came before`);
      return;
    }
    this.guest = guest;
    this.#helloTimer?.cancel();
    if (hello.heartbeat !== undefined) {
      this.#heartbeat = new Heartbeat(this.connection, this.context, hello.heartbeat, () =>
        this.connection.destroy(),
      );
    }
    this.#door.host.arrived(guest);
  }

  #full(next: Message<'SEND'>): boolean {
    if (this.#unanswered >= this.#door.ready.window || this.#door.hold()) return true;
    return this.#unanswered > 0 && this.#unansweredBytes + next.body.length > UNANSWERED_BYTES;
  }

  #take(message: Message<'SEND'>): void {
    if (this.guest === undefined) return;
    this.#unanswered += 1;
    this.#unansweredBytes += message.body.length;
    this.#door.host.send(this.guest, message);
  }

  #unacceptable({ id, code, reason }: Unacceptable, verb: string): void {
    if (verb !== 'SEND' || id === undefined || this.guest === undefined) {
      this.fail(code, reason);
      return;
    }
    this.#unanswered += 1;
    this.guest.refuse(id, code, `${reason}.`, 0);
  }

  #oversize(header: Header, size: number): void {
    const id = header.fields.get('id') ?? '';
    if (header.verb === 'SEND' && this.guest === undefined) {
      this.fail('no_hello', 'SEND came before HELLO');
      return;
    }
    if (header.verb !== 'SEND' || !isToken(id) || this.guest === undefined) {
      this.fail('too_large', `a body of ${size} bytes is above the limit of ${this.#door.ready.max}`);
      return;
    }
    const { code, reason } = this.#door.host.oversize(this.guest, id, size);
    this.#unanswered += 1;
    this.guest.refuse(id, code, reason, 0);
  }

  #unserved(verb: string): void {
    this.fail('wrong_verb', `a ${this.#door.ready.role} does not serve ${verb}`);
  }

  // Answer what was taken, say the last word, go. What the guest says behind this counts no more: it acknowledges nothing, and
  // a half-closed one cannot answer a PING.
  #depart(how: 'fin' | 'bye' | 'ended', lastWord?: Message<'BYE' | 'ERROR'>): void {
    if (LEAVING.indexOf(how) <= LEAVING.indexOf(this.#leaving)) return;
    this.#leaving = how;
    this.#lastWord = lastWord;
    this.#heartbeat?.stop();
    if (how === 'ended') this.#stash = undefined;
    if (this.guest !== undefined) this.#sayLeft(this.guest);
    this.#checkDone();
  }

  #checkDone(): void {
    if (this.#leaving === 'no' || this.#over || this.#unanswered > 0 || this.#stash !== undefined) return;
    const leave = (): void => {
      if (!this.connection.open) return;
      if (this.#lastWord !== undefined) this.connection.send(this.#lastWord);
      this.end();
      this.connection.finish();
    };
    if (this.guest === undefined || this.#leaving === 'ended') leave();
    else this.#door.host.settled(this.guest, leave);
  }

  #gone(): void {
    this.end();
    this.#forget(this);
    this.#closed?.();
  }
}
