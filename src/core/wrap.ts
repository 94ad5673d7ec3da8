// Breaks text into lines, for a terminal and for the columns of a story.

import { cellsOf, isPlain, mostColumnsOf, widthOf } from './width.ts';

// Blanks that do not break a line, such as U+00A0. With them a long word could look like a sentence on the next line of a terminal.
const BLANK = /\p{Zs}/u;

/**
 * The text in lines of at most this many columns, broken between words. A longer word gets a line of its own, so that a path or an address
 * can be copied; if it has wide characters (Chinese is written without blanks) or other blanks, it is broken between characters.
 */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  let width = 0;
  const put = (part: string, partWidth: number, blank: string): void => {
    if (line !== '' && width + blank.length + partWidth > columns) {
      lines.push(line);
      line = part;
      width = partWidth;
    } else {
      width += partWidth + (line === '' ? 0 : blank.length);
      line = line === '' ? part : line + blank + part;
    }
  };
  for (const word of text.split(' ')) {
    const wordWidth = widthOf(word);
    const cells = wordWidth > columns && !isPlain(word) ? cellsOf(word) : [];
    if (cells.some((cell) => cell.columns === 2 || BLANK.test(cell.text)))
      for (const [index, cell] of cells.entries()) put(cell.text, cell.columns, index === 0 ? ' ' : '');
    else put(word, wordWidth, ' ');
  }
  return [...lines, line];
}

/** The text in lines, the first after `head` and the others indented. @param columns of a whole line @param indent of the other lines */
export function hanging(head: string, text: string, columns: number, indent = widthOf(head)): string[] {
  return wrap(text, columns - indent).map((part, index) => (index === 0 ? head : ' '.repeat(indent)) + part);
}

/**
 * The text in parts, so that no terminal breaks a part once more, however it counts. Nothing is left out. A part ends after a blank if it has
 * one in its second half, otherwise between any two characters.
 * @param columns the most that a part may take; at least 31, the most that one character can take
 */
export function chop(text: string, columns: number): string[] {
  // No unit of UTF-16 takes more than two columns.
  if (2 * text.length <= columns) return [text];
  const widths = isPlain(text) ? undefined : cellsOf(text);
  const cells = widths?.map((cell) => cell.text) ?? text;
  const parts: string[] = [];
  let from = 0;
  while (from < cells.length) {
    let end = from;
    for (let width = 0; end < cells.length; end += 1) {
      const cell = widths?.[end];
      width += cell === undefined ? 1 : mostColumnsOf(cell);
      if (width > columns) break;
    }
    if (end < cells.length) {
      let blank = end;
      while (2 * (blank - from) > end - from && cells[blank - 1] !== ' ') blank -= 1;
      if (cells[blank - 1] === ' ') end = blank;
    }
    parts.push(typeof cells === 'string' ? cells.slice(from, end) : cells.slice(from, end).join(''));
    from = end;
  }
  return parts;
}
