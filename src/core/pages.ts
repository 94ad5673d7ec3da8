// A sparse list of 16-byte items by ascending number, in pages of typed arrays. A page without items does not exist. Pages can be
// frozen: then they are copied before they change. Pure.

/** The most items in one page: 16 KiB. A new page has room for one item, then for `SMALLEST`; after that its room doubles. */
const PAGE = 1024;
const SMALLEST = 4;
/** How many 32-bit words an item has. */
const WORDS = 4;

/** The words of some items. A single item is in a plain array, because a typed array takes 200 bytes besides its content. */
export type ItemWords = Uint32Array | number[];

/** How an item is written into four words of 32 bits. Its second word must not be 0: that marks a missing item. */
export interface Codec<T> {
  /** Writes an item into the four words from `at` on, as unsigned numbers of 32 bits. */
  write(words: ItemWords, at: number, item: T): void;
  /** Reads an item from the four words from `at` on. */
  read(words: ItemWords, at: number): T;
}

/** A range of consecutive numbers, each with or without an item. */
interface Page {
  readonly first: number;
  /** How many numbers it covers. */
  length: number;
  /** How many of them have an item. */
  count: number;
  words: ItemWords;
  /** Are these words frozen? Then they are copied before they change. */
  shared: boolean;
}

/** A page as it was when it was frozen. */
export interface FrozenPage {
  readonly first: number;
  readonly words: Uint32Array;
}

/** Items by number. */
export class Pages<T> {
  #pages: Page[] = [];

  /** @param total counts the numbers in all pages of several lists, with or without an item: each takes 16 bytes */
  constructor(
    private readonly codec: Codec<T>,
    private readonly total = { slots: 0 },
  ) {}

  /** Sets an item. A new item usually has the highest number. */
  put(seq: number, item: T): void {
    const page = this.#pageOf(seq) ?? this.#add(seq);
    const at = (seq - page.first) * WORDS;
    if (!isThere(page.words, at)) page.count += 1;
    this.codec.write(own(page), at, item);
  }

  // Makes room for a number that is in no page: in the last page if the number comes next, otherwise in a page of its own.
  #add(seq: number): Page {
    const last = this.#pages.at(-1);
    const end = last === undefined ? 0 : last.first + last.length;
    this.total.slots += 1;
    if (last !== undefined && seq === end && last.length < PAGE) {
      if (last.length * WORDS === last.words.length) {
        const items = last.length === 1 ? SMALLEST : Math.min(2 * last.length, PAGE);
        const words = new Uint32Array(items * WORDS);
        words.set(last.words);
        last.words = words;
        last.shared = false;
      }
      last.length += 1;
      return last;
    }
    const page: Page = { first: seq, length: 1, count: 0, words: [0, 0, 0, 0], shared: false };
    // Not pushed: a push to an empty array reserves room for many more.
    if (last === undefined) this.#pages = [page];
    else this.#pages.splice(this.#indexAfter(seq), 0, page);
    return page;
  }

  /** The item with this number; undefined if there is none. */
  get(seq: number): T | undefined {
    const page = this.#pageOf(seq);
    const at = page === undefined ? 0 : (seq - page.first) * WORDS;
    return page !== undefined && isThere(page.words, at) ? this.codec.read(page.words, at) : undefined;
  }

  /** The first number above this one that has an item; 0 if there is none. */
  after(seq: number): number {
    for (let at = this.#indexAfter(seq); at < this.#pages.length; at++) {
      const { first, length, words } = this.#pages[at] as Page;
      for (let slot = Math.max(0, seq + 1 - first); slot < length; slot++)
        if (isThere(words, slot * WORDS)) return first + slot;
    }
    return 0;
  }

  /** Removes an item. */
  remove(seq: number): void {
    const page = this.#pageOf(seq);
    if (page === undefined || !isThere(page.words, (seq - page.first) * WORDS)) return;
    own(page).fill(0, (seq - page.first) * WORDS, (seq - page.first + 1) * WORDS);
    page.count -= 1;
    if (page.count > 0) return;
    this.#pages.splice(this.#pages.indexOf(page), 1);
    this.total.slots -= page.length;
  }

  /** Removes pages that contain nothing above a number. The other pages keep all their items. */
  dropUpTo(seq: number): void {
    let gone = 0;
    for (const { first, length } of this.#pages) {
      if (first + length - 1 > seq) break;
      gone += 1;
      this.total.slots -= length;
    }
    if (gone > 0) this.#pages.splice(0, gone);
  }

  /** Calls back for each item above a number, in order. */
  each(above: number, found: (seq: number, item: T) => void): void {
    for (const { first, length, words } of this.#pages)
      for (let slot = Math.max(0, above + 1 - first); slot < length; slot++)
        if (isThere(words, slot * WORDS)) found(first + slot, this.codec.read(words, slot * WORDS));
  }

  /** The pages as they are now. They do not change when the list does. */
  freeze(): FrozenPage[] {
    return this.#pages.map((page) => {
      const { first, length, words } = page;
      if (!(words instanceof Uint32Array)) return { first, words: Uint32Array.from(words) };
      page.shared = true;
      return { first, words: words.subarray(0, length * WORDS) };
    });
  }

  /** Takes over a frozen page, which must be above all others. @param above only items above this number are kept */
  restore({ first, words }: FrozenPage, above: number): void {
    const length = words.length / WORDS;
    words.fill(0, 0, Math.min(Math.max(0, above + 1 - first), length) * WORDS);
    let count = 0;
    for (let slot = 0; slot < length; slot++) if (isThere(words, slot * WORDS)) count += 1;
    if (count === 0) return;
    const page: Page = { first, length, count, words: length === 1 ? [...words] : words, shared: false };
    if (this.#pages.length === 0) this.#pages = [page];
    else this.#pages.push(page);
    this.total.slots += length;
  }

  // The index of the first page that may have something above `seq`.
  #indexAfter(seq: number): number {
    // Usually it is the last page, where new items go.
    let high = this.#pages.length;
    let low = (this.#pages[high - 1]?.first ?? 0) <= seq + 1 ? Math.max(0, high - 1) : 0;
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

const isThere = (words: ItemWords, at: number): boolean => words[at + 1] !== 0;

// Copy on write.
function own(page: Page): ItemWords {
  if (page.shared) page.words = page.words.slice();
  page.shared = false;
  return page.words;
}
