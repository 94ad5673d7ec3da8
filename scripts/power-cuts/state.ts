// The guest's state: which put entries are live, and where they stand in the log. `apply` is the one way in, when an entry is appended and
// when it comes back, and it checks: the next number, the very bytes, and nothing ended that is not due.

import type { Lsn } from '../../src/async/log/log.ts';
import { decode, type Entry, encodeNumbers, type History } from './history.ts';

/** A checkpoint is drawn in pieces of so many bytes, to have several. */
const PIECE = 1200;

/** What the log's entries come to. */
export class State {
  /** The newest entry that has a number. */
  last = 0;
  /** Where each live put entry stands. */
  readonly live = new Map<number, Lsn>();
  readonly #history: History;
  // What each delete entry to come will end.
  readonly #due = new Map<number, number[]>();
  #lsn = -1;

  constructor(history: History) {
    this.#history = history;
  }

  /** The next entry. */
  next(): Entry {
    const number = this.last + 1;
    return this.#history.deletes(number)
      ? { kind: 'delete', number, ended: this.#due.get(number) ?? [] }
      : { kind: 'put', number, body: this.#history.body(number) };
  }

  /** @throws Error if the entry is not the one that must come next */
  apply(entry: Entry, lsn: Lsn): void {
    if (lsn <= this.#lsn) throw new Error(`LSN ${lsn} came after LSN ${this.#lsn}`);
    this.#lsn = lsn;
    const { number } = entry;
    if (entry.kind === 'move') {
      if (entry.after !== this.last) throw new Error(`the move of ${number} came after ${this.last}`);
      this.check(entry);
      if (this.live.has(number)) this.live.set(number, lsn);
      return;
    }
    if (number !== this.last + 1) throw new Error(`entry ${number} came after entry ${this.last}`);
    if ((entry.kind === 'delete') !== this.#history.deletes(number))
      throw new Error(`entry ${number} is a ${entry.kind} entry`);
    if (entry.kind === 'put') {
      this.check(entry);
      this.#put(number, lsn);
    } else {
      const due = this.#due.get(number) ?? [];
      if (entry.ended.join() !== due.join())
        throw new Error(`entry ${number} ends ${entry.ended}, not ${due}`);
      this.#due.delete(number);
      for (const ended of due) this.live.delete(ended);
    }
    this.last = number;
  }

  /** @throws Error if the body of a put entry, or of its move, is not what was written */
  check(entry: Entry): void {
    if (entry.kind === 'delete') throw new Error(`entry ${entry.number} is a delete entry`);
    if (!entry.body.equals(this.#history.body(entry.number)))
      throw new Error(`the body of entry ${entry.number} was changed`);
  }

  /** @throws Error if these are not the bytes of the live entry */
  checkRead(number: number, bytes: Buffer): void {
    const entry = decode(bytes);
    if (entry.number !== number) throw new Error(`entry ${entry.number} stands where entry ${number} stood`);
    this.check(entry);
  }

  #put(number: number, lsn: Lsn): void {
    this.live.set(number, lsn);
    const end = this.#history.endOf(number);
    const due = this.#due.get(end);
    if (due === undefined) this.#due.set(end, [number]);
    else due.push(number);
  }

  /** The state as it is now, for a checkpoint; it may change while the pieces are drawn. */
  freeze(): Uint8Array[] {
    const bytes = encodeNumbers([this.last, this.#lsn + 1, ...[...this.live].flat()]);
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += PIECE) pieces.push(bytes.subarray(at, at + PIECE));
    return pieces;
  }

  /** Begins anew from a checkpoint. @throws Error if that is not the state after its last entry */
  async thaw(pieces: AsyncIterable<Buffer>): Promise<void> {
    this.live.clear();
    this.#due.clear();
    const parts: Buffer[] = [];
    for await (const piece of pieces) parts.push(Buffer.from(piece));
    const bytes = Buffer.concat(parts);
    const numbers: number[] = [];
    for (let at = 0; at < bytes.length; at += 6) numbers.push(bytes.readUIntLE(at, 6));
    const [last = 0, after = 0, ...pairs] = numbers;
    this.last = last;
    this.#lsn = after - 1;
    const places = new Map<number, Lsn>();
    for (let at = 0; at < pairs.length; at += 2) places.set(pairs[at] ?? 0, pairs[at + 1] ?? 0);
    for (const number of this.#history.liveAt(last)) {
      const lsn = places.get(number);
      if (lsn === undefined) throw new Error(`the checkpoint after entry ${last} lacks entry ${number}`);
      this.#put(number, lsn);
    }
    if (places.size !== this.live.size)
      throw new Error(`the checkpoint after entry ${last} holds ended entries`);
  }
}
