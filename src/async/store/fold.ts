// What the records of a journal mean, taken one after the other: mailboxes, messages held, ids remembered.
// Pure: it knows no file and no time. A record that is read twice (a copy, a commit written again) changes nothing.

import { Forgotten } from './forgotten.ts';
import type { JournalRecord } from './record.ts';
import type { HeldMessage, MailboxState, Recovered, Ref, RememberedId } from './store.ts';

interface Box {
  next: number;
  watermark: number;
  tried: number;
  open: boolean;
  readonly messages: Map<number, HeldMessage>;
}

/** When an id was said last: in which commit, and as which of all records that were read. No clock is asked: it may have been set back. */
interface Told extends RememberedId {
  readonly order: number;
  readonly nth: number;
}

/** Takes records in the order of the journal and says at the end what is left. */
export class Fold {
  readonly #boxes = new Map<string, Box>();
  /** By `from id`, once for each session that has it. */
  readonly #remembered = new Map<string, Told[]>();
  #nth = 0;
  /** Where mailboxes were forgotten, for those who read older parts of the journal later. */
  readonly forgotten = new Forgotten();

  /** @param ref where the record lies @param n the number of its commit */
  take(record: JournalRecord, ref: Ref, n: number): void {
    switch (record.kind) {
      case 'send':
        this.#send(record, ref, n);
        return;
      case 'ack': {
        const box = this.#box(record.to);
        box.next = Math.max(box.next, record.seq + 1);
        box.watermark = Math.max(box.watermark, record.seq);
        // In insertion order, which but for copies is the order of seq: what stays behind by that is left out at the end.
        for (const seq of box.messages.keys()) {
          if (seq > box.watermark) break;
          box.messages.delete(seq);
        }
        return;
      }
      case 'expire': {
        const box = this.#box(record.to);
        box.next = Math.max(box.next, record.seq + 1);
        box.messages.delete(record.seq);
        return;
      }
      case 'open':
        this.#box(record.to).open = true;
        return;
      case 'forget':
        this.#boxes.delete(record.to);
        this.forgotten.begin(record.to)(ref.segment, ref.offset);
        return;
      case 'mailbox': {
        const box = this.#box(record.to);
        box.next = Math.max(box.next, record.next);
        box.watermark = Math.max(box.watermark, record.watermark);
        box.tried = Math.max(box.tried, record.tried);
        box.open ||= record.open;
        return;
      }
      case 'remember': {
        const { kind: _, ...remembered } = record;
        this.#remember(remembered, remembered.order ?? n);
        return;
      }
      case 'life':
        for (const box of this.#boxes.values()) {
          if (box.open) box.tried = box.next - 1;
          box.open = false;
        }
        return;
      case 'drop':
        return;
    }
  }

  #send(record: Extract<JournalRecord, { kind: 'send' }>, ref: Ref, n: number): void {
    const { kind: _, crc, ...message } = record;
    const { session, from, id, to, seq, size, at } = message;
    const box = this.#box(to);
    box.next = Math.max(box.next, seq + 1);
    if (seq > box.watermark) box.messages.set(seq, { ...message, ref });
    if (session !== undefined) this.#remember({ session, from, id, to, seq, size, crc, at }, n);
  }

  #remember(remembered: RememberedId, order: number): void {
    const { from, id, session, to, seq } = remembered;
    const known = this.#remembered.get(`${from} ${id}`);
    this.#nth += 1;
    const one = { ...remembered, order, nth: this.#nth };
    // Another message under the same id: the one before had been forgotten when that came.
    if (known === undefined || known[0]?.to !== to || known[0].seq !== seq) {
      this.#remembered.set(`${from} ${id}`, [one]);
      return;
    }
    const mine = known.findIndex((other) => other.session === session);
    const copied = remembered.order !== undefined;
    if (mine === -1) known.push(one);
    // A copy of an older record may stand behind a newer one, or behind the very record that it was copied from.
    else if (!copied || (known[mine]?.order ?? 0) < order) known[mine] = one;
  }

  #box(name: string): Box {
    let box = this.#boxes.get(name);
    if (box === undefined) {
      box = { next: 1, watermark: 0, tried: 0, open: false, messages: new Map() };
      this.#boxes.set(name, box);
    }
    return box;
  }

  /** What the records come to. Nothing may be taken after it. */
  result(): Recovered {
    const mailboxes = new Map<string, MailboxState & { messages: readonly HeldMessage[] }>();
    for (const [name, { next, watermark, tried, open, messages }] of this.#boxes) {
      const held = [...messages.values()].filter((m) => m.seq > watermark).sort((a, b) => a.seq - b.seq);
      mailboxes.set(name, { next, watermark, tried, open, messages: held });
    }
    const remembered = [...this.#remembered.values()]
      .flat()
      .sort((a, b) => a.order - b.order || a.nth - b.nth);
    return { mailboxes, remembered };
  }
}
