// What PROTOCOL.md says of each verb, for a click on a frame.

import { readFileSync } from 'node:fs';
import type { VerbText } from './messages.ts';

// The package has it in the same place. The path is right from src/lab/board/ and from dist/lab/board/.
const PROTOCOL = new URL('../../../src/wire/PROTOCOL.md', import.meta.url);

/** The section of each verb: its paragraphs as plain text, without its examples and tables. @param document the text of PROTOCOL.md */
export function verbTexts(document: string = readFileSync(PROTOCOL, 'utf8')): Record<string, VerbText> {
  const found: Record<string, VerbText> = {};
  for (const section of document.split(/^(?=#{2,3} )/m)) {
    const [, verb, body = ''] = /^### ([A-Z]+)\n(.*)$/s.exec(section) ?? [];
    if (verb === undefined) continue;
    const paragraphs = body
      .split(/\n{2,}/)
      .filter((text) => text.trim() !== '' && !/^(?:\||```| {4})/.test(text));
    found[verb] = { section: verb, text: paragraphs.map(plain).join('\n\n') };
  }
  return found;
}

const plain = (markdown: string): string =>
  markdown
    .trim()
    .replaceAll(/\[([^\]]+)\]\([^)]+\)/g, '$1')
    .replaceAll(/\*\*|`|(?<!\w)\*|\*(?!\w)/g, '')
    .replaceAll(/\s*\n\s*/g, ' ');
