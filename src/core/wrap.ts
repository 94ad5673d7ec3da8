// Breaks text into lines, for a terminal and for the columns of a story.

/** The text in lines of at most `columns` characters, broken between words. A longer word gets a line of its own. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** The text in lines, the first after `head` and the others indented. @param columns of a whole line @param indent of the other lines */
export function hanging(head: string, text: string, columns: number, indent = head.length): string[] {
  return wrap(text, columns - indent).map((part, index) => (index === 0 ? head : ' '.repeat(indent)) + part);
}
