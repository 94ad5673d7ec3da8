// How many bytes of the journal are still of use: what the size of the files is measured against. For each held message it keeps
// a number and a length; of what was carried forward (ids, states of mailboxes) it counts the bytes of each segment as if all
// of it were of use until the segment goes. No body, no file.

const FIRST_PAGE = 16;
const LARGEST_PAGE = 4096;

// Pages, not one growing array: to double a large one would hold up the event loop.
interface Page {
  readonly seqs: Float64Array;
  readonly lengths: Uint32Array;
  from: number;
  to: number;
}

/** What is still of use in a journal, in bytes. */
export class Live {
  readonly #boxes = new Map<string, Page[]>();
  readonly #carriedTo = new Map<number, number>();
  #carried = 0;
  #bytes = 0;
  #freed = 0;

  /** Bytes of all that is held or was carried forward. */
  get bytes(): number {
    return this.#bytes + this.#carried;
  }

  /** Something else than a message was carried forward, to this segment. */
  carry(segment: number, bytes: number): void {
    this.#carriedTo.set(segment, (this.#carriedTo.get(segment) ?? 0) + bytes);
    this.#carried += bytes;
  }

  /** A segment is gone. */
  drop(segment: number): void {
    this.#carried -= this.#carriedTo.get(segment) ?? 0;
    this.#carriedTo.delete(segment);
  }

  /** Bytes that ceased to be held, since the beginning. */
  get freed(): number {
    return this.#freed;
  }

  /** A message is held. Of one mailbox they come in ascending order. */
  add(to: string, seq: number, length: number): void {
    let pages = this.#boxes.get(to);
    if (pages === undefined) {
      pages = [];
      this.#boxes.set(to, pages);
    }
    let page = pages.at(-1);
    if (page === undefined || page.to === page.seqs.length) {
      const size = page === undefined ? FIRST_PAGE : Math.min(LARGEST_PAGE, page.seqs.length * 4);
      page = { seqs: new Float64Array(size), lengths: new Uint32Array(size), from: 0, to: 0 };
      pages.push(page);
    }
    page.seqs[page.to] = seq;
    page.lengths[page.to] = length;
    page.to += 1;
    this.#bytes += length;
  }

  /** Everything up to and including `seq` is gone. */
  acknowledge(to: string, seq: number): void {
    const pages = this.#boxes.get(to);
    if (pages === undefined) return;
    let whole = 0;
    for (const page of pages) {
      while (page.from < page.to && (page.seqs[page.from] as number) <= seq) this.#free(page, page.from++);
      if (page.from < page.to) break;
      whole += 1;
    }
    pages.splice(0, whole);
    if (pages.length === 0) this.#boxes.delete(to);
  }

  /** This one is gone. */
  expire(to: string, seq: number): void {
    for (const page of this.#boxes.get(to) ?? []) {
      if ((page.seqs[page.to - 1] as number) < seq) continue;
      const index = page.seqs.subarray(page.from, page.to).indexOf(seq);
      if (index !== -1) this.#free(page, page.from + index);
      return;
    }
  }

  /** Everything of this mailbox is gone. */
  forget(to: string): void {
    this.acknowledge(to, Number.POSITIVE_INFINITY);
  }

  #free(page: Page, index: number): void {
    const length = page.lengths[index] as number;
    page.lengths[index] = 0;
    this.#bytes -= length;
    this.#freed += length;
  }
}
