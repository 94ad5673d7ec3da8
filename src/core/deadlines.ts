// What is due when: a heap in typed arrays, 16 bytes an item. What is not wanted any more stays in it until its time comes or there is more
// of that than of anything else. Pure.

import { Queue, type Queued } from './queue.ts';
import { Words } from './words.ts';

/** Something that is due: the `seq`th thing of an owner. */
export interface Deadline {
  /** When, in milliseconds of any clock; below 2^48. */
  readonly t: number;
  /** Stands for the owner. Below 2^32. */
  readonly serial: number;
  /** Below 2^48. */
  readonly seq: number;
}

/** One that was due and has to wait, for a reason that is no part of it. */
interface Aside extends Queued<Aside> {
  readonly deadline: Deadline;
  readonly until: number;
}

/** Fewer are never swept. */
const SWEEP = 1024;

/** Deadlines, the earliest first. */
export class Deadlines {
  //     word 0       word 1                        word 2         word 3
  //   t, low 32    t, high 16 | seq, high 16    seq, low 32     serial
  readonly #words = new Words(4);
  #length = 0;
  readonly #aside = new Queue<Aside>();
  #sweepAt = SWEEP;

  /** How many there are, those that nobody wants any more included. */
  get length(): number {
    return this.#length + this.#aside.length;
  }

  /** Adds one. */
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

  /** The earliest one that is not set aside; undefined if there is none. */
  get first(): Deadline | undefined {
    return this.#length === 0 ? undefined : this.#get(0);
  }

  /** The earliest one if it is due; undefined if none is. */
  due(now: number): Deadline | undefined {
    const back = this.#aside.first;
    if (back !== undefined && back.until <= now) {
      this.#aside.remove(back);
      this.add(back.deadline);
    }
    const { first } = this;
    return first !== undefined && first.t <= now ? first : undefined;
  }

  /** Adds one that is due, and is not to be seen before a moment. The moments rise from call to call. */
  setAside(deadline: Deadline, until: number): void {
    this.#aside.push({ deadline, until, before: undefined, after: undefined });
  }

  /** Takes out the earliest one. */
  shift(): void {
    if (this.#length === 0) return;
    this.#length -= 1;
    this.#swap(0, this.#length);
    this.#sink(0);
    this.#words.cut(this.#length + 1);
  }

  /** Lets go of what is not wanted any more, once so many have gathered that it costs little for each. */
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

  /** All of them as they are now, 4 words each. */
  freeze(): Uint32Array {
    let end = this.#length;
    for (const { deadline } of this.#aside) this.#put(end++, deadline);
    return this.#words.copy(end);
  }

  /** Takes over what `freeze` gave. There were none before. */
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
