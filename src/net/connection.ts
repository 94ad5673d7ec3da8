// One TCP connection that speaks detour/1: messages in and out, never bytes. With listener.ts and lock.ts the only
// application code that touches sockets. It knows the grammar's limits and the speed limits, and no verb's meaning.

import { createConnection, type Socket } from 'node:net';
import type { Clock, Timer } from '../trace/clock.ts';
import type { Emit, FrameFields } from '../trace/event.ts';
import { FrameDecoder, type Header, MAX_BODY } from '../wire/frame.ts';
import { encode, type Message, readMessage, type Unacceptable } from '../wire/verbs.ts';
import { Arrival } from './arrival.ts';
import { Outgoing } from './outgoing.ts';
import { Pace } from './pace.ts';
import { unacknowledged } from './unacknowledged.ts';

/** Bytes queued towards one peer above which nothing more is read from it. PROTOCOL.md, "Limits": four of the largest bodies. */
export const QUEUE_LIMIT = 4 * MAX_BODY;
/** What a frame that waits costs in memory beside its bytes: many small ones must not take more than was meant. Bytes. */
const FRAME_COST = 256;
/** A peer that takes nothing for so long while more than QUEUE_LIMIT waits, or while closing, is cut off. Milliseconds. */
export const STALL_MS = 30_000;
/** After our FIN, wait so long for the peer's. Milliseconds. */
export const LINGER_MS = 2_000;

/** What one peer has sent is read for so long at a time, in milliseconds; then it is the others' turn, */
const TURN_MS = 5;

/**
 * but never before so many frames. The first one may take long, while code runs for the first time: a PING right behind a SEND is
 * read in the same turn all the same, and its PONG leaves before an answer that is given at once.
 */
const TURN_FRAMES = 8;

/** What waits goes to the kernel in pieces of this size, so that progress can be seen. Bytes. */
const PIECE = 64 * 1024;

/** What every connection of a process is given. */
export interface NetContext {
  readonly emit: Emit;
  readonly clock: Clock;
  /** Report each frame as an event? Off on a hot path. */
  readonly frames: boolean;
  /** Numbers the connections of the process from 1. */
  nextNumber(): number;
}

/** Makes the context of one process. */
export function netContext(emit: Emit, clock: Clock, frames: boolean): NetContext {
  let last = 0;
  return {
    emit,
    clock,
    frames,
    nextNumber() {
      last += 1;
      return last;
    },
  };
}

/** How a connection ended, as seen here. `fin`: the peer closed its direction. `error`: `code` and `syscall` say which. `us`: we closed first. */
export type Ending =
  | { readonly how: 'fin' | 'us' }
  | { readonly how: 'error'; readonly code: string; readonly syscall: string };

/** What the owner of a connection is told. Nothing is called after `closed`. */
export interface ConnectionHandlers {
  /** The TCP connection stands (client side only). */
  connected?(): void;
  message(message: Message): void;
  /** A header that is no acceptable message; its body, if any, has been read and dropped. */
  unacceptable(fault: Unacceptable, verb: string): void;
  /** A body above the limit is being discarded; the frame can be refused from its header. */
  oversize(header: Header, size: number): void;
  /** The bytes are no frames, or come too slowly: nothing more will be read. */
  fault(code: 'malformed' | 'too_large' | 'too_slow', reason: string): void;
  /** The peer has closed its direction; everything before it has been handed over. */
  fin?(): void;
  /** The queue towards the peer has shrunk below QUEUE_LIMIT. */
  drained?(): void;
  closed(ending: Ending): void;
}

type State =
  /** Frames are handed over. */
  | 'open'
  /** Our FIN is queued or sent; what comes in is read and dropped. */
  | 'finishing'
  | 'closed';

/** One TCP connection that speaks detour/1. Made by `connect` or by listener.ts. */
export class Connection {
  readonly number: number;
  /** When the last byte came, by the clock's monotonic time. */
  heard: number;
  readonly #socket: Socket;
  readonly #context: NetContext;
  readonly #decoder: FrameDecoder;
  #handlers: ConnectionHandlers;
  #state: State = 'open';
  #pausedByOwner = false;
  #pumping = false;
  /** More is here than fitted into its turn; it goes on in the next. */
  #waitsForTurn = false;
  #atFin = false;
  #toldFin = false;
  #failure: { code: string; syscall: string } | undefined;
  #weClosed = false;
  #queue: { readonly message: Message; readonly bytes: Buffer; readonly handed: (() => void) | undefined }[] =
    [];
  #queued = 0;
  readonly #outgoing = new Outgoing();
  #flushing = false;
  #sent = 0;
  #received = 0;
  #stall: Timer | undefined;
  #linger: Timer | undefined;
  readonly #pace: Pace;
  readonly #arrival: Arrival | undefined;

  /** @param handlers may be replaced with `handle` before the next turn of the event loop */
  constructor(socket: Socket, context: NetContext, handlers: ConnectionHandlers, maxBody: number = MAX_BODY) {
    this.#socket = socket;
    this.#context = context;
    this.#handlers = handlers;
    this.#decoder = new FrameDecoder(maxBody);
    this.#pace = new Pace(
      context.clock,
      this.#decoder,
      () => this.#state === 'open' && !this.paused && !this.#atFin,
      (reason) => this.#handlers.fault('too_slow', reason),
    );
    this.number = context.nextNumber();
    if (context.frames)
      this.#arrival = new Arrival(context.clock, this.#decoder, (have, size) =>
        context.emit({ event: 'arriving', conn: this.number, have, size }),
      );
    this.heard = context.clock.monotonic();
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.#onData(bytes));
    socket.on('end', () => this.#onEnd());
    socket.on('error', (error: NodeJS.ErrnoException) => this.#onError(error));
    socket.on('close', () => this.#onClose());
  }

  /** What waits to be taken by the kernel, here and in Node's own buffer: bytes, with FRAME_COST for each frame. */
  get queuedBytes(): number {
    const frames = this.#queue.length + this.#outgoing.buffers;
    return frames * FRAME_COST + this.#queued + this.#outgoing.bytes + this.#outgoing.writing;
  }

  /** Is reading stopped, by the owner or because the peer does not take its answers? Then its silence says nothing. */
  get paused(): boolean {
    return this.#pausedByOwner || this.queuedBytes > QUEUE_LIMIT;
  }

  /** Can messages still be sent? */
  get open(): boolean {
    return this.#state === 'open';
  }

  /** `address:port` of this end and the other, as the socket knows them. */
  get ends(): { local: string; remote: string } {
    const { localAddress, localPort, remoteAddress, remotePort } = this.#socket;
    return {
      local: place(localAddress ?? '?', localPort ?? 0),
      remote: place(remoteAddress ?? '?', remotePort ?? 0),
    };
  }

  /** Replaces the handlers: the connection passes from one owner to the next, as from greeting to session. */
  handle(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
  }

  /**
   * Bytes that this computer's kernel has taken and the kernel at the other end has not acknowledged. Undefined if that cannot be
   * seen (see unacknowledged.ts).
   */
  get unacknowledged(): number | undefined {
    const { localAddress, localPort, remoteAddress, remotePort } = this.#socket;
    if (localAddress === undefined || localPort === undefined) return undefined;
    if (remoteAddress === undefined || remotePort === undefined) return undefined;
    return unacknowledged(
      { address: localAddress, port: localPort },
      { address: remoteAddress, port: remotePort },
    );
  }

  /**
   * Queues a message; all that is sent in one turn of the event loop goes to the kernel together. No effect once closing.
   * @param handed called when this computer's kernel has taken all of it
   */
  send(message: Message, handed?: () => void): void {
    if (this.#state !== 'open') return;
    const bytes = encode(message);
    this.#queue.push({ message, bytes, handed });
    this.#queued += bytes.length;
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => this.#flush());
  }

  /** Stops reading: TCP's own flow control then holds the peer back. */
  pause(): void {
    this.#pausedByOwner = true;
    this.#socket.pause();
  }

  /** Reads on. */
  resume(): void {
    this.#pausedByOwner = false;
    this.#readOn();
  }

  /**
   * Closes politely: sends what is queued, then FIN, then reads on and discards until the peer's FIN or LINGER_MS. Closing with
   * unread data would send RST, which can destroy what was sent before the peer reads it (RFC 1122 §4.2.2.13).
   */
  finish(): void {
    if (this.#state !== 'open') return;
    this.#flush();
    this.#state = 'finishing';
    this.#weClosed ||= !this.#atFin;
    this.#pace.stop();
    this.#watchProgress();
    if (this.#outgoing.writing === 0) this.#sendFin();
    this.#socket.resume();
  }

  #sendFin(): void {
    this.#socket.end(() => {
      this.#stall?.cancel();
      this.#linger = this.#context.clock.after(LINGER_MS, () => this.#socket.destroy());
    });
  }

  /** Closes at once and drops what is unread: for a connection that must not act any more. */
  destroy(): void {
    if (this.#state === 'closed') return;
    this.#weClosed ||= !this.#atFin;
    this.#state = 'finishing';
    this.#socket.destroy();
  }

  #onData(bytes: Buffer): void {
    this.heard = this.#context.clock.monotonic();
    if (this.#state !== 'open') return;
    this.#decoder.push(bytes);
    this.#pump();
  }

  #pump(): void {
    if (this.#pumping || this.#waitsForTurn) return;
    this.#pumping = true;
    const { clock } = this.#context;
    const began = clock.monotonic();
    for (let frames = 1; this.#state === 'open' && !this.paused && !this.#waitsForTurn; frames += 1) {
      const found = this.#decoder.next();
      if (found === undefined) break;
      this.#received += 1;
      if (found.kind === 'fault') {
        this.#handlers.fault(found.code, found.reason);
      } else if (found.kind === 'oversize') {
        this.#report('received', this.#received, found.header.verb, Object.fromEntries(found.header.fields));
        this.#handlers.oversize(found.header, found.size);
      } else {
        const result = readMessage(found.frame);
        if ('message' in result) {
          this.#reportMessage('received', this.#received, result.message);
          this.#handlers.message(result.message);
        } else {
          this.#report('received', this.#received, found.frame.verb, Object.fromEntries(found.frame.fields));
          this.#handlers.unacceptable(result.unacceptable, found.frame.verb);
        }
      }
      if (frames >= TURN_FRAMES && clock.monotonic() - began >= TURN_MS) this.#waitForTurn();
    }
    this.#pumping = false;
    if (this.#state !== 'open' || this.#waitsForTurn) return;
    if (this.paused) this.#socket.pause();
    else if (this.#atFin) this.#tellFin();
    this.#pace.look();
    this.#arrival?.look();
  }

  // Who sends without end must not keep the others waiting.
  #waitForTurn(): void {
    this.#waitsForTurn = true;
    this.#socket.pause();
    setImmediate(() => {
      this.#waitsForTurn = false;
      this.#readOn();
    });
  }

  #readOn(): void {
    if (this.#state !== 'open' || this.paused || this.#waitsForTurn) return;
    this.#pump();
    if (this.#state === 'open' && !this.paused && !this.#waitsForTurn) this.#socket.resume();
  }

  #onEnd(): void {
    this.#atFin = true;
    this.#pace.stop();
    this.#context.emit({ event: 'fin', conn: this.number });
    if (this.#state === 'open') this.#pump();
    else this.#socket.destroySoon();
  }

  // Not before everything in front of it has been handed over: the FIN may be here while reading is stopped.
  #tellFin(): void {
    if (this.#toldFin) return;
    this.#toldFin = true;
    this.#handlers.fin?.();
  }

  #onError(error: NodeJS.ErrnoException): void {
    // A name with several addresses fails with an AggregateError whose message is empty: code is that of the first attempt.
    this.#failure = {
      code: error.code ?? 'EUNKNOWN',
      syscall: error.syscall ?? (error instanceof AggregateError ? 'connect' : ''),
    };
    this.#context.emit({ event: 'broken', conn: this.number, ...this.#failure });
  }

  #onClose(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#stall?.cancel();
    this.#linger?.cancel();
    this.#pace.stop();
    this.#context.emit({ event: 'closed', conn: this.number });
    if (this.#failure !== undefined) this.#handlers.closed({ how: 'error', ...this.#failure });
    else this.#handlers.closed({ how: this.#weClosed ? 'us' : 'fin' });
  }

  #flush(): void {
    this.#flushing = false;
    if (this.#state !== 'open' || this.#queue.length === 0) return;
    const queue = this.#queue;
    this.#queue = [];
    this.#queued = 0;
    for (const { message } of queue) {
      this.#sent += 1;
      this.#reportMessage('sent', this.#sent, message);
    }
    for (const { bytes, handed } of queue) this.#outgoing.push(bytes, handed);
    if (this.#outgoing.writing === 0) this.#write();
    // More to send is no progress: an alarm that is set stays.
    if (this.#stall === undefined) this.#watchProgress();
  }

  #write(): void {
    const piece = this.#outgoing.take(PIECE);
    if (piece === undefined) {
      if (this.#state === 'finishing') this.#sendFin();
      return;
    }
    this.#socket.write(piece, (error) => {
      if (error) return;
      const wasFull = this.queuedBytes > QUEUE_LIMIT;
      this.#outgoing.handed();
      this.#write();
      this.#watchProgress();
      if (!wasFull || this.queuedBytes > QUEUE_LIMIT || this.#state !== 'open') return;
      this.#handlers.drained?.();
      this.#readOn();
    });
  }

  // Called at each progress: the alarm is set anew while it is needed.
  #watchProgress(): void {
    this.#stall?.cancel();
    this.#stall = undefined;
    const needed = this.#state === 'finishing' ? this.queuedBytes > 0 : this.queuedBytes > QUEUE_LIMIT;
    if (!needed) return;
    this.#stall = this.#context.clock.after(STALL_MS, () => {
      this.#context.emit({ event: 'silent', conn: this.number, ms: STALL_MS });
      this.destroy();
    });
  }

  #reportMessage(event: 'sent' | 'received', n: number, message: Message): void {
    if (!this.#context.frames) return;
    const fields: Record<string, string | number> = {};
    for (const [key, value] of Object.entries<string | number | Buffer | undefined>(message)) {
      if (key === 'verb' || value === undefined) continue;
      if (typeof value === 'object') fields.size = value.length;
      else fields[key] = value;
    }
    this.#report(event, n, message.verb, fields);
  }

  #report(event: 'sent' | 'received', n: number, verb: string, fields: FrameFields): void {
    if (this.#context.frames) this.#context.emit({ event, conn: this.number, n, verb, fields });
  }
}

/** `host:port`, an IPv6 address in brackets. */
export function place(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Opens a connection. Success is `handlers.connected`, failure is `handlers.closed` with an error whose syscall is `connect` or `getaddrinfo`.
 * @param host an address or a name
 * @param port 1 to 65535
 */
export function connect(
  host: string,
  port: number,
  context: NetContext,
  handlers: ConnectionHandlers,
): Connection {
  const socket = createConnection({ host, port, allowHalfOpen: true });
  const connection = new Connection(socket, context, handlers);
  context.emit({ event: 'connecting', conn: connection.number, host, port });
  socket.once('connect', () => {
    connection.heard = context.clock.monotonic();
    context.emit({ event: 'connected', conn: connection.number, ...connection.ends });
    handlers.connected?.();
  });
  return connection;
}
