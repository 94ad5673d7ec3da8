// One TCP connection that speaks detour/1: messages in and out. It enforces the limits of size and speed, and knows no verb's meaning.

import type { Socket } from 'node:net';
import type { Timer } from '../core/clock.ts';
import type { FrameFields } from '../core/event.ts';
import { visible } from '../core/visible.ts';
import { type Decoded, FrameDecoder, type PartialFrame } from '../wire/decoder.ts';
import { framesIn, type Header, MAX_BODY } from '../wire/frame.ts';
import { type Incoming, readSend, sendFrame } from '../wire/send.ts';
import { encode, type Message, readMessage, type Unacceptable, valuesOf } from '../wire/verbs.ts';
import { formatAddress } from './address.ts';
import { BodyProgress } from './body-progress.ts';
import type { NetContext } from './context.ts';
import { FrameWriter, QUEUE_LIMIT } from './frame-writer.ts';
import { SlowFrameGuard } from './slow-frame.ts';
import { type Progress, progressOf, unacknowledged } from './unacknowledged.ts';

/** How long to wait for the peer's FIN after ours, in milliseconds. PROTOCOL.md, "Limits". */
export const LINGER_MS = 2_000;

/** How long to handle the input of all peers that send without a pause before the others get their turn, in milliseconds. */
const TURN_MS = 5;

// The clock is read once per this many frames. The first frame may be slow, because its code runs for the first time. And a PING right after
// a SEND must be read in the same turn, so that its PONG leaves before an answer that is given immediately.
const TURN_FRAMES = 8;

/**
 * How a connection ended, as seen here. `fin`: the peer closed its direction first. `us`: we did. `stalled`: we did, because the peer took
 * nothing for STALL_MS. `error`: `code` and `syscall` name the error.
 */
export type Ending =
  | { readonly how: 'fin' | 'us' | 'stalled' }
  | { readonly how: 'error'; readonly code: string; readonly syscall: string };

/** What the owner of a connection is told. Nothing is called after `closed`. */
export interface ConnectionHandlers {
  message(message: Incoming): void;
  /** A frame that is not an acceptable message. Its body, if it has one, has been read and dropped. */
  unacceptable(fault: Unacceptable, verb: string): void;
  /** A frame whose body is above the limit. The body is being discarded; the frame can be refused by its header. */
  oversize(header: Header, size: number): void;
  /** The bytes are not frames, or come too slowly. Nothing more will be read. */
  fault(code: 'malformed' | 'too_large' | 'too_slow', reason: string): void;
  /** The peer has closed its direction. Everything before its FIN has been handed over. */
  fin?(): void;
  /** The queue to the peer has shrunk below QUEUE_LIMIT. */
  drained?(): void;
  closed(ending: Ending): void;
}

type State =
  /** Frames are handed over. */
  | 'open'
  /** Our FIN is queued or sent. What comes in is read and dropped. */
  | 'finishing'
  | 'closed';

/** One TCP connection that speaks detour/1. dial.ts and listener.ts create them. */
export class Connection {
  readonly number: number;
  /** When the last byte came, by the monotonic clock. */
  heard: number;
  readonly #socket: Socket;
  readonly #context: NetContext;
  readonly #decoder: FrameDecoder;
  readonly #handlers: ConnectionHandlers;
  #state: State = 'open';
  #pausedByOwner = false;
  #pumping = false;
  /** This turn was too short for all the input. It continues in the next one. */
  #waitsForTurn = false;
  #atFin = false;
  #toldFin = false;
  #failure: { code: string; syscall: string } | undefined;
  #weClosed = false;
  #stalled = false;
  #received = 0;
  #sent = 0;
  #linger: Timer | undefined;
  readonly #writer: FrameWriter;
  readonly #slowFrames: SlowFrameGuard;
  readonly #bodyProgress: BodyProgress | undefined;

  constructor(socket: Socket, context: NetContext, handlers: ConnectionHandlers, maxBody: number = MAX_BODY) {
    this.#socket = socket;
    this.#context = context;
    this.#handlers = handlers;
    this.#decoder = new FrameDecoder(maxBody);
    this.#slowFrames = new SlowFrameGuard(
      context.clock,
      this.#decoder,
      () => this.#state === 'open' && !this.paused && !this.#atFin,
      (reason) => this.#handlers.fault('too_slow', reason),
    );
    this.number = context.nextNumber();
    this.#writer = new FrameWriter(socket, context.clock, {
      sending: (turn) => this.#reportSent(turn),
      drained: () => {
        this.#handlers.drained?.();
        this.#readOn();
      },
      stalled: (ms) => {
        context.emit?.({ event: 'silent', conn: this.number, ms });
        this.#stalled = true;
        this.destroy();
      },
    });
    if (context.frames)
      this.#bodyProgress = new BodyProgress(context.clock, this.#decoder, (have, size) =>
        context.emit?.({ event: 'arriving', conn: this.number, have, size }),
      );
    this.heard = context.clock.monotonic();
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.#onData(bytes));
    socket.on('end', () => this.#onEnd());
    socket.on('error', (error: NodeJS.ErrnoException) => this.#onError(error));
    socket.on('close', () => this.#onClose());
  }

  /** How many bytes wait for the kernel to accept them, with an overhead for each frame. */
  get queuedBytes(): number {
    return this.#writer.queuedBytes;
  }

  /** Has reading stopped, by the owner or because the peer does not take its answers? Then the peer's silence says nothing. */
  get paused(): boolean {
    return this.#pausedByOwner || this.queuedBytes > QUEUE_LIMIT;
  }

  /** Can messages still be sent? */
  get open(): boolean {
    return this.#state === 'open';
  }

  /** `address:port` of this end and the other, as the socket reports them. */
  get ends(): { local: string; remote: string } {
    const { localAddress, localPort, remoteAddress, remotePort } = this.#socket;
    return {
      local: formatAddress(localAddress ?? '?', localPort ?? 0),
      remote: formatAddress(remoteAddress ?? '?', remotePort ?? 0),
    };
  }

  /** This end's address, as the socket reports it; undefined without a connection. */
  get localAddress(): string | undefined {
    return this.#socket.localAddress;
  }

  /** The other end's address, as the socket reports it; undefined if the socket never knew it. */
  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  /** How many bytes this kernel has accepted that the kernel at the other end has not acknowledged; undefined if that cannot be seen. */
  get unacknowledged(): number | undefined {
    return unacknowledged(this.#socket);
  }

  /** How far the bytes that were sent have come. */
  get progress(): Progress {
    return progressOf(this.#socket);
  }

  /** What came of a frame that has not ended; undefined if nothing did. */
  get partial(): PartialFrame | undefined {
    return this.#decoder.partial;
  }

  /**
   * Queues a message. All that is sent in one turn of the event loop goes to the kernel together. No effect once it is closing.
   * @param handed called when this computer's kernel has accepted all of it
   */
  send(message: Message, handed?: () => void): void {
    if (this.#state === 'open') this.#writer.send(encode(message), handed);
  }

  /** Queues whole frames. No effect once it is closing. */
  sendFrames(bytes: Buffer): void {
    if (this.#state === 'open') this.#writer.send(bytes);
  }

  /** Stops reading: TCP's own flow control then holds the peer back. */
  pause(): void {
    this.#pausedByOwner = true;
    this.#socket.pause();
  }

  /** Resumes reading. */
  resume(): void {
    this.#pausedByOwner = false;
    this.#readOn();
  }

  /**
   * Closes politely: sends what is queued, then FIN, then reads and discards until the peer's FIN, for at most LINGER_MS. Closing with
   * unread data would send RST, which can destroy what was sent before the peer reads it (RFC 1122, section 4.2.2.13).
   */
  finish(): void {
    if (this.#state !== 'open') return;
    this.#writer.flush();
    this.#state = 'finishing';
    this.#weClosed ||= !this.#atFin;
    this.#slowFrames.stop();
    this.#writer.finish(() => {
      this.#socket.end(() => {
        this.#writer.stop();
        this.#linger = this.#context.clock.after(LINGER_MS, () => this.#socket.destroy());
      });
    });
    this.#socket.resume();
  }

  /** Closes immediately and drops what is unread, for a connection that must not act any more. */
  destroy(): void {
    if (this.#state === 'closed') return;
    this.#weClosed ||= !this.#atFin;
    this.#state = 'finishing';
    this.#writer.stop();
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
      const send = this.#decoder.quick(readSend);
      if (send !== undefined) this.#take(send);
      else {
        const found = this.#decoder.next();
        if (found === undefined) break;
        this.#found(found);
      }
      if (frames % TURN_FRAMES === 0 && clock.monotonic() - began >= TURN_MS / (1 + this.#context.busy))
        this.#waitForTurn();
    }
    this.#pumping = false;
    if (this.#state !== 'open' || this.#waitsForTurn) return;
    if (this.paused) this.#socket.pause();
    else if (this.#atFin) this.#tellFin();
    this.#slowFrames.check();
    this.#bodyProgress?.check();
  }

  #found(found: Decoded): void {
    if (found.kind === 'fault') this.#handlers.fault(found.code, found.reason);
    else if (found.kind === 'oversize') {
      this.#count(found.header);
      this.#handlers.oversize(found.header, found.size);
    } else {
      const result = readMessage(found.frame);
      if ('unacceptable' in result) {
        this.#count(found.frame);
        this.#handlers.unacceptable(result.unacceptable, found.frame.verb);
      } else if (result.message.verb === 'SEND') this.#take(sendFrame(found.frame, result.message));
      else this.#take(result.message);
    }
  }

  #count({ verb, fields }: Header): void {
    this.#received += 1;
    this.#report('received', this.#received, verb, Object.fromEntries(fields));
  }

  #take(message: Incoming): void {
    this.#received += 1;
    if (this.#context.frames) this.#report('received', this.#received, message.verb, valuesOf(message));
    this.#handlers.message(message);
  }

  // A peer that never stops sending must not keep the others waiting.
  #waitForTurn(): void {
    this.#waitsForTurn = true;
    this.#context.busy += 1;
    this.#socket.pause();
    setImmediate(() => {
      this.#waitsForTurn = false;
      this.#context.busy -= 1;
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
    this.#slowFrames.stop();
    this.#context.emit?.({ event: 'fin', conn: this.number });
    if (this.#state === 'open') this.#pump();
    else this.#socket.destroySoon();
  }

  // Called only when everything before the FIN has been handed over: the FIN may have come while reading was stopped.
  #tellFin(): void {
    if (this.#toldFin) return;
    this.#toldFin = true;
    this.#handlers.fin?.();
  }

  #onError(error: NodeJS.ErrnoException): void {
    this.#failure = { code: error.code ?? 'EUNKNOWN', syscall: error.syscall ?? '' };
    this.#context.emit?.({ event: 'broken', conn: this.number, ...this.#failure });
  }

  #onClose(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#writer.stop();
    this.#linger?.cancel();
    this.#slowFrames.stop();
    const { partial } = this;
    // No frame is read from these bytes, so nothing else would tell that they came.
    if (partial !== undefined) {
      const { bytes, start } = partial;
      this.#context.emit?.({ event: 'unfinished', conn: this.number, bytes, start: visible(start) });
    }
    this.#context.emit?.({ event: 'closed', conn: this.number });
    if (this.#failure !== undefined) this.#handlers.closed({ how: 'error', ...this.#failure });
    else if (this.#stalled) this.#handlers.closed({ how: 'stalled' });
    else this.#handlers.closed({ how: this.#weClosed ? 'us' : 'fin' });
  }

  #reportSent(turn: readonly { readonly bytes: Buffer }[]): void {
    if (!this.#context.frames) return;
    for (const { bytes } of turn)
      for (const frame of framesIn(bytes) ?? []) {
        const result = readMessage(frame);
        const fields = 'message' in result ? valuesOf(result.message) : Object.fromEntries(frame.fields);
        this.#report('sent', ++this.#sent, frame.verb, fields);
      }
    this.#context.flush();
  }

  #report(event: 'sent' | 'received', n: number, verb: string, fields: FrameFields): void {
    if (this.#context.frames) this.#context.emit?.({ event, conn: this.number, n, verb, fields });
  }
}
