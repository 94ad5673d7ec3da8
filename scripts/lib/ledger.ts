// What a relay has promised and what it has delivered, as its clients saw it, and whether the two agree. Nothing here touches a socket.

import { createHash } from 'node:crypto';

/** The body of the message with this id: sender and receiver compute the same one. @param size in bytes */
export function bodyOf(from: string, id: string, size: number): Buffer {
  // It contains lines that look like the journal's own entries: they must not confuse the relay.
  const digest = createHash('sha256').update(`${from} ${id}`).digest('hex');
  const text = `${from} ${id} ${digest}\nACK to=bob seq=1000000 at=1 t=1\nEPOCH at=1 t=1\n`;
  return Buffer.alloc(size, text);
}

interface Sent {
  readonly to: string;
  readonly size: number;
  /** The number under which the relay stored it; undefined until STORED came. */
  seq: number | undefined;
}

interface Box {
  /** The message that has each number, as `from id`. */
  readonly bySeq: Map<number, string>;
  /** The numbers that were delivered, and the highest one that a receiver acknowledged. */
  readonly seen: Set<number>;
  acknowledged: number;
}

/** Everything that the clients of one relay know, taken together. */
export class Ledger {
  readonly violations: string[] = [];
  /** Answers STORED with dup=yes. */
  repeats = 0;
  /** Messages delivered, redeliveries included. */
  deliveries = 0;
  readonly #sent = new Map<string, Sent>();
  readonly #boxes = new Map<string, Box>();

  /** Records that a promise was broken. */
  violation(text: string): void {
    this.violations.push(text);
  }

  /** A sender is about to send this for the first time. */
  sends(from: string, id: string, to: string, size: number): void {
    this.#sent.set(`${from} ${id}`, { to, size, seq: undefined });
  }

  /** The relay said STORED. @param known had STORED come for it before this SEND was repeated? */
  stored(from: string, id: string, seq: number, dup: boolean, known: boolean): void {
    const key = `${from} ${id}`;
    const sent = this.#sent.get(key);
    if (sent === undefined) {
      this.violation(`STORED for ${key}, which nobody sent`);
      return;
    }
    if (dup) this.repeats += 1;
    if (known && !dup) this.violation(`${key} was stored before, and its repeat was not recognised`);
    if (sent.seq !== undefined && sent.seq !== seq)
      this.violation(`${key} was stored for ${sent.to} as ${sent.seq}, and again as ${seq}`);
    sent.seq = seq;
    this.#place(sent.to, seq, key);
  }

  /** The relay delivered a message. */
  delivered(to: string, seq: number, from: string, id: string, attempt: number, body: Buffer): void {
    const key = `${from} ${id}`;
    const sent = this.#sent.get(key);
    const { seen } = this.#box(to);
    this.deliveries += 1;
    if (sent === undefined || sent.to !== to) {
      this.violation(`${to} ${seq} is ${key}, which nobody sent there`);
      return;
    }
    if (!body.equals(bodyOf(from, id, sent.size)))
      this.violation(`${to} ${seq}: the body of ${key} is not what was sent`);
    if (sent.seq !== undefined && sent.seq !== seq)
      this.violation(`${key} was stored for ${to} as ${sent.seq}, and came as ${seq}`);
    sent.seq = seq;
    this.#place(to, seq, key);
    if (seen.has(seq) && attempt < 2) this.violation(`${to} ${seq} came again as attempt ${attempt}`);
    seen.add(seq);
  }

  /** A receiver has sent ACK. */
  acknowledges(to: string, seq: number): void {
    const box = this.#box(to);
    box.acknowledged = Math.max(box.acknowledged, seq);
  }

  /** The highest number that any receiver acknowledged. */
  acknowledged(to: string): number {
    return this.#box(to).acknowledged;
  }

  /** Call this when every mailbox has been emptied: checks that everything promised has come. @returns how many messages have come */
  settle(): number {
    let there = 0;
    for (const [key, { to, seq }] of this.#sent) {
      if (seq === undefined) continue;
      if (this.#box(to).seen.has(seq)) there += 1;
      else this.violation(`LOST: ${key} was stored for ${to} as ${seq}, and never came`);
    }
    for (const [to, { seen }] of this.#boxes) {
      const highest = Math.max(0, ...seen);
      if (highest !== seen.size)
        this.violation(`${to}: ${seen.size} numbers came, the highest was ${highest}`);
    }
    return there;
  }

  // A number belongs to one message for ever.
  #place(to: string, seq: number, key: string): void {
    const { bySeq } = this.#box(to);
    const other = bySeq.get(seq);
    if (other !== undefined && other !== key) this.violation(`${to} ${seq} is ${other}, and also ${key}`);
    bySeq.set(seq, key);
  }

  #box(to: string): Box {
    let box = this.#boxes.get(to);
    if (box === undefined) {
      box = { bySeq: new Map(), seen: new Set(), acknowledged: 0 };
      this.#boxes.set(to, box);
    }
    return box;
  }
}
