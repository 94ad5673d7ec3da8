// When messages with a ttl expire: a heap in typed arrays, 16 bytes a message. What was acknowledged meanwhile stays in it until its time
// comes or there is more of that than of anything else. Pure.

/** A message and the end of its ttl. */
export interface Deadline {
  /** The age clock of the log, in milliseconds. */
  readonly t: number;
  /** The serial number of the mailbox: never given to another one. Below 2^32. */
  readonly serial: number;
  readonly seq: number;
}

/** Messages of one array: 64 KiB. They are added one by one, so that growing holds nobody up. */
const PART = 4096;
const WORDS = 4;
/** Fewer are never swept. */
const SWEEP = 1024;

//     word 0       word 1                        word 2         word 3
//   t, low 32    t, high 16 | seq, high 16    seq, low 32     serial
/** Deadlines, the earliest first. */
export class Deadlines {
  readonly #parts: Uint32Array[] = [];
  #length = 0;
  #sweepAt = SWEEP;

  /** How many there are, those of messages that are gone included. */
  get length(): number {
    return this.#length;
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

  /** The earliest one; undefined if there is none. */
  get first(): Deadline | undefined {
    return this.#length === 0 ? undefined : this.#get(0);
  }

  /** Takes out the earliest one. */
  shift(): void {
    if (this.#length === 0) return;
    this.#length -= 1;
    this.#swap(0, this.#length);
    this.#sink(0);
    if (this.#parts.length > (this.#length >> 12) + 2) this.#parts.pop();
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
    this.#parts.length = Math.ceil(kept / PART);
    for (let at = (kept >> 1) - 1; at >= 0; at--) this.#sink(at);
    this.#sweepAt = Math.max(SWEEP, 2 * kept);
  }

  /** All of them as they are now, to be kept in a checkpoint. */
  freeze(): Uint32Array {
    const words = new Uint32Array(this.#length * WORDS);
    for (let at = 0; at < this.#length; at += PART)
      words.set(this.#part(at).subarray(0, (this.#length - at) * WORDS), at * WORDS);
    return words;
  }

  /** Takes over those of a checkpoint. There were none before. */
  restore(words: Uint32Array): void {
    this.#length = words.length / WORDS;
    for (let at = 0; at < this.#length; at += PART)
      this.#part(at).set(words.subarray(at * WORDS, (at + PART) * WORDS));
    this.#sweepAt = Math.max(SWEEP, 2 * this.#length);
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

  #part(at: number): Uint32Array {
    const index = at >> 12;
    this.#parts[index] ??= new Uint32Array(PART * WORDS);
    return this.#parts[index] as Uint32Array;
  }

  #t(at: number): number {
    const words = this.#part(at);
    const word = (at & (PART - 1)) * WORDS;
    return ((words[word + 1] ?? 0) & 0xffff) * 2 ** 32 + (words[word] ?? 0);
  }

  #get(at: number): Deadline {
    const words = this.#part(at);
    const word = (at & (PART - 1)) * WORDS;
    const seq = ((words[word + 1] ?? 0) >>> 16) * 2 ** 32 + (words[word + 2] ?? 0);
    return { t: this.#t(at), seq, serial: words[word + 3] ?? 0 };
  }

  #put(at: number, { t, serial, seq }: Deadline): void {
    const words = this.#part(at);
    const word = (at & (PART - 1)) * WORDS;
    words[word] = t;
    words[word + 1] = Math.floor(t / 2 ** 32) | (Math.floor(seq / 2 ** 32) << 16);
    words[word + 2] = seq;
    words[word + 3] = serial;
  }

  #swap(a: number, b: number): void {
    const deadline = this.#get(a);
    this.#put(a, this.#get(b));
    this.#put(b, deadline);
  }
}
