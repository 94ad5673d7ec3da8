// Who has mail, and what is in a mailbox: the answers to STATUS and LIST, a page at a time, and the list that a relay gives of its own
// mailboxes.

import type { Asker } from '../exchange/session.ts';
import type { Message } from '../wire/verbs.ts';
import type { Admission } from './admission.ts';
import type { Delivery } from './delivery.ts';
import type { Place } from './held.ts';
import type { Machine } from './machine.ts';
import type { StoredMessage } from './records.ts';
import type { Retention } from './retention.ts';
import type { State } from './state.ts';

/** The most MAILBOX lines in one answer to STATUS. */
export const STATUS_PAGE = 500;

/** The most ITEM lines in one answer to LIST. Each may cost a read. */
export const LIST_PAGE = 256;
/** The most bytes of bodies in one answer to LIST, unless it is a single message: to know its id and sender, it must be read. */
export const LIST_BYTES = 1024 * 1024;

/** A mailbox with mail, or one that is collected and empty, as STATUS shows it. */
export interface Waiting {
  readonly name: string;
  readonly held: number;
  /** The size of all bodies held, in bytes. */
  readonly bytes: number;
  /** When the message with the lowest number was stored, in epoch milliseconds; 0 if none is held. */
  readonly oldest: number;
}

/**
 * The mailboxes with mail, and those that are collected, sorted by name.
 * @param collected the names that are collected
 * @param after only names after this one
 * @param most how many at most
 */
export function statusPage(
  state: State,
  collected: Iterable<string>,
  after: string | undefined,
  most = STATUS_PAGE,
): Waiting[] {
  let names: string[] = [];
  let end: string | undefined;
  for (const name of namesOf(state, collected)) {
    if ((after !== undefined && name <= after) || (end !== undefined && name > end)) continue;
    names.push(name);
    // Names beyond the page are dropped now and then: sorting all names for each page would hold everybody up.
    if (names.length < 2 * most) continue;
    names = names.sort().slice(0, most);
    end = names.at(-1);
  }
  return names
    .sort()
    .slice(0, most)
    .map((name) => waitingIn(state, name));
}

function waitingIn(state: State, name: string): Waiting {
  const box = state.mailboxes.get(name);
  if (box === undefined) return { name, held: 0, bytes: 0, oldest: 0 };
  const { count: held, bytes, acknowledged } = box;
  return { name, held, bytes, oldest: box.held.get(box.held.after(acknowledged))?.at ?? 0 };
}

// Each name once.
function* namesOf(state: State, collected: Iterable<string>): Generator<string> {
  for (const { name, count } of state.mailboxes.values()) if (count > 0) yield name;
  for (const name of collected) if ((state.mailboxes.get(name)?.count ?? 0) === 0) yield name;
}

/** Answers STATUS and LIST. An answer waits until everything that it tells is durable. */
export class Answers {
  /** The LIST that was asked last. They are answered one after the other, so that all of them together read one message at a time. */
  #list: Promise<void> = Promise.resolve();

  constructor(
    private readonly machine: Machine,
    private readonly delivery: Delivery,
    private readonly admission: Admission,
    private readonly retention: Retention,
  ) {}

  /** @param answered called when nothing more has to be read or computed for the answer */
  ask(question: Message<'STATUS' | 'LIST'>, client: Asker, answered: () => void): void {
    if (question.verb === 'LIST')
      this.#list = this.#list.then(() => this.#answerList(question, client)).finally(answered);
    else {
      this.#answerStatus(question, client);
      answered();
    }
  }

  #answerStatus({ after }: Message<'STATUS'>, client: Asker): void {
    const { machine, delivery, admission, retention } = this;
    const page = statusPage(machine.state, delivery.collected, after);
    machine.whenDurable(() => {
      for (const waiting of page) {
        const mailbox = this.#mailbox(waiting);
        // It was collected when the page was made, but not any more.
        if (mailbox.held > 0 || mailbox.connected === 'yes') client.send(mailbox);
      }
      const { used, total } = retention.disk;
      client.send({ verb: 'END', ...admission.usage, disk: `${used}/${total}` });
    });
  }

  #mailbox(waiting: Waiting): Message<'MAILBOX'> {
    const connected = this.delivery.collector(waiting.name) === undefined ? 'no' : 'yes';
    return { verb: 'MAILBOX', ...waiting, connected };
  }

  async #answerList({ name, after = 0 }: Message<'LIST'>, client: Asker): Promise<void> {
    if (!client.open) return;
    const { machine } = this;
    const mailbox = this.#mailbox(waitingIn(machine.state, name));
    const numbers = this.#numbers(name, after);
    await new Promise<void>((durable) => machine.whenDurable(durable));
    const items: Message<'ITEM'>[] = [];
    for (const seq of numbers) {
      const item = await this.#item(name, seq);
      if (item !== undefined) items.push(item);
    }
    for (const frame of [mailbox, ...items, { verb: 'END' } as const]) client.send(frame);
  }

  // The numbers of one page.
  #numbers(name: string, after: number): number[] {
    const box = this.machine.state.mailboxes.get(name);
    const numbers: number[] = [];
    let bytes = 0;
    let seq = Math.max(after, box?.acknowledged ?? 0);
    for (;;) {
      seq = box?.held.after(seq) ?? 0;
      bytes += box?.held.get(seq)?.size ?? 0;
      if (seq === 0 || numbers.length === LIST_PAGE || (numbers.length > 0 && bytes > LIST_BYTES))
        return numbers;
      numbers.push(seq);
    }
  }

  // Undefined if it is not held any more.
  async #item(name: string, seq: number): Promise<Message<'ITEM'> | undefined> {
    const { machine, delivery } = this;
    const placeNow = (): Place | undefined => machine.state.place(machine.state.mailboxes.get(name), seq);
    let message: StoredMessage | undefined;
    for (let place = placeNow(), read: Place | undefined; place?.lsn !== read?.lsn; place = placeNow()) {
      read = place;
      // If compaction has moved it meanwhile, it is read again from its new place.
      message = place && (await machine.records.read(place).catch(() => undefined));
    }
    const [box, place] = [machine.state.mailboxes.get(name), placeNow()];
    if (box === undefined || place === undefined) return undefined;
    const { at, size: bytes } = place;
    const item = { verb: 'ITEM', seq, at, bytes, attempts: delivery.attempts(box, seq) } as const;
    if (message === undefined) return { ...item, held: Math.max(0, machine.times().at - at) };
    const { id, from = machine.name, t, kind } = message;
    return { ...item, id, from, held: Math.max(0, machine.now - t), kind };
  }
}
