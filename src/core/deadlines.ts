// Deadlines: a heap in typed arrays, 16 bytes an item. An item that is no longer wanted stays in it until it is due, or until a sweep, when
// the heap has doubled since the last one. Pure.

import { Queue, type Queued } from './queue.ts';
import { Words } from './words.ts';

/** A deadline: when the item `seq` of an owner is due. */
export interface Deadline {
  /** When it is due, in milliseconds of any one clock; below 2^48. */
  readonly t: number;
  /** Identifies the owner. Below 2^32. */
  readonly serial: number;
  /** The number of the item at its owner. Below 2^48. */
  readonly seq: number;
}

/** A deadline that was due but has to wait until the clock shows `until`, in milliseconds. */
interface Aside extends Queued<Aside> {
  readonly deadline: Deadline;
  readonly until: number;
}

/** A heap with fewer items than this is never swept. */
const SWEEP = 1024;

/** Deadlines, the earliest first. */
export class Deadlines {
  //     word 0       word 1                        word 2         word 3
  //   t, low 32    t, high 16 | seq, high 16    seq, low 32     serial
  readonly #words = new Words(4);
  #length = 0;
  readonly #aside = new Queue<Aside>();
  #sweepAt = SWEEP;

  /** How many deadlines there are, including those that are no longer wanted. */
  get length(): number {
    return this.#length + this.#aside.length;
  }

  /** Adds a deadline. */
  add(deadline: Deadline): void {
    this.#put(this.#length, deadline);
    this.#length += 1;
    for (let at = this.#length - 1; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (this.#t(parent) <= this.#t(at)) break;
      this.#swap(parent, at);
      at = parent;
    }
  }

  /** The earliest deadline that is not set aside; undefined if there is none. */
  get first(): Deadline | undefined {
    return this.#length === 0 ? undefined : this.#get(0);
  }

  /** The earliest deadline if it is due; undefined if none is. @param now milliseconds of the clock that deadlines are in */
  due(now: number): Deadline | undefined {
    const back = this.#aside.first;
    if (back !== undefined && back.until <= now) {
      this.#aside.remove(back);
      this.add(back.deadline);
    }
    const { first } = this;
    return first !== undefined && first.t <= now ? first : undefined;
  }

  /** Adds a deadline that is due but must not be seen before the moment `until`. The moments must not fall from call to call. */
  setAside(deadline: Deadline, until: number): void {
    this.#aside.push({ deadline, until, before: undefined, after: undefined });
  }

  /** Removes the earliest deadline that is not set aside. */
  shift(): void {
    if (this.#length === 0) return;
    this.#length -= 1;
    this.#swap(0, this.#length);
    this.#sink(0);
    this.#words.cut(this.#length + 1);
  }

  /** Removes deadlines that are no longer wanted. It does nothing until the heap has doubled since the last sweep, so its cost stays low. */
  sweep(wanted: (deadline: Deadline) => boolean): void {
    if (this.#length < this.#sweepAt) return;
    let kept = 0;
    for (let at = 0; at < this.#length; at++) {
      const deadline = this.#get(at);
      if (wanted(deadline)) this.#put(kept++, deadline);
    }
    this.#length = kept;
    this.#words.cut(kept);
    this.#order();
    this.#sweepAt = Math.max(SWEEP, 2 * kept);
  }

  /** A copy of all deadlines as they are now, 4 words each. */
  freeze(): Uint32Array {
    let end = this.#length;
    for (const { deadline } of this.#aside) this.#put(end++, deadline);
    return this.#words.copy(end);
  }

  /** Takes over what `freeze` returned. There must be no deadlines before. */
  restore(words: Uint32Array): void {
    this.#length = this.#words.restore(words);
    this.#order();
    this.#sweepAt = Math.max(SWEEP, 2 * this.#length);
  }

  #order(): void {
    for (let at = (this.#length >> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  #sink(from: number): void {
    for (let at = from; ; ) {
      let child = 2 * at + 1;
      if (child >= this.#length) return;
      if (child + 1 < this.#length && this.#t(child + 1) < this.#t(child)) child += 1;
      if (this.#t(at) <= this.#t(child)) return;
      this.#swap(at, child);
      at = child;
    }
  }

  #t(at: number): number {
    return (this.#words.get(at, 1) & 0xffff) * 2 ** 32 + this.#words.get(at, 0);
  }

  #get(at: number): Deadline {
    const seq = (this.#words.get(at, 1) >>> 16) * 2 ** 32 + this.#words.get(at, 2);
    return { t: this.#t(at), seq, serial: this.#words.get(at, 3) };
  }

  #put(at: number, { t, serial, seq }: Deadline): void {
    const high = Math.floor(t / 2 ** 32) | (Math.floor(seq / 2 ** 32) << 16);
    this.#words.set(at, 0, t);
    this.#words.set(at, 1, high);
    this.#words.set(at, 2, seq);
    this.#words.set(at, 3, serial);
  }

  #swap(a: number, b: number): void {
    const deadline = this.#get(a);
    this.#put(a, this.#get(b));
    this.#put(b, deadline);
  }
}
