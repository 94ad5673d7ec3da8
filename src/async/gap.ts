// What is known of the messages in a part of the log that was lost, from what comes after it, until a LOST tells of it. PROTOCOL.md, "After
// damage". Pure.

/** A gap in the log, however many parts were lost. */
export class Gap {
  /** Numbers that may have been given in it. */
  readonly unknown: { readonly to: string; readonly first: number; readonly last: number }[] = [];
  /** The highest number that an entry after it has named. */
  highest = 0;
  /** Messages that an entry after it has taken out, whether they were known or not. */
  readonly #ended = new Set<string>();

  /** An entry gives `seq`, and `next` was the next: the numbers between were given in the gap, if at all. */
  skip(to: string, next: number, seq: number): void {
    if (seq > next) this.unknown.push({ to, first: next, last: seq - 1 });
  }

  /** A message was taken out. */
  ended(to: string, seq: number): void {
    this.#ended.add(`${to} ${seq}`);
  }

  /** May this message, which is not known, have been stored in the gap and be held still? `next`: the next number of its mailbox */
  mayHold(to: string, seq: number, next: number): boolean {
    if (this.#ended.has(`${to} ${seq}`)) return false;
    const skipped = this.unknown.some((part) => part.to === to && part.first <= seq && seq <= part.last);
    return seq >= next || skipped;
  }
}
