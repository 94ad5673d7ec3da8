// A line of a diagram: text whose columns can be overwritten. Wide characters take two columns. Pure.

import { cellsOf, widthOf } from '../core/width.ts';

/** A line of text of a fixed width, blank at first. */
export class TextLine {
  // The character in each column. The second column of a wide character holds an empty string.
  readonly #columns: string[];

  constructor(width: number) {
    this.#columns = Array.from({ length: width }, () => ' ');
  }

  /** Writes text, starting at a column. Text outside the line is dropped. */
  put(column: number, text: string): void {
    let at = column;
    for (const { text: char, columns } of cellsOf(text)) {
      if (columns === 0) this.#join(at - 1, char);
      else if (at >= 0 && at + columns <= this.#columns.length) {
        this.#clear(at);
        if (columns === 2) this.#clear(at + 1);
        this.#columns[at] = char;
        if (columns === 2) this.#columns[at + 1] = '';
      }
      at += columns;
    }
  }

  /** Writes text, centred on a column. */
  center(column: number, text: string): void {
    this.put(column - Math.floor((widthOf(text) - 1) / 2), text);
  }

  /** The line, without blanks at its end. */
  toString(): string {
    return this.#columns.join('').trimEnd();
  }

  // A mark of width 0 belongs to the character before it.
  #join(at: number, mark: string): void {
    const before = this.#columns[at] === '' ? at - 1 : at;
    if (before >= 0 && before < this.#columns.length) this.#columns[before] += mark;
  }

  // Blanks a column. If it is half of a wide character, the other half is blanked, too.
  #clear(at: number): void {
    if (this.#columns[at] === '') this.#columns[at - 1] = ' ';
    if (this.#columns[at + 1] === '') this.#columns[at + 1] = ' ';
    this.#columns[at] = ' ';
  }
}

/** The text, cut to at most this many columns. If something is cut off, an ellipsis says so. */
export function shorten(text: string, room: number): string {
  if (widthOf(text) <= room) return text;
  let short = '';
  let left = room - 1;
  for (const cell of cellsOf(text)) {
    if (cell.columns > left) break;
    short += cell.text;
    left -= cell.columns;
  }
  return `${short}…`;
}
