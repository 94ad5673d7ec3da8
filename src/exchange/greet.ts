// The serving side of one connection, the same in both modes: READY, HELLO, PING, BYE, what is refused from the header alone, and
// the limits. What a SEND or RECEIVE *does* is the mode's own, behind the Host of door.ts. call.ts is the other end.

import { randomUUID } from 'node:crypto';
import type { Connection, ConnectionHandlers, NetContext } from '../net/connection.ts';
import type { Timer } from '../trace/clock.ts';
import type { Header } from '../wire/frame.ts';
import { isToken, type Message, type Unacceptable, VERSION } from '../wire/verbs.ts';
import type { Door } from './door.ts';
import { Heartbeat } from './heartbeat.ts';

/** HELLO must come within this time, in milliseconds. PROTOCOL.md, "Limits". */
export const HELLO_MS = 60_000;

/** Bodies of one connection that are taken and not yet answered, in bytes; above it no further SEND is read. */
export const UNANSWERED_BYTES = 4 * 1024 * 1024;

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
export class Visit {
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
    this.#helloTimer = this.context.clock.after(HELLO_MS, () =>
      setImmediate(() => this.guest ?? this.fail('no_hello', `no HELLO came within ${HELLO_MS / 1000} s`)),
    );
  }

  /** Says READY. */
  welcome(): void {
    this.connection.send(this.#door.ready);
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
