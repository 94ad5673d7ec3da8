// Decides about SENDs: which are taken, which are refused, which are repeats. Consecutive SENDs of one connection become one entry of the
// log, a run, and are answered together when it is durable.

import type { Refusal, Session } from '../exchange/session.ts';
import type { NetContext } from '../net/context.ts';
import { StoredBatch } from '../wire/batch.ts';
import { MAX_BODY } from '../wire/frame.ts';
import type { SendFrame } from '../wire/send.ts';
import type { Message } from '../wire/verbs.ts';
import type { Admission } from './admission.ts';
import type { Delivery } from './delivery.ts';
import { keyOf, SentFrame, type SentMessage } from './entry.ts';
import { NOTE_MS } from './ids.ts';
import type { Room } from './log/log.ts';
import type { Machine } from './machine.ts';
import { snapshotSize } from './snapshot.ts';

/** The limit for the memory of SENDs that are not durable yet, of all connections, in bytes. Above it no SEND is read. */
export const IN_HAND_LIMIT = 64 * 1024 * 1024;
/** A run ends when its frames have this many bytes or more. */
const RUN_BYTES = 64 * 1024;
/** The most messages in one run. */
const RUN_MESSAGES = 256;
/** The most mailboxes in one run. */
const RUN_NAMES = 16;
/** What a message takes in the log besides its frame: the line of its entry, and the notice that it may cause. In bytes. */
const BESIDE = 2048;

/** A mailbox that gets messages of a run. */
interface Target {
  /** The number that the next message gets. */
  next: number;
  readonly present: Message<'STORED'>['present'];
}

/** Consecutive SENDs of one connection: those that are taken will be one entry. */
class Run {
  /** The messages that were taken. */
  readonly messages: SentMessage[] = [];
  /** Their frames as bytes, in as few parts as possible. */
  readonly #parts: Buffer[] = [];
  #part: { readonly bytes: Buffer; readonly start: number; end: number } | undefined;
  /** The low halves of their keys. A message with the same one begins another run. */
  readonly keys = new Set<number>();
  readonly targets = new Map<string, Target>();
  /** The number that the first message of each mailbox gets. */
  readonly first = new Map<string, number>();
  /** The answers to send when the log is durable, also those to repeats. */
  readonly answers = new StoredBatch();
  /** The size of the frames of all messages, in bytes. */
  bytes = 0;
  /** The size of the bodies of all answered SENDs, in bytes. */
  bodies = 0;
  /** How much memory the parts hold, in bytes: each keeps the whole chunk that it is a view of. */
  memory = 0;

  /** The sender's name and a space: what comes before an id when it is hashed. */
  readonly owner: string;
  /** The session's name and token, with a space between. */
  readonly name: string;

  /** @param roomy does the log have room for the largest run? */
  constructor(
    readonly session: Session,
    readonly roomy: boolean,
  ) {
    this.owner = `${session.as} `;
    this.name = `${session.as} ${session.id}`;
  }

  /** Adds a message that is taken. */
  add(message: SentMessage, { bytes, start, end }: SendFrame): void {
    this.messages.push(message);
    this.keys.add(message.key.low);
    this.bytes += end - start;
    if (this.#part?.bytes === bytes && this.#part.end === start) this.#part.end = end;
    else {
      this.#endPart();
      this.#part = { bytes, start, end };
      this.memory += bytes.buffer.byteLength;
    }
  }

  /** Will any message of it be read soon, because somebody collects it or because it has a ttl? */
  get wanted(): boolean {
    return (
      Array.from(this.targets.values()).some(({ present }) => present === 'yes') ||
      this.messages.some(({ ttl }) => ttl !== undefined)
    );
  }

  /** The frames of all messages as bytes. */
  get parts(): readonly Buffer[] {
    this.#endPart();
    return this.#parts;
  }

  #endPart(): void {
    if (this.#part !== undefined)
      this.#parts.push(this.#part.bytes.subarray(this.#part.start, this.#part.end));
    this.#part = undefined;
  }
}

/** Takes SENDs. */
export class Sends {
  #run: Run | undefined;
  #inHand = 0;
  /** True while no SEND is read: too much is in hand, or the log is making room. */
  #holding = false;
  /** Was the last SEND that was checked for room refused because the disk is full? */
  #full = false;

  /** @param resume called when SENDs may be read again, after `saturated` was true */
  constructor(
    private readonly context: NetContext,
    private readonly machine: Machine,
    private readonly admission: Admission,
    private readonly delivery: Delivery,
    private readonly resume: () => void,
  ) {}

  /** Must SENDs wait because too much is in hand, or because the log is making room? */
  get saturated(): boolean {
    const roomy = this.#run?.roomy ?? false;
    this.#holding ||= this.#inHand > IN_HAND_LIMIT || (!roomy && this.room() === 'soon');
    return this.#holding;
  }

  /** To be called when something has become durable or there may be more room. */
  changed(): void {
    // Reading resumes only when half of the limit is free, so that it does not stop and start with every commit.
    if (!this.#holding || this.#inHand > IN_HAND_LIMIT / 2 || this.room() === 'soon') return;
    this.#holding = false;
    this.resume();
  }

  /** Does the log have room for a frame of `bytes`? @param more how many further messages to allow for in the next checkpoint */
  room(bytes = MAX_BODY, more = 0): Room {
    const { log, state } = this.machine;
    const taken = this.#run?.messages.length ?? 0;
    return log.hasRoom((this.#run?.bytes ?? 0) + bytes + BESIDE, snapshotSize(state, taken + 1 + more));
  }

  /** Handles a SEND of a client. It is answered now if it is refused, and otherwise when it is durable. */
  send(session: Session, send: SendFrame): void {
    const { to, size } = send;
    const { ids } = this.machine.state;
    if (to === undefined) {
      this.flush();
      const refusal = this.#isKnown(session, send.id) ? reused(send.id) : NO_NAME;
      session.refuse(send.id, refusal, size);
      return;
    }
    let run = this.#runOf(session);
    const message = new SentFrame(run.owner, send, this.machine.hasher);
    if (run.keys.has(message.key.low)) {
      this.flush();
      run = this.#runOf(session);
    }
    // This comes before anything can refuse the SEND: a repeat must be recognised whatever has changed since.
    let known = ids.find(message.key);
    // Applying the run may forget the id.
    if (known >= 0 && run.messages.length > 0) {
      this.flush();
      run = this.#runOf(session);
      known = ids.find(message.key);
    }
    if (known >= 0) {
      this.#repeat(run, message, send, known);
      return;
    }
    const refusal = this.#refusal(run, message, send);
    if (refusal !== undefined) {
      session.refuse(send.id, refusal, size);
      return;
    }
    this.admission.take(session.address, message);
    this.#take(run, message, send);
  }

  #isKnown(session: Session, id: string): boolean {
    const { state, hasher } = this.machine;
    return state.ids.find(keyOf(session.as, id, hasher)) >= 0;
  }

  #refusal(run: Run, message: SentMessage, { start, end }: SendFrame): Refusal | undefined {
    const { name } = this.machine;
    const { to, notify } = message;
    if (to === name) return { code: 'wrong_name', reason: `${to} is the relay itself; it collects no mail.` };
    if (notify === name)
      return { code: 'wrong_name', reason: `notify=${notify} is the relay itself; it collects no mail.` };
    const refusal = this.admission.refusal(run.session.address, run.name, message);
    if (refusal !== undefined) return refusal;
    // `soon` does not refuse: it only means that SENDs of another session have just begun a segment. Room for this one was checked (`saturated`).
    const full = !run.roomy && this.room(end - start) === 'no';
    if (full !== this.#full) this.context.emit?.({ event: full ? 'disk_full' : 'disk_room' });
    this.#full = full;
    return full ? DISK_FULL : undefined;
  }

  #take(run: Run, message: SentMessage, send: SendFrame): void {
    const target = run.targets.get(message.to) ?? this.#target(run, message.to);
    run.add(message, send);
    this.#answer(run, send, target.next, target.present, false);
    target.next += 1;
    const { length } = run.messages;
    if (run.bytes >= RUN_BYTES || length === RUN_MESSAGES || run.targets.size === RUN_NAMES) this.flush();
  }

  #target(run: Run, to: string): Target {
    const first = this.machine.state.nextOf(to);
    const target = { next: first, present: this.delivery.presence(to) };
    run.first.set(to, first);
    run.targets.set(to, target);
    return target;
  }

  #runOf(session: Session): Run {
    if (this.#run?.session === session) return this.#run;
    this.flush();
    const run = new Run(session, this.room(RUN_BYTES + MAX_BODY, RUN_MESSAGES) === 'yes');
    this.#run = run;
    // All SENDs that one read of the socket brings share a run.
    queueMicrotask(() => this.flush());
    return run;
  }

  #answer(run: Run, send: SendFrame, seq: number, present: Target['present'], dup: boolean): void {
    run.answers.add(send, seq, present, dup);
    run.bodies += send.size;
  }

  /** Ends the run: it is logged and applied before anything else is decided. */
  flush(): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    if (run.answers.count === 0) return;
    const { session, messages, first, answers, bodies, memory } = run;
    const { as: from, id } = session;
    const { machine } = this;
    const entry = { verb: 'SEND', from, session: id, first, messages, ...machine.times() } as const;
    if (messages.length > 0) machine.append(entry, run.parts, run.wanted);
    this.admission.settle();
    this.#inHand += memory;
    machine.whenDurable(() => {
      this.#inHand -= memory;
      if (this.context.emit !== undefined) this.#tellStored(run);
      session.answerAll(answers, bodies);
    });
    for (const to of first.keys()) this.delivery.arrived(to);
  }

  #tellStored({ session: { as: from }, messages, first, targets }: Run): void {
    const next = new Map(first);
    for (const { id, to, size } of messages) {
      const seq = next.get(to) ?? 0;
      next.set(to, seq + 1);
      const held = this.machine.state.mailboxes.get(to)?.count ?? 0;
      const { present = 'no' } = targets.get(to) ?? {};
      this.context.emit?.({ event: 'stored', id, from, to, seq, size, held, present });
    }
  }

  #repeat(run: Run, { key, proof: now, to }: SentMessage, send: SendFrame, record: number): void {
    const { machine } = this;
    const { session, name } = run;
    const { ids } = machine.state;
    const { seq, proof } = ids.read(record);
    if (now.high !== proof.high || now.low !== proof.low) {
      session.refuse(send.id, reused(send.id), send.size);
      return;
    }
    const holder = ids.session(name);
    const holds = holder?.ring.includes(record) ?? false;
    const due = !holds || machine.uptime - (holder?.last ?? 0) > NOTE_MS;
    // Even without room to log it, it is a repeat.
    if (due && (holds || this.admission.remembers(session.address, name)) && this.room(0) === 'yes') {
      const who = { from: session.as, session: session.id, id: send.id };
      machine.append({ verb: 'REPEAT', ...who, seq, key, proof, ...machine.times() });
    }
    this.#answer(run, send, seq, this.delivery.presence(to), true);
  }

  /** Why a SEND whose body is larger than `MAX_BODY` is refused. */
  oversize(session: Session, id: string, size: number): Refusal {
    this.flush();
    if (this.#isKnown(session, id)) return reused(id);
    const reason = `The message has ${size} bytes; this relay takes at most ${MAX_BODY}.`;
    return { code: 'too_large', reason };
  }
}

const NO_NAME: Refusal = { code: 'bad_value', reason: 'A relay needs to=NAME: it keeps mail for many.' };
const DISK_FULL: Refusal = {
  code: 'disk_full',
  reason: 'The disk is full: the relay takes nothing more until there is room.',
};

const reused = (id: string): Refusal => ({
  code: 'id_reused',
  reason: `The id ${id} was used for another message.`,
});
