// What the logs say of each message, collected from a merge for copies.ts: each attempt to send it, and what became of the processes and
// connections. Events are named by their place in the merge. Pure.

import type { FrameFields, Recorded } from '../../core/event.ts';
import { plainAddress } from '../../trace/hops.ts';
import type { Merged } from '../../trace/merge.ts';
import type { Channel, End, Placed, Process } from '../../trace/model.ts';
import { leaves } from '../../trace/rows.ts';

/** The place of an event in a merge. What never happened has none, and `NEVER` is later than all. */
type Index = number;
export const NEVER: Index = Number.POSITIVE_INFINITY;

/** One frame that carries the message: a SEND, or a MESSAGE from a relay. */
export interface Attempt {
  readonly sent: Index;
  readonly received: Index;
  /** Who sent it, and who read it or would have; undefined without a log. */
  readonly from: End | undefined;
  readonly to: End | undefined;
  readonly channel: Channel | undefined;
  /** The number that a relay gave it in the mailbox. */
  readonly seq: number | undefined;
  /** The receiver of the frame answered, and how: RECEIVED, STORED, REFUSED or ACK. */
  answered: Index;
  answer: string | undefined;
  /** The sender of the frame read that answer. */
  heard: Index;
  /** The kernel at the other end had acknowledged all of it, and no link was between (rung 2). */
  acknowledged: Index;
  /** The other program had read it, because it answered the PING after it (rung 3). */
  read: Index;
}

/** Everything that the logs say of one message. */
export interface History {
  readonly id: string;
  /** The first event about it. */
  readonly first: Index;
  readonly sends: Attempt[];
  readonly mails: Attempt[];
  /** The processes that sent it or gave a verdict on it, with the first event about it and the verdict. */
  readonly senders: Map<Process, { readonly from: Index; outcome: Index }>;
  /** Whom its SEND names. */
  addressee: string | undefined;
  /** The relay's log: it is on the disk; it was acknowledged; it has expired. */
  stored: Index;
  acknowledged: Index;
  expired: Index;
  /** Somebody's log: it was shown. */
  shown: Index;
  /** Its sender was told that it was handled: the receipt. */
  receipt: Index;
  /** Its text, if it is in a log. */
  text: string | undefined;
}

/** What becomes of the processes of a merge. */
export class Fates {
  readonly #ends = new Map<Process, Index>();
  readonly #last = new Map<Process, Index>();
  /** When another process saw the end of a connection to it. */
  readonly #missed = new Map<Process, Index>();
  readonly #indexOf: (placed: Placed) => Index;

  constructor(merged: Merged, indexOf: (placed: Placed) => Index) {
    this.#indexOf = indexOf;
    for (const [index, placed] of merged.events.entries()) {
      const { process } = placed;
      this.#last.set(process, index);
      if (leaves(placed) && !this.#ends.has(process)) this.#ends.set(process, index);
    }
    for (const { client, server } of merged.channels) {
      for (const [end, other] of [
        [client, server],
        [server, client],
      ])
        if (end !== undefined && other !== undefined && this.overAt(end) === NEVER)
          this.#missed.set(end.process, Math.min(this.overAt(other), this.#missed.get(end.process) ?? NEVER));
    }
  }

  /**
   * What is known of a process: it runs; it has ended, by its own log; or nobody can tell, because another process saw the end of their
   * connection, and its own log has nothing more.
   */
  of(process: Process, at: Index): 'runs' | 'ended' | 'unknown' {
    if ((this.#ends.get(process) ?? NEVER) <= at) return 'ended';
    const silent = (this.#last.get(process) ?? NEVER) <= at && (this.#missed.get(process) ?? NEVER) <= at;
    return silent ? 'unknown' : 'runs';
  }

  /** When an end of a connection was over for its process: nothing more is read there. */
  overAt(end: End): Index {
    const over = end.events.find(({ recorded }) => OVER.has(recorded.event));
    return over === undefined ? NEVER : this.#indexOf(over);
  }
}

const OVER = new Set(['fin', 'broken', 'closed', 'unfinished']);

const isNotice = (fields: { readonly kind?: unknown }): boolean =>
  fields.kind === 'receipt' || fields.kind === 'bounce';

/** Collects the histories of all messages, in the order in which the logs first mention them. */
export function historiesOf(merged: Merged): {
  readonly histories: readonly History[];
  readonly fates: Fates;
} {
  const index = new Map(merged.events.map((placed, place) => [placed, place]));
  const indexOf = (placed: Placed): Index => index.get(placed) ?? NEVER;
  const histories = new Map<string, History>();
  // What is held in each mailbox, with its number, in ascending order.
  const held = new Map<string, { readonly seq: number; readonly history: History }[]>();
  const mailsOn = new Map<Channel, Attempt[]>();
  const historyOf = (id: string, first: Index): History => {
    let history = histories.get(id);
    if (history === undefined) {
      history = { ...NOTHING, id, first, sends: [], mails: [], senders: new Map() };
      histories.set(id, history);
    }
    return history;
  };
  for (const [at, placed] of merged.events.entries()) {
    const { recorded, process } = placed;
    if (recorded.event === 'sent' || recorded.event === 'received') {
      frame(placed, recorded.fields, at);
      continue;
    }
    if (recorded.event === 'acknowledged') {
      const mailbox = listIn(held, recorded.to);
      while ((mailbox[0]?.seq ?? NEVER) <= recorded.seq) {
        const gone = mailbox.shift();
        if (gone !== undefined) gone.history.acknowledged = at;
      }
      continue;
    }
    if (!('id' in recorded) || recorded.id === undefined || recorded.event === 'refused') continue;
    const history = historyOf(recorded.id, at);
    switch (recorded.event) {
      case 'outcome':
      case 'verdict': {
        const sender = history.senders.get(process);
        if (sender === undefined) history.senders.set(process, { from: at, outcome: at });
        else sender.outcome = Math.min(sender.outcome, at);
        break;
      }
      case 'rung':
        rung(history, recorded, process, at);
        break;
      case 'stored':
        if (isNotice(recorded)) break;
        history.stored = Math.min(history.stored, at);
        listIn(held, recorded.to).push({ seq: recorded.seq, history });
        break;
      case 'expired':
        // A notice comes from the relay itself.
        if (recorded.from === recorded.actor) break;
        history.expired = Math.min(history.expired, at);
        break;
      case 'shown':
        if (recorded.kind === 'receipt') history.receipt = Math.min(history.receipt, at);
        if (isNotice(recorded)) break;
        history.shown = Math.min(history.shown, at);
        history.text ??= recorded.text;
        break;
      case 'repeated':
        // It was shown before, perhaps by a process without a log.
        history.shown = Math.min(history.shown, at);
        break;
    }
  }
  return { histories: [...histories.values()], fates: new Fates(merged, indexOf) };

  function frame(placed: Placed, fields: FrameFields, at: Index): void {
    const { recorded, process, channel, peer } = placed;
    if (!('verb' in recorded)) return;
    const { verb } = recorded;
    const id = typeof fields.id === 'string' || typeof fields.id === 'number' ? String(fields.id) : undefined;
    if (verb === 'ACK' && channel !== undefined) acknowledge(placed, mailsOn.get(channel) ?? [], at);
    if (id === undefined) return;
    if (verb === 'SEND' || (verb === 'MESSAGE' && !isNotice(fields))) {
      const history = historyOf(id, at);
      const isSent = recorded.event === 'sent';
      if (verb === 'SEND' && isSent && !history.senders.has(process))
        history.senders.set(process, { from: at, outcome: NEVER });
      if (typeof fields.to === 'string') history.addressee ??= fields.to;
      // The other half of the frame has made it.
      if (peer !== undefined && indexOf(peer) < at) return;
      const [client, server] = [channel?.client, channel?.server];
      const ends = verb === 'SEND' ? [client, server] : [server, client];
      const attempts = verb === 'SEND' ? history.sends : history.mails;
      const other = peer === undefined ? NEVER : indexOf(peer);
      const attempt: Attempt = {
        sent: isSent ? at : other,
        received: isSent ? other : at,
        from: ends[0],
        to: ends[1],
        channel,
        seq: typeof fields.seq === 'number' ? fields.seq : undefined,
        answered: NEVER,
        answer: undefined,
        heard: NEVER,
        acknowledged: NEVER,
        read: NEVER,
      };
      attempts.push(attempt);
      if (verb === 'MESSAGE' && channel !== undefined) listIn(mailsOn, channel).push(attempt);
    } else if (verb === 'RECEIVED' || verb === 'STORED' || verb === 'REFUSED')
      answer(placed, histories.get(id)?.sends ?? [], at);
  }

  function answer(placed: Placed, attempts: readonly Attempt[], at: Index): void {
    for (const attempt of attempts)
      if (attempt.channel === placed.channel && attempt.channel !== undefined) note(attempt, placed, at);
  }

  // An ACK is for everything up to its number. The last ones come first here, so that long ago ones are not looked at again.
  function acknowledge(placed: Placed, mails: readonly Attempt[], at: Index): void {
    if (!('verb' in placed.recorded)) return;
    const seq = Number(placed.recorded.fields.seq);
    const kind = placed.recorded.event === 'sent' ? 'answered' : 'heard';
    for (let place = mails.length - 1; place >= 0; place -= 1) {
      const mail = mails[place] as Attempt;
      if (mail[kind] !== NEVER) break;
      if ((mail.seq ?? NEVER) <= seq) note(mail, placed, at);
    }
  }
}

function note(attempt: Attempt, { recorded }: Placed, at: Index): void {
  if (!('verb' in recorded)) return;
  attempt.answer ??= recorded.verb;
  if (recorded.event === 'sent') attempt.answered = Math.min(attempt.answered, at);
  else attempt.heard = Math.min(attempt.heard, at);
}

function listIn<Key, Value>(lists: Map<Key, Value[]>, key: Key): Value[] {
  let list = lists.get(key);
  if (list === undefined) {
    list = [];
    lists.set(key, list);
  }
  return list;
}

function rung(
  history: History,
  { rung: name, state, conn, by }: Extract<Recorded, { event: 'rung' }>,
  process: Process,
  at: Index,
): void {
  if (state !== 'reached') return;
  if (name === 'handled' && by === 'receipt') history.receipt = Math.min(history.receipt, at);
  for (const attempt of history.sends) {
    if (attempt.from?.process !== process || attempt.from.conn !== conn) continue;
    if (name === 'read') attempt.read = Math.min(attempt.read, at);
    if (name === 'acknowledged' && by === 'ack' && isDirect(attempt.channel))
      attempt.acknowledged = Math.min(attempt.acknowledged, at);
  }
}

// Do both ends name the same two addresses? Then nothing was between them whose kernel could have acknowledged the bytes.
function isDirect(channel: Channel | undefined): boolean {
  const called = channel?.client?.events.find(({ recorded }) => recorded.event === 'connected')?.recorded;
  const came = channel?.server?.events.find(({ recorded }) => recorded.event === 'accepted')?.recorded;
  return (
    called?.event === 'connected' &&
    came?.event === 'accepted' &&
    plainAddress(called.local) === plainAddress(came.remote) &&
    plainAddress(called.remote) === plainAddress(came.local)
  );
}

const NOTHING = {
  addressee: undefined,
  stored: NEVER,
  acknowledged: NEVER,
  expired: NEVER,
  shown: NEVER,
  receipt: NEVER,
  text: undefined,
};
