// What a mode sees of a client, and what it must do for one. The protocol around it (READY, HELLO, PING, BYE, limits) is
// server-connection.ts; who sends and who receives what is the mode's own, behind Handler.

import { randomUUID } from 'node:crypto';
import { addressKey } from '../net/address.ts';
import type { Connection } from '../net/connection.ts';
import type { MessageBatch, StoredBatch } from '../wire/batch.ts';
import type { SendFrame } from '../wire/send.ts';
import type { Message } from '../wire/verbs.ts';

/** Why something is refused. */
export interface Refusal {
  /** A code of the protocol. */
  readonly code: string;
  /** One sentence for a person. REFUSED says it as it stands; ERROR adds the full stop. */
  readonly reason: string;
}

/** What may be answered to a single SEND. */
export type Answer = Message<'RECEIVED' | 'REFUSED'>;

/** What a mode does with its sessions, of which it hears once their HELLO has been accepted. It implements only the hooks it needs. */
export interface Handler {
  /** Why a client may not say HELLO with this name; undefined if it may. It is told with ERROR. */
  refuseName?(name: string): Refusal | undefined;
  /** May no further SEND be taken for now, from any session? When that changes, `Server.resume` is to be called. */
  saturated?(): boolean;
  /** A SEND, to be answered once: with `answer`, `answerAll`, `refuse` or `failSend`. */
  send(session: Session, message: SendFrame): void;
  /** Why a SEND is refused whose body is above the limit. The body is being discarded. */
  oversize(session: Session, id: string, size: number): Refusal;
  /** Any other verb that a client may say after HELLO. False, or no such hook: this role does not serve it. */
  other?(session: Session, message: Message): boolean;
  /** STATUS, which is served before HELLO too. False, or no such hook: this role does not serve it. */
  status?(reply: (message: Message) => void, after: string | undefined): boolean;
  /** Calls back when everything that this session has said is as durable as it gets. */
  settled?(session: Session, done: () => void): void;
  /** The queue towards the client has shrunk. */
  drained?(session: Session): void;
  /** The client says no more: its connection closed, or it said BYE or FIN and will not acknowledge anything. Once. */
  ended?(session: Session): void;
}

/** What a session asks of the connection that it belongs to. server-connection.ts is one. */
export interface SessionConnection {
  answer(answer: Answer, size: number): void;
  answerAll(answers: StoredBatch, size: number): void;
  refuse(id: string, refusal: Refusal, size: number): void;
  fail(refusal: Refusal): void;
  failSend(refusal: Refusal, size: number): void;
  evict(): void;
  supersede(): void;
}

/** A client whose HELLO was accepted, for as long as this one connection lasts. */
export class Session {
  /** The name that HELLO gave. */
  readonly as: string;
  /** Random for each process of a client: `session` of HELLO, or, without it, a token that stands for this one connection. */
  readonly id: string;
  /** HELLO gave no `session`: no other connection can belong to the same one. */
  readonly anonymous: boolean;
  /** `try` of HELLO: it counts the connections of one session, from 1. */
  readonly tryNumber: number;
  /** What a limit per address counts this client by; see `addressKey`. */
  readonly address: string;
  readonly #socket: Connection;
  readonly #connection: SessionConnection;

  constructor(hello: Message<'HELLO'>, socket: Connection, connection: SessionConnection) {
    this.as = hello.as;
    this.id = hello.session ?? randomUUID();
    this.anonymous = hello.session === undefined;
    this.tryNumber = hello.try ?? 1;
    this.address = addressKey(socket.remoteAddress);
    this.#socket = socket;
    this.#connection = connection;
  }

  /** Number of the connection in this process's events. */
  get number(): number {
    return this.#socket.number;
  }

  /** Bytes that wait to be taken by the client. */
  get queuedBytes(): number {
    return this.#socket.queuedBytes;
  }

  /** Sends something that is not an answer to a SEND. */
  send(message: Message): void {
    this.#socket.send(message);
  }

  /** Sends messages of the mailbox, all at once. */
  sendAll(messages: MessageBatch): void {
    this.#socket.sendFrames(messages.bytes);
  }

  /** Answers a SEND. @param size the size of its body in bytes */
  answer(answer: Answer, size: number): void {
    this.#connection.answer(answer, size);
  }

  /** Answers SENDs with STORED, all at once. @param size the size of all their bodies in bytes */
  answerAll(answers: StoredBatch, size: number): void {
    this.#connection.answerAll(answers, size);
  }

  /** Answers a SEND with REFUSED. @param size the size of its body in bytes */
  refuse(id: string, refusal: Refusal, size: number): void {
    this.#connection.refuse(id, refusal, size);
  }

  /** Says ERROR and closes, once the SENDs that were taken are answered. */
  fail(refusal: Refusal): void {
    this.#connection.fail(refusal);
  }

  /** Like `fail`, in place of the answer to a SEND: what became of that one is not said. @param size the size of its body in bytes */
  failSend(refusal: Refusal, size: number): void {
    this.#connection.failSend(refusal, size);
  }

  /** Another session has taken over what this one had: says BYE code=replaced and closes. */
  evict(): void {
    this.#connection.evict();
  }

  /** A newer connection of the same session is here: closes this one at once, without a word. */
  supersede(): void {
    this.#connection.supersede();
  }
}
