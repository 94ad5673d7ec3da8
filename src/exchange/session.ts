// The interface between a server and a mode: what a mode sees of a client (Session), and what a mode implements (Handler). The protocol
// around it (READY, HELLO, PING, BYE, limits) is in server-connection.ts.

import { randomUUID } from 'node:crypto';
import { addressKey } from '../net/address.ts';
import type { Connection } from '../net/connection.ts';
import type { MessageBatch, StoredBatch } from '../wire/batch.ts';
import type { SendFrame } from '../wire/send.ts';
import { isToken, type Message } from '../wire/verbs.ts';

/** Why something is refused. */
export interface Refusal {
  /** A code of the protocol. PROTOCOL.md, "All codes". */
  readonly code: string;
  /** One sentence for a person. REFUSED sends it unchanged; for ERROR it has no full stop, which is added. */
  readonly reason: string;
}

/** An answer to a single SEND. */
export type Answer = Message<'RECEIVED' | 'REFUSED'>;

/**
 * Why nothing more counts from a client. `bye`: it said BYE. `fin`: its side closed without BYE. `silent`: heartbeats passed without a byte.
 * `stalled`: it took nothing for STALL_MS. `error`: one side sent ERROR. `replaced`: another session took the mailbox. `superseded`: the same
 * session has a newer connection. `stopped`: this server stops. Anything else is the errno with which the connection broke, e.g. ECONNRESET.
 */
export type SessionEnd =
  | 'bye'
  | 'fin'
  | 'silent'
  | 'stalled'
  | 'error'
  | 'replaced'
  | 'superseded'
  | 'stopped'
  | (string & {});

/** A client that asks a question, with or without HELLO. */
export interface Asker {
  /** Can it still be answered? */
  readonly open: boolean;
  /** Sends a frame of the answer. */
  send(message: Message): void;
}

/** What a mode does for its sessions. It hears of a session once its HELLO is accepted, and implements only the hooks that it needs. */
export interface Handler {
  /** Why a client may not use this name in HELLO; undefined if it may. The client gets it as an ERROR. */
  refuseName?(name: string): Refusal | undefined;
  /** Must all further SENDs wait, from every session? When that changes, the mode calls `Server.resume`. */
  saturated?(): boolean;
  /** Takes a SEND. The mode answers it once, with `answer`, `answerAll`, `refuse` or `failSend`. */
  send(session: Session, message: SendFrame): void;
  /** The refusal of a SEND whose body is above the limit. The body is being discarded. */
  oversize(session: Session, id: string, size: number): Refusal;
  /** Any other verb that a client may send after HELLO. False, or no such hook: this role does not serve it. */
  other?(session: Session, message: Message): boolean;
  /**
   * STATUS or LIST, which are served even before HELLO. False, or no such hook: this role does not serve it.
   * @param answered to be called when nothing more has to be read or computed for the answer: then the client may ask on
   */
  ask?(question: Message<'STATUS' | 'LIST'>, client: Asker, answered: () => void): boolean;
  /** Was this session sent something that it has not acknowledged? Then it does not lose its place to another. */
  inFlight?(session: Session): boolean;
  /** Calls `done` when everything that this session has sent is as durable as it will get. */
  settled?(session: Session, done: () => void): void;
  /** The queue to the client has shrunk below QUEUE_LIMIT. */
  drained?(session: Session): void;
  /** Nothing more counts from this client: its connection has closed or is closing, by BYE, FIN or ERROR. Called once. */
  ended?(session: Session, why: SessionEnd): void;
}

/** What a session needs of its connection. server-connection.ts implements it. */
export interface SessionConnection {
  answer(answer: Answer, size: number): void;
  answerAll(answers: StoredBatch, size: number): void;
  refuse(id: string, refusal: Refusal, size: number): void;
  fail(refusal: Refusal): void;
  failSend(refusal: Refusal, size: number): void;
  evict(by: string | undefined): void;
  supersede(): void;
}

/** A client whose HELLO was accepted, while this one connection lasts. */
export class Session {
  /** The client's name: `as` of HELLO. */
  readonly as: string;
  /** `session` of HELLO, random for each process of a client. If HELLO had none: a random token for this one connection. */
  readonly id: string;
  /** HELLO had no `session`, so no other connection can belong to this one. */
  readonly anonymous: boolean;
  /** `try` of HELLO, which counts the connections of one session from 1. */
  readonly tryNumber: number;
  /** The address that this client counts for in a limit per address, as `addressKey` returns it. */
  readonly address: string;
  /** The address that the client connects from; undefined if it cannot stand in a frame. */
  readonly from: string | undefined;
  readonly #socket: Connection;
  readonly #connection: SessionConnection;

  constructor(hello: Message<'HELLO'>, socket: Connection, connection: SessionConnection) {
    this.as = hello.as;
    this.id = hello.session ?? randomUUID();
    this.anonymous = hello.session === undefined;
    this.tryNumber = hello.try ?? 1;
    this.address = addressKey(socket.remoteAddress);
    const from = socket.remoteAddress?.replace(/^::ffff:/, '') ?? '';
    this.from = isToken(from) ? from : undefined;
    this.#socket = socket;
    this.#connection = connection;
  }

  /** The connection's number in this process's events. */
  get number(): number {
    return this.#socket.number;
  }

  /** How many bytes wait for the client to take them, overhead included. */
  get queuedBytes(): number {
    return this.#socket.queuedBytes;
  }

  /** Sends a frame that is not an answer to a SEND. */
  send(message: Message): void {
    this.#socket.send(message);
  }

  /** Sends messages of the mailbox together. */
  sendAll(messages: MessageBatch): void {
    this.#socket.sendFrames(messages.bytes);
  }

  /** Answers a SEND. @param size the size of its body in bytes */
  answer(answer: Answer, size: number): void {
    this.#connection.answer(answer, size);
  }

  /** Answers SENDs with STORED, together. @param size the size of all their bodies in bytes */
  answerAll(answers: StoredBatch, size: number): void {
    this.#connection.answerAll(answers, size);
  }

  /** Answers a SEND with REFUSED. @param size the size of its body in bytes */
  refuse(id: string, refusal: Refusal, size: number): void {
    this.#connection.refuse(id, refusal, size);
  }

  /** Sends ERROR and closes, once all SENDs that were taken are answered. */
  fail(refusal: Refusal): void {
    this.#connection.fail(refusal);
  }

  /** Sends ERROR in place of the answer to a SEND, whose fate stays unknown, and closes. @param size the size of its body in bytes */
  failSend(refusal: Refusal, size: number): void {
    this.#connection.failSend(refusal, size);
  }

  /** Another session has taken over this one's mailbox: sends BYE code=replaced and closes. @param by that session's `from` */
  evict(by: string | undefined): void {
    this.#connection.evict(by);
  }

  /** A newer connection of the same session is here: closes this one immediately, without BYE or ERROR. */
  supersede(): void {
    this.#connection.supersede();
  }
}
