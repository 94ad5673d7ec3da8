// What later entries show about the messages in a lost part of the log. It is needed until a LOST entry has recorded the loss.
// PROTOCOL.md, "After damage". Pure.

/** A gap in the log. Several lost parts count as one gap. */
export class Gap {
  /** Numbers that may have been given to messages in the gap. */
  readonly unknown: { readonly to: string; readonly first: number; readonly last: number }[] = [];
  /** The highest number that an entry after the gap has named. */
  highest = 0;
  /** Messages that an entry after the gap has taken out, known or not. */
  readonly #ended = new Set<string>();

  /** An entry gives `seq` where `next` was expected: the numbers between were given in the gap, if at all. */
  skip(to: string, next: number, seq: number): void {
    if (seq > next) this.unknown.push({ to, first: next, last: seq - 1 });
  }

  /** A message was taken out. */
  ended(to: string, seq: number): void {
    this.#ended.add(`${to} ${seq}`);
  }

  /** May this unknown message have been stored in the gap and still be held? @param next the next number of its mailbox */
  mayHold(to: string, seq: number, next: number): boolean {
    if (this.#ended.has(`${to} ${seq}`)) return false;
    const skipped = this.unknown.some((part) => part.to === to && part.first <= seq && seq <= part.last);
    return seq >= next || skipped;
  }
}
