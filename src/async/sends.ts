// SENDs: what is taken, what is refused, what is a repeat. Consecutive ones of one connection become one entry of the log, a run, and are
// answered together when it is durable.

import type { Answer, Refusal, Session } from '../exchange/session.ts';
import type { NetContext } from '../net/context.ts';
import { MAX_BODY } from '../wire/frame.ts';
import type { Message } from '../wire/verbs.ts';
import type { Admission, Demand } from './admission.ts';
import type { Delivery } from './delivery.ts';
import { keyOf, type SentMessage, sentMessage } from './entry.ts';
import { MOST_FRAMES } from './held.ts';
import { NOTE_MS } from './ids.ts';
import type { Room } from './log/log.ts';
import type { Machine } from './machine.ts';
import { snapshotSize } from './snapshot.ts';

/** Bodies taken and not durable yet, over all connections, in bytes; above it no SEND is read. */
export const IN_HAND_LIMIT = 64 * 1024 * 1024;
/** What one SEND entry holds at the most, or else one message: so many bytes, and so many mailboxes. */
const RUN_BYTES = 64 * 1024;
const RUN_NAMES = 16;
/** What a message takes in the log beside its frame: its entry's line, and the notice that it may cause. In bytes. */
const BESIDE = 2048;

/** Consecutive SENDs of one connection: what was taken of them will be one entry. */
interface Run {
  readonly session: Session;
  /** Those that were taken, */
  readonly messages: SentMessage[];
  readonly frames: Uint8Array[];
  readonly ids: Set<string>;
  /** The number that the first message of each mailbox gets, and the one that the next would get. */
  readonly first: Map<string, number>;
  readonly next: Map<string, number>;
  /** To all that are answered when the log is durable: repeats, too. */
  readonly answers: Answer[];
  bytes: number;
  /** Of the SENDs that are answered, in bytes. */
  bodies: number;
}

/** Takes SENDs. */
export class Sends {
  #run: Run | undefined;
  #inHand = 0;
  /** Is no SEND read until less is in hand, or until there is room? */
  #holding = false;
  #full = false;

  /** @param resume called when SENDs may be read again, after `saturated` was true */
  constructor(
    private readonly context: NetContext,
    private readonly machine: Machine,
    private readonly admission: Admission,
    private readonly delivery: Delivery,
    private readonly resume: () => void,
  ) {}

  /** Must SENDs wait, until less is in hand or until the log has made room? */
  get saturated(): boolean {
    this.#holding ||= this.#inHand > IN_HAND_LIMIT || this.room() === 'soon';
    return this.#holding;
  }

  /** Something may have become durable, or there may be more room. */
  changed(): void {
    // Half of the limit is free again before anybody is let in, so that it is not done for every commit.
    if (!this.#holding || this.#inHand > IN_HAND_LIMIT / 2 || this.room() === 'soon') return;
    this.#holding = false;
    this.resume();
  }

  /** Is there room in the log for a frame of so many bytes? */
  room(bytes = MAX_BODY): Room {
    const { log, state } = this.machine;
    const taken = this.#run?.messages.length ?? 0;
    return log.hasRoom((this.#run?.bytes ?? 0) + bytes + BESIDE, snapshotSize(state, taken + 1));
  }

  /** A SEND of a client: it is answered now, or when it is durable. */
  send(session: Session, message: Message<'SEND'>, raw: Buffer): void {
    const { id, to = '', notify, body } = message;
    const { state, hasher } = this.machine;
    if (this.#run?.session !== session || this.#run.ids.has(id)) this.flush();
    // Before anything can refuse it: a repeat must be recognised whatever has changed since.
    const key = keyOf(session.as, id, hasher);
    let known = state.ids.find(key);
    // The run, once it is applied, may forget it.
    if (known >= 0 && this.#run !== undefined && this.#run.messages.length > 0) {
      this.flush();
      known = state.ids.find(key);
    }
    if (known >= 0) {
      this.#repeat(session, message, known);
      return;
    }
    const { address } = session;
    const demand = { address, session: sessionKey(session), to, notify, size: body.length };
    const refusal = this.#refusal(message, demand, raw.length);
    if (refusal !== undefined) {
      session.refuse(id, refusal, body.length);
      return;
    }
    this.admission.take(demand);
    this.#take(session, sentMessage(session.as, { ...message, to }, body, hasher), raw);
  }

  #refusal({ to, notify }: Message<'SEND'>, demand: Demand, bytes: number): Refusal | undefined {
    const { name } = this.machine;
    if (to === undefined)
      return { code: 'bad_value', reason: 'A relay needs to=NAME: it keeps mail for many.' };
    if (to === name) return { code: 'wrong_name', reason: `${to} is the relay itself; it collects no mail.` };
    if (notify === name)
      return { code: 'wrong_name', reason: `notify=${notify} is the relay itself; it collects no mail.` };
    const refusal = this.admission.refusal(demand);
    if (refusal !== undefined) return refusal;
    // `soon` only because what was taken of another session has just begun a segment: there was room for this one, too (`saturated`).
    const full = this.room(bytes) === 'no';
    if (full !== this.#full) this.context.emit?.({ event: full ? 'disk_full' : 'disk_room' });
    this.#full = full;
    if (!full) return undefined;
    return { code: 'disk_full', reason: 'The disk is full: nothing more is taken until there is room.' };
  }

  #take(session: Session, message: SentMessage, raw: Buffer): void {
    const { id, to, size } = message;
    const run = this.#runOf(session);
    const seq = run.next.get(to) ?? this.machine.state.nextOf(to);
    if (!run.first.has(to)) run.first.set(to, seq);
    run.next.set(to, seq + 1);
    run.ids.add(id);
    run.messages.push(message);
    run.frames.push(raw);
    run.bytes += raw.length;
    this.#answer(run, { verb: 'STORED', id, seq, present: this.delivery.presence(to) }, size);
    if (run.bytes >= RUN_BYTES || run.messages.length === MOST_FRAMES || run.first.size === RUN_NAMES)
      this.flush();
  }

  #runOf(session: Session): Run {
    if (this.#run !== undefined) return this.#run;
    const lists = { messages: [], frames: [], answers: [], ids: new Set<string>() };
    this.#run = { session, ...lists, first: new Map(), next: new Map(), bytes: 0, bodies: 0 };
    // All that one read of the socket brings is one run.
    queueMicrotask(() => this.flush());
    return this.#run;
  }

  #answer(run: Run, answer: Answer, size: number): void {
    run.answers.push(answer);
    run.bodies += size;
    this.#inHand += size;
  }

  /** Ends the run: it is logged and applied before anything else is decided. */
  flush(): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    const { session, messages, frames, first, answers, bodies } = run;
    const { as: from, id } = session;
    const { machine } = this;
    if (messages.length > 0)
      machine.append({ verb: 'SEND', from, session: id, first, messages, ...machine.times() }, frames);
    this.admission.settle();
    machine.whenDurable(() => {
      this.#inHand -= bodies;
      if (this.context.emit !== undefined) this.#tellStored(run);
      session.answerAll(answers, bodies);
    });
    for (const to of first.keys()) this.delivery.arrived(to);
  }

  #tellStored({ session: { as: from }, messages, answers }: Run): void {
    const stored = answers.filter((answer) => answer.verb === 'STORED' && answer.dup === undefined);
    for (const [index, { id, to, size }] of messages.entries()) {
      const { seq = 0, present } = stored[index] as Message<'STORED'>;
      const held = this.machine.state.mailboxes.get(to)?.count ?? 0;
      this.context.emit?.({ event: 'stored', id, from, to, seq, size, held, present });
    }
  }

  #repeat(session: Session, { id, to, body }: Message<'SEND'>, record: number): void {
    const { machine } = this;
    const { ids } = machine.state;
    const { key, seq, proof } = ids.read(record);
    const now = to === undefined ? undefined : machine.hasher.bytes(to, body);
    if (to === undefined || now?.high !== proof.high || now.low !== proof.low) {
      session.refuse(id, reused(id), body.length);
      return;
    }
    const name = sessionKey(session);
    const holder = ids.session(name);
    const holds = holder?.ids.includes(record) ?? false;
    const due = !holds || machine.uptime - (holder?.last ?? 0) > NOTE_MS;
    // Without room to note it, it is a repeat all the same.
    if (due && (holds || this.admission.remembers(session.address, name)) && this.room(0) === 'yes') {
      const { as: from, id: token } = session;
      machine.append({ verb: 'REPEAT', from, session: token, id, seq, key, proof, ...machine.times() });
    }
    const present = this.delivery.presence(to);
    this.#answer(this.#runOf(session), { verb: 'STORED', id, seq, present, dup: 'yes' }, body.length);
  }

  /** Why a SEND is refused whose body is above the limit. */
  oversize(session: Session, id: string, size: number): Refusal {
    this.flush();
    if (this.machine.state.ids.find(keyOf(session.as, id, this.machine.hasher)) >= 0) return reused(id);
    const reason = `The message has ${size} bytes; this relay takes at most ${MAX_BODY}.`;
    return { code: 'too_large', reason };
  }
}

const sessionKey = ({ as, id }: Session): string => `${as} ${id}`;

const reused = (id: string): Refusal => ({
  code: 'id_reused',
  reason: `The id ${id} was used for another message.`,
});
