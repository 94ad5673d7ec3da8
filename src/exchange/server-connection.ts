// The server side of one connection, the same in both modes: READY, HELLO, PING, BYE, what is refused from the header alone, and the
// limits. What a SEND or RECEIVE *does* is up to the mode, which implements the Handler of session.ts. client.ts is the other end.

import type { Timer } from '../core/clock.ts';
import { addressKey } from '../net/address.ts';
import type { Connection, ConnectionHandlers, Ending } from '../net/connection.ts';
import type { NetContext } from '../net/context.ts';
import type { StoredBatch } from '../wire/batch.ts';
import type { Header } from '../wire/frame.ts';
import type { Incoming, SendFrame } from '../wire/send.ts';
import { isToken, type Message, type Unacceptable, VERSION } from '../wire/verbs.ts';
import type { Fences } from './fences.ts';
import { Heartbeat } from './heartbeat.ts';
import { HELLO_MS, IDLE_MS, UNANSWERED_BYTES } from './limits.ts';
import { Reading, type Turns } from './reading.ts';
import { type Handler, type Refusal, Session, type SessionConnection, type SessionEnd } from './session.ts';

/** What all connections of one server share. */
export interface ServerParts {
  /** The READY to send. Its `window` is enforced here. */
  readonly ready: Message<'READY'>;
  readonly handler: Handler;
  readonly fences: Fences;
  readonly turns: Turns;
  readonly context: NetContext;
}

//  READY sent ──(HELLO)──► session ──(BYE, FIN, ERROR)──► closing ──(what was taken is answered)──► over
//      └──────────────────(BYE, FIN, ERROR)─────────────────────────────────────────────────────► over
// If there are several reasons to close, the strongest counts: `server` (this side's ERROR or BYE code=) over `bye` over `fin`.
const CLOSING = ['no', 'fin', 'bye', 'server'] as const;

/** One connection of a server, from READY to its end. */
export class ServerConnection implements SessionConnection {
  /** The client, once its HELLO has been accepted. */
  session: Session | undefined;
  /** The address to which a limit per address charges this connection, as `addressKey` returns it. */
  readonly address: string;
  readonly #connection: Connection;
  readonly #accepted: number;
  readonly #reading: Reading;
  readonly #parts: ServerParts;
  readonly #closed: () => void;
  #helloTimer: Timer | undefined;
  #heartbeat: Heartbeat | undefined;
  /** How many SENDs the handler has taken and not answered, and the size of their bodies in bytes. */
  #unanswered = 0;
  #unansweredBytes = 0;
  /** A SEND for which there is no room yet. It waits here, and nothing after it is read. */
  #waiting: SendFrame | undefined;
  #closing: (typeof CLOSING)[number] = 'no';
  #lastWord: Message<'BYE' | 'ERROR'> | undefined;
  #over = false;
  #toldEnded = false;
  #whenClosed: (() => void) | undefined;

  /** @param closed called when the connection has closed */
  constructor(parts: ServerParts, make: (handlers: ConnectionHandlers) => Connection, closed: () => void) {
    const { handler, context } = parts;
    this.#parts = parts;
    this.#closed = closed;
    this.#connection = make({
      message: (message) => this.#message(message),
      unacceptable: (fault, verb) => this.#closing === 'no' && this.#unacceptable(fault, verb),
      oversize: (header, size) => this.#closing === 'no' && this.#oversize(header, size),
      fault: (code, reason) => this.#closing === 'no' && this.fail({ code, reason }),
      fin: () => this.#close('fin', 'fin'),
      drained: () => this.session !== undefined && !this.#over && handler.drained?.(this.session),
      closed: (ending) => this.#gone(ending),
    });
    this.#reading = new Reading(this.#connection, context.clock);
    this.address = addressKey(this.#connection.remoteAddress);
    this.#accepted = context.clock.monotonic();
    this.#helloTimer = context.clock.after(HELLO_MS, () =>
      setImmediate(() => {
        if (this.session === undefined)
          this.fail({ code: 'no_hello', reason: `no HELLO came within ${HELLO_MS / 1000} s` });
      }),
    );
  }

  /** Can frames still be sent? */
  get open(): boolean {
    return this.#connection.open;
  }

  /**
   * Since when this connection can lose its place to another, by the monotonic clock; undefined if it cannot. Without HELLO: since it was
   * accepted. With HELLO, but without a heartbeat: since its last byte, if that was IDLE_MS ago or longer and nothing is in flight.
   */
  get idleSince(): number | undefined {
    if (!this.open) return undefined;
    if (this.session === undefined) return this.#accepted;
    const { handler, context } = this.#parts;
    if (this.#heartbeat !== undefined || this.#unanswered > 0 || handler.inFlight?.(this.session))
      return undefined;
    const { heard } = this.#connection;
    return context.clock.monotonic() - heard >= IDLE_MS ? heard : undefined;
  }

  /** Sends READY. */
  sayReady(): void {
    this.#connection.send(this.#parts.ready);
  }

  /** Answers a SEND that the handler was given. @param size the size of its body in bytes */
  answer(answer: Message<'RECEIVED' | 'REFUSED'>, size: number): void {
    this.#connection.send(answer);
    this.#answered(1, size);
  }

  /** Answers SENDs with STORED, together. @param size the size of all their bodies in bytes */
  answerAll({ bytes, count }: StoredBatch, size: number): void {
    this.#connection.sendFrames(bytes);
    this.#answered(count, size);
  }

  #answered(count: number, size: number): void {
    this.#unanswered -= count;
    this.#unansweredBytes -= size;
    this.resume();
    this.#checkDone();
  }

  /** Answers REFUSED to a SEND that the handler was given. @param size the size of its body in bytes */
  refuse(id: string, { code, reason }: Refusal, size: number): void {
    this.#parts.context.emit?.({ event: 'refused', conn: this.#connection.number, code, reason, id });
    this.answer({ verb: 'REFUSED', id, code, body: Buffer.from(reason) }, size);
  }

  /** Sends ERROR and closes, once all SENDs that were taken are answered. */
  fail({ code, reason }: Refusal): void {
    if (!this.#connection.open || this.#closing === 'server') return;
    this.#parts.context.emit?.({ event: 'refused', conn: this.#connection.number, code, reason });
    this.#close('server', 'error', { verb: 'ERROR', code, body: Buffer.from(`${reason}.`) });
  }

  /** Sends ERROR in place of the answer to a SEND, and closes. @param size the size of its body in bytes */
  failSend(refusal: Refusal, size: number): void {
    this.#unanswered -= 1;
    this.#unansweredBytes -= size;
    this.fail(refusal);
    this.#checkDone();
  }

  /** Sends BYE code=replaced and closes, once all SENDs that were taken are answered. */
  evict(by: string | undefined): void {
    this.#close('server', 'replaced', { verb: 'BYE', code: 'replaced', by });
  }

  /** Closes immediately, without BYE or ERROR, because a newer connection of the same session is here. What is unread is dropped. */
  supersede(): void {
    this.#end('superseded');
    this.destroy();
  }

  /** Closes immediately, without BYE or ERROR. */
  destroy(): void {
    this.#connection.destroy();
  }

  /**
   * Sends BYE and closes, once all SENDs that were taken are answered. Resolves when the connection is closed.
   * @param takeWaiting also take the SEND that waits for room; otherwise BYE answers it, which means that it was not taken
   */
  close(takeWaiting: boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#whenClosed = resolve;
      if (!takeWaiting) this.#waiting = undefined;
      this.#close('bye', 'stopped', { verb: 'BYE' });
    });
  }

  /** Takes the SEND that waits, if there is room for it now, and resumes reading. */
  resume(): void {
    const waiting = this.#waiting;
    if (waiting === undefined || this.#full(waiting)) return;
    this.#waiting = undefined;
    this.#take(waiting);
    this.#reading.release();
  }

  #message(message: Incoming): void {
    const { handler } = this.#parts;
    if (this.#closing !== 'no') return;
    this.#reading.saw(message);
    switch (message.verb) {
      case 'PING':
        this.#connection.send({ verb: 'PONG' });
        return;
      case 'PONG':
        return;
      case 'BYE':
        this.#close('bye', 'bye', { verb: 'BYE' });
        return;
      case 'ERROR':
        this.#close('fin', 'error');
        return;
      case 'STATUS':
      case 'LIST':
        this.#ask(message);
        return;
      case 'HELLO':
        this.#hello(message);
        return;
    }
    if (this.session === undefined) {
      this.fail({ code: 'no_hello', reason: `${message.verb} came before HELLO` });
      return;
    }
    if (message.verb !== 'SEND') {
      if (!handler.other?.(this.session, message)) this.#unserved(message.verb);
    } else if (this.#waiting === undefined && !this.#full(message)) {
      this.#take(message);
    } else {
      this.#waiting = message;
      this.#reading.hold();
    }
  }

  // An answer costs milliseconds. So the server reads from this client again only after the others have had their turn.
  #ask(question: Message<'STATUS' | 'LIST'>): void {
    const answered = (): void => this.#parts.turns.add(() => this.#reading.release());
    this.#reading.hold();
    if (this.#parts.handler.ask?.(question, this.#connection, answered)) return;
    answered();
    this.#unserved(question.verb);
  }

  #hello(hello: Message<'HELLO'>): void {
    if (this.session !== undefined) {
      this.fail({ code: 'wrong_verb', reason: 'HELLO came twice' });
      return;
    }
    if (hello.version > VERSION) {
      const reason = `this is detour/${VERSION}; you asked for detour/${hello.version}`;
      this.fail({ code: 'version', reason });
      return;
    }
    const refusal = this.#parts.handler.refuseName?.(hello.as);
    if (refusal !== undefined) {
      this.fail(refusal);
      return;
    }
    const session = new Session(hello, this.#connection, this);
    const fenced = this.#parts.fences.enter(session);
    if (fenced !== undefined) {
      this.fail(fenced);
      return;
    }
    this.session = session;
    this.#helloTimer?.cancel();
    if (hello.heartbeat !== undefined) {
      this.#heartbeat = new Heartbeat(this.#connection, this.#parts.context, hello.heartbeat, () => {
        this.#end('silent');
        this.destroy();
      });
    }
  }

  #full(next: SendFrame): boolean {
    if (this.#unanswered >= this.#parts.ready.window || this.#parts.handler.saturated?.()) return true;
    return this.#unanswered > 0 && this.#unansweredBytes + next.size > UNANSWERED_BYTES;
  }

  #take(message: SendFrame): void {
    if (this.session === undefined) return;
    this.#unanswered += 1;
    this.#unansweredBytes += message.size;
    this.#parts.handler.send(this.session, message);
  }

  #unacceptable({ id, code, reason }: Unacceptable, verb: string): void {
    if (verb !== 'SEND' || id === undefined || this.session === undefined) {
      this.fail({ code, reason });
      return;
    }
    this.#unanswered += 1;
    this.refuse(id, { code, reason: `${reason}.` }, 0);
  }

  #oversize(header: Header, size: number): void {
    const id = header.fields.get('id') ?? '';
    if (header.verb === 'SEND' && this.session === undefined) {
      this.fail({ code: 'no_hello', reason: 'SEND came before HELLO' });
      return;
    }
    if (header.verb !== 'SEND' || !isToken(id) || this.session === undefined) {
      const reason = `a body of ${size} bytes is above the limit of ${this.#parts.ready.max}`;
      this.fail({ code: 'too_large', reason });
      return;
    }
    const refusal = this.#parts.handler.oversize(this.session, id, size);
    this.#unanswered += 1;
    this.refuse(id, refusal, 0);
  }

  #unserved(verb: string): void {
    this.fail({ code: 'wrong_verb', reason: `a ${this.#parts.ready.role} does not serve ${verb}` });
  }

  // Answers what was taken, sends the last frame, closes. What the client sends after this does not count: it acknowledges nothing. The
  // heartbeat stops, because a client that has sent FIN cannot answer PING.
  #close(how: 'fin' | 'bye' | 'server', why: SessionEnd, lastWord?: Message<'BYE' | 'ERROR'>): void {
    if (CLOSING.indexOf(how) <= CLOSING.indexOf(this.#closing)) return;
    this.#closing = how;
    this.#lastWord = lastWord;
    this.#heartbeat?.stop();
    if (how === 'server') this.#waiting = undefined;
    this.#tellEnded(why);
    this.#checkDone();
  }

  #checkDone(): void {
    if (this.#closing === 'no' || this.#over || this.#unanswered > 0 || this.#waiting !== undefined) return;
    const finish = (): void => {
      if (!this.#connection.open) return;
      if (this.#lastWord !== undefined) this.#connection.send(this.#lastWord);
      this.#end();
      this.#connection.finish();
    };
    const { handler } = this.#parts;
    if (this.session === undefined || this.#closing === 'server' || handler.settled === undefined) finish();
    else handler.settled(this.session, finish);
  }

  // Nothing more that the client sends counts. `why` is told if the session's end has not been told yet.
  #end(why: SessionEnd = 'stopped'): void {
    if (this.#over) return;
    this.#over = true;
    this.#helloTimer?.cancel();
    this.#heartbeat?.stop();
    this.#reading.stop();
    this.#waiting = undefined;
    if (this.session !== undefined) this.#parts.fences.leave(this.session);
    this.#tellEnded(why);
  }

  #tellEnded(why: SessionEnd): void {
    if (this.#toldEnded || this.session === undefined) return;
    this.#toldEnded = true;
    this.#parts.handler.ended?.(this.session, why);
  }

  #gone(ending: Ending): void {
    this.#end(ending.how === 'error' ? ending.code : ending.how === 'us' ? 'stopped' : ending.how);
    this.#closed();
    this.#whenClosed?.();
  }
}
