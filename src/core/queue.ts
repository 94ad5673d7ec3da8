// A queue that allows removal from the middle: a linked list. (A Map or Set in order of insertion is too slow: finding its first element
// after many deletions walks over everything that was deleted.) Pure.

/** What can be in a queue, in only one queue at a time. */
export interface Queued<T> {
  before: T | undefined;
  after: T | undefined;
}

/** A first-in, first-out queue. */
export class Queue<T extends Queued<T>> {
  first: T | undefined;
  #last: T | undefined;
  #length = 0;

  /** How many items are in it. */
  get length(): number {
    return this.#length;
  }

  /** Adds an item at the end. It must not be in a queue yet. */
  push(item: T): void {
    item.before = this.#last;
    item.after = undefined;
    if (this.#last === undefined) this.first = item;
    else this.#last.after = item;
    this.#last = item;
    this.#length += 1;
  }

  /** Removes an item, which must be in this queue. */
  remove(item: T): void {
    if (item.before === undefined) this.first = item.after;
    else item.before.after = item.after;
    if (item.after === undefined) this.#last = item.before;
    else item.after.before = item.before;
    item.before = undefined;
    item.after = undefined;
    this.#length -= 1;
  }

  /** The items from the first to the last. */
  *[Symbol.iterator](): Generator<T> {
    for (let item = this.first; item !== undefined; item = item.after) yield item;
  }
}
