// Breaks text into lines, for a terminal and for the columns of a story.

import { cellsOf, widthOf } from './width.ts';

/**
 * The text in lines of at most this many columns, broken between words. A longer word gets a line of its own, so that a path or an address
 * can be copied; if it has wide characters (Chinese is written without blanks), it is broken between characters.
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
    const cells = wordWidth > columns ? cellsOf(word) : [];
    if (cells.some((cell) => cell.columns === 2))
      for (const [index, cell] of cells.entries()) put(cell.text, cell.columns, index === 0 ? ' ' : '');
    else put(word, wordWidth, ' ');
  }
  return [...lines, line];
}

/** The text in lines, the first after `head` and the others indented. @param columns of a whole line @param indent of the other lines */
export function hanging(head: string, text: string, columns: number, indent = widthOf(head)): string[] {
  return wrap(text, columns - indent).map((part, index) => (index === 0 ? head : ' '.repeat(indent)) + part);
}
