// The sending half of a connection. Frames that are sent in one turn of the event loop leave together, in as few writes as possible. It
// notices a peer that takes nothing.

import type { Socket } from 'node:net';
import type { Clock, Timer } from '../core/clock.ts';
import { MAX_BODY } from '../wire/frame.ts';
import { WriteQueue } from './write-queue.ts';

/** Above this many queued bytes for a peer, nothing more is read from it: four of the largest bodies. PROTOCOL.md, "Limits". */
export const QUEUE_LIMIT = 4 * MAX_BODY;
/** What a waiting frame costs in memory beside its own bytes, so that many small frames cannot exceed QUEUE_LIMIT. Bytes. */
const FRAME_COST = 256;
/** How long a peer may take nothing before it is cut off, if more than QUEUE_LIMIT waits, or while closing. Milliseconds. PROTOCOL.md, "Limits". */
export const STALL_MS = 30_000;

/** The queue goes to the kernel in chunks of at most this size, so that progress can be seen. Bytes. */
const CHUNK = 64 * 1024;

/** What the owner of a writer is told. */
export interface FrameWriterHandlers {
  /** These frames are about to be handed to the kernel. */
  sending(turn: readonly { readonly bytes: Buffer }[]): void;
  /** The queue has shrunk below QUEUE_LIMIT. */
  drained(): void;
  /** The peer has taken nothing for `ms` milliseconds, which is too long. */
  stalled(ms: number): void;
}

/** Sends frames over one socket. */
export class FrameWriter {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #handlers: FrameWriterHandlers;
  /** The frames that were sent in this turn of the event loop. */
  #turn: { readonly bytes: Buffer; readonly handed: (() => void) | undefined }[] = [];
  #turnBytes = 0;
  readonly #queue = new WriteQueue();
  #flushing = false;
  #stall: Timer | undefined;
  /** Nothing more will be sent. `#done` is called when the kernel has everything. */
  #finishing = false;
  #done: (() => void) | undefined;
  #stopped = false;

  constructor(socket: Socket, clock: Clock, handlers: FrameWriterHandlers) {
    this.#socket = socket;
    this.#clock = clock;
    this.#handlers = handlers;
  }

  /** How many bytes wait for the kernel, here and in Node's own buffer, with FRAME_COST for each frame. */
  get queuedBytes(): number {
    const frames = this.#turn.length + this.#queue.buffers;
    return frames * FRAME_COST + this.#turnBytes + this.#queue.bytes + this.#queue.writing;
  }

  /** Queues frames. @param handed called when this computer's kernel has accepted all of them */
  send(bytes: Buffer, handed?: () => void): void {
    this.#turn.push({ bytes, handed });
    this.#turnBytes += bytes.length;
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => this.flush());
  }

  /** Sends now what waits for the end of the turn. */
  flush(): void {
    this.#flushing = false;
    if (this.#stopped || this.#turn.length === 0) return;
    const turn = this.#turn;
    this.#turn = [];
    this.#turnBytes = 0;
    this.#handlers.sending(turn);
    for (const { bytes, handed } of turn) this.#queue.push(bytes, handed);
    if (this.#queue.writing === 0) this.#write();
    // More to send is not progress: a timer that is set stays set.
    if (this.#stall === undefined) this.#watchProgress();
  }

  /** Nothing more will be sent. @param done called when the kernel has everything */
  finish(done: () => void): void {
    this.#finishing = true;
    this.#done = done;
    this.#watchProgress();
    if (this.#queue.writing === 0) this.#write();
  }

  /** Stops: sends nothing more, and calls no handler any more. Only `handed` callbacks can still come. */
  stop(): void {
    this.#stopped = true;
    this.#stall?.cancel();
  }

  #write(): void {
    const chunk = this.#queue.take(CHUNK);
    if (chunk === undefined) {
      this.#done?.();
      this.#done = undefined;
      return;
    }
    this.#socket.write(chunk, (error) => {
      if (error) return;
      const wasFull = this.queuedBytes > QUEUE_LIMIT;
      this.#queue.handed();
      if (this.#stopped) return;
      // A `handed` callback may have called `finish`, which has already continued to write.
      if (this.#queue.writing === 0) this.#write();
      this.#watchProgress();
      if (wasFull && this.queuedBytes <= QUEUE_LIMIT && !this.#finishing) this.#handlers.drained();
    });
  }

  // Called whenever there is progress: restarts the timer if it is needed.
  #watchProgress(): void {
    this.#stall?.cancel();
    this.#stall = undefined;
    const needed = this.queuedBytes > (this.#finishing ? 0 : QUEUE_LIMIT);
    if (needed) this.#stall = this.#clock.after(STALL_MS, () => this.#handlers.stalled(STALL_MS));
  }
}
