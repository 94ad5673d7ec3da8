// The index of what one mailbox holds: 16 bytes a message, in pages of typed arrays, by number. The message itself lies in the log. Numbers
// have holes (what expired): a page without a message does not exist. Pure.

import type { Lsn } from './log/log.ts';

/** Where a message lies, and what must be known of it without reading it. */
export interface Place {
  /** Of the entry. */
  readonly lsn: Lsn;
  /** Which of the frames in it, from 0; below `MOST_FRAMES`. */
  readonly index: number;
  /** Of the body, in bytes; below 2^21. */
  readonly size: number;
  /** When it was taken, epoch milliseconds. */
  readonly at: number;
  /** Does its sender want a notice? */
  readonly notify: boolean;
}

/** The most frames in one entry: 11 bits. */
export const MOST_FRAMES = 2048;

/** Messages of one page at the most: 16 KiB. A new page has room for a few, and doubles. */
const PAGE = 1024;
const SMALLEST = 4;
const WORDS = 4;

//        word 0        word 1                                              word 2        word 3
//   lsn, low 32    lsn, high 16 | held 1 | notify 1 | 4 free | at, high 10    at, low 32    index 11 | size 21
const HELD = 1 << 16;
const NOTIFY = 1 << 17;
const AT_SHIFT = 22;
const SIZE_BITS = 21;

/** Consecutive numbers, held or not. */
interface Page {
  readonly first: number;
  /** How many numbers have been given. */
  length: number;
  /** How many of them are held, acknowledged ones included. */
  held: number;
  words: Uint32Array;
  /** Does a checkpoint that is being made read these words? Then they are copied before they change. */
  shared: boolean;
}

/** A page as it was when a checkpoint was taken. */
export interface FrozenPage {
  readonly first: number;
  readonly words: Uint32Array;
}

/** The messages that a mailbox holds. */
export class HeldMessages {
  #pages: Page[] = [];
  readonly #total: { slots: number };

  /** @param total counts the numbers in the pages of all mailboxes, held or not: each is 16 bytes of a checkpoint */
  constructor(total = { slots: 0 }) {
    this.#total = total;
  }

  /** Adds a message that is not held. Its number is mostly above all others. */
  put(seq: number, place: Place): void {
    const last = this.#pages.at(-1);
    if (last === undefined || seq >= last.first + last.length) this.#append(seq, place);
    else this.#insert(seq, place);
  }

  #append(seq: number, place: Place): void {
    let page = this.#pages.at(-1);
    if (page === undefined || seq !== page.first + page.length || page.length === PAGE) {
      page = { first: seq, length: 0, held: 0, words: new Uint32Array(SMALLEST * WORDS), shared: false };
      this.#pages.push(page);
    }
    if (page.length * WORDS === page.words.length) {
      const words = new Uint32Array(Math.min(2 * page.words.length, PAGE * WORDS));
      words.set(page.words);
      page.words = words;
      page.shared = false;
    }
    // Beyond what a checkpoint has taken: no copy is needed.
    write(page.words, page.length * WORDS, place);
    page.length += 1;
    page.held += 1;
    this.#total.slots += 1;
  }

  // Into a hole. Only after a loss: a MOVE brings back what is missing.
  #insert(seq: number, place: Place): void {
    let page = this.#pageOf(seq);
    if (page === undefined) {
      page = { first: seq, length: 1, held: 0, words: new Uint32Array(WORDS), shared: false };
      this.#pages.splice(this.#indexAfter(seq), 0, page);
      this.#total.slots += 1;
    }
    write(own(page), (seq - page.first) * WORDS, place);
    page.held += 1;
  }

  /** Where a message lies; undefined if it is not held. */
  get(seq: number): Place | undefined {
    const page = this.#pageOf(seq);
    return page === undefined ? undefined : read(page.words, (seq - page.first) * WORDS);
  }

  /** The first message that is held above a number; 0: none. */
  after(seq: number): number {
    for (let at = this.#indexAfter(seq); at < this.#pages.length; at++) {
      const { first, length, words } = this.#pages[at] as Page;
      for (let slot = Math.max(0, seq + 1 - first); slot < length; slot++)
        if (((words[slot * WORDS + 1] ?? 0) & HELD) !== 0) return first + slot;
    }
    return 0;
  }

  /** Takes out one message. */
  remove(seq: number): void {
    const page = this.#pageOf(seq);
    if (page === undefined || read(page.words, (seq - page.first) * WORDS) === undefined) return;
    own(page).fill(0, (seq - page.first) * WORDS, (seq - page.first + 1) * WORDS);
    page.held -= 1;
    if (page.held > 0) return;
    this.#pages.splice(this.#pages.indexOf(page), 1);
    this.#total.slots -= page.length;
  }

  /** Forgets pages that have nothing above a number: what they hold is acknowledged. The others keep what they have. */
  dropUpTo(seq: number): void {
    let gone = 0;
    for (const { first, length } of this.#pages) {
      if (first + length - 1 > seq) break;
      gone += 1;
      this.#total.slots -= length;
    }
    if (gone > 0) this.#pages.splice(0, gone);
  }

  /** A message lies somewhere else now. */
  move(seq: number, place: Place): void {
    const page = this.#pageOf(seq);
    if (page !== undefined) write(own(page), (seq - page.first) * WORDS, place);
  }

  /** Calls back for each message above a number, in order. */
  each(above: number, found: (seq: number, place: Place) => void): void {
    for (const { first, length, words } of this.#pages)
      for (let slot = Math.max(0, above + 1 - first); slot < length; slot++) {
        const place = read(words, slot * WORDS);
        if (place !== undefined) found(first + slot, place);
      }
  }

  /** The pages as they are now: they stay so while a checkpoint writes them. */
  freeze(): FrozenPage[] {
    return this.#pages.map((page) => {
      page.shared = true;
      return { first: page.first, words: page.words.subarray(0, page.length * WORDS) };
    });
  }

  /** Takes over a page of a checkpoint, above all others. @param above messages up to this number are acknowledged */
  restore({ first, words }: FrozenPage, above: number): void {
    const length = words.length / WORDS;
    let held = 0;
    for (let slot = 0; slot < length; slot++) {
      if (first + slot <= above) words.fill(0, slot * WORDS, (slot + 1) * WORDS);
      else if (((words[slot * WORDS + 1] ?? 0) & HELD) !== 0) held += 1;
    }
    if (held === 0) return;
    this.#pages.push({ first, length, held, words, shared: false });
    this.#total.slots += length;
  }

  // The index of the first page that may hold something above `seq`.
  #indexAfter(seq: number): number {
    let low = 0;
    let high = this.#pages.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const { first, length } = this.#pages[middle] as Page;
      if (first + length - 1 > seq) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #pageOf(seq: number): Page | undefined {
    const page = this.#pages[this.#indexAfter(seq - 1)];
    return page !== undefined && page.first <= seq ? page : undefined;
  }
}

// Copy on write.
function own(page: Page): Uint32Array {
  if (page.shared) page.words = page.words.slice();
  page.shared = false;
  return page.words;
}

function write(words: Uint32Array, at: number, { lsn, index, size, at: taken, notify }: Place): void {
  words[at] = lsn;
  words[at + 1] =
    Math.floor(lsn / 2 ** 32) | HELD | (notify ? NOTIFY : 0) | (Math.floor(taken / 2 ** 32) << AT_SHIFT);
  words[at + 2] = taken;
  words[at + 3] = (index << SIZE_BITS) | size;
}

function read(words: Uint32Array, at: number): Place | undefined {
  const mixed = words[at + 1] ?? 0;
  if ((mixed & HELD) === 0) return undefined;
  const last = words[at + 3] ?? 0;
  return {
    lsn: (mixed & 0xffff) * 2 ** 32 + (words[at] ?? 0),
    index: last >>> SIZE_BITS,
    size: last & (2 ** SIZE_BITS - 1),
    at: (mixed >>> AT_SHIFT) * 2 ** 32 + (words[at + 2] ?? 0),
    notify: (mixed & NOTIFY) !== 0,
  };
}
