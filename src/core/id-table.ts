// A hash table in typed arrays: 64-bit keys, each with a number, a second hash and a reference count. 32 bytes a key. Pure.

import type { Hash } from './hash.ts';
import { Words } from './words.ts';

/** What is kept under a key. */
export interface Kept {
  readonly key: Hash;
  /** The number of a message; below 2^48. */
  readonly seq: number;
  /** A second hash, to check that a repeat is the same message. */
  readonly proof: Hash;
}

const SMALLEST_HEADS = 4096;
// Indexes of words in a record. `NEXT` holds the next record of its chain, or the next unused record, plus 1; 0: none.
const [LOW, HOLDERS, NEXT] = [1, 6, 7];

/** Records by key. A record keeps its index as long as its reference count is above 0. */
export class IdTable {
  //   word 0     1        2      3          4           5            6        7
  //   key high, key low, seq high, seq low, proof high, proof low, holders, next
  readonly #words = new Words(8);
  /** The first record of each chain of records in the same slot, plus 1; 0: none. */
  #heads = new Uint32Array(SMALLEST_HEADS);
  /** The first unused record, plus 1; 0: none. Records from `#made` on have never been used. */
  #unused = 0;
  #made = 0;
  #count = 0;

  /** How many keys there are. */
  get count(): number {
    return this.#count;
  }

  /** How many records there are, used or not. */
  get most(): number {
    return this.#made;
  }

  /** The record of a key; -1 if there is none. */
  find({ high, low }: Hash): number {
    for (let next = this.#heads[this.#chain(low)] ?? 0; next !== 0; next = this.#words.get(next - 1, NEXT))
      if (this.#words.get(next - 1, 0) === high && this.#words.get(next - 1, LOW) === low) return next - 1;
    return -1;
  }

  /** The content of a record. */
  read(record: number): Kept {
    const word = (index: number): number => this.#words.get(record, index);
    return {
      key: { high: word(0), low: word(LOW) },
      seq: word(2) * 2 ** 32 + word(3),
      proof: { high: word(4), low: word(5) },
    };
  }

  /** Writes a record. @param known the record of this key; -1: make a new one, with a reference count of 0. @returns the record */
  write({ key, seq, proof }: Kept, known: number): number {
    let record = known;
    if (record < 0) {
      record = this.#unused > 0 ? this.#unused - 1 : this.#made++;
      if (this.#unused > 0) this.#unused = this.#words.get(record, NEXT);
      this.#words.set(record, 0, key.high);
      this.#words.set(record, LOW, key.low);
      this.#words.set(record, HOLDERS, 0);
      this.#add(record);
    }
    this.#words.set(record, 2, Math.floor(seq / 2 ** 32));
    this.#words.set(record, 3, seq);
    this.#words.set(record, 4, proof.high);
    this.#words.set(record, 5, proof.low);
    return record;
  }

  /** Raises the reference count of a record. */
  hold(record: number): void {
    this.#words.set(record, HOLDERS, this.#words.get(record, HOLDERS) + 1);
  }

  /** Lowers the reference count of a record. At 0 the record is removed. */
  release(record: number): void {
    const left = this.#words.get(record, HOLDERS) - 1;
    this.#words.set(record, HOLDERS, left);
    if (left > 0) return;
    const chain = this.#chain(this.#words.get(record, LOW));
    const next = this.#words.get(record, NEXT);
    if (this.#heads[chain] === record + 1) this.#heads[chain] = next;
    else {
      let before = (this.#heads[chain] ?? 0) - 1;
      while (this.#words.get(before, NEXT) !== record + 1) before = this.#words.get(before, NEXT) - 1;
      this.#words.set(before, NEXT, next);
    }
    this.#free(record);
    this.#count -= 1;
  }

  /** A copy of the records as they are now, 8 words each. */
  freeze(): Uint32Array {
    return this.#words.copy(this.#made);
  }

  /** Takes over what `freeze` returned. There must be no records before. */
  refill(records: Uint32Array): void {
    this.#made = this.#words.restore(records);
    for (let record = 0; record < this.#made; record++)
      if (this.#words.get(record, HOLDERS) === 0) this.#free(record);
      else this.#add(record);
  }

  #chain(low: number): number {
    return low & (this.#heads.length - 1);
  }

  #add(record: number): void {
    if (this.#count === this.#heads.length) this.#widen();
    this.#link(record);
    this.#count += 1;
  }

  #link(record: number): void {
    const chain = this.#chain(this.#words.get(record, LOW));
    this.#words.set(record, NEXT, this.#heads[chain] ?? 0);
    this.#heads[chain] = record + 1;
  }

  #free(record: number): void {
    this.#words.set(record, NEXT, this.#unused);
    this.#unused = record + 1;
  }

  // This takes some ten milliseconds at half a million keys.
  #widen(): void {
    const before = this.#heads;
    this.#heads = new Uint32Array(2 * before.length);
    for (const head of before)
      for (let next = head; next !== 0; ) {
        const record = next - 1;
        next = this.#words.get(record, NEXT);
        this.#link(record);
      }
  }
}
