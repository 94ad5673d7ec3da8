// The text of a file that a person hands in. Most are UTF-8; what `>` writes in Windows PowerShell is UTF-16, and editors put a mark first.

/** How a text is encoded. */
export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be';

/** How a text is encoded: by its byte order mark (Unicode Standard, 23.8) or, as cmd.exe writes none, by where its first character has a zero. */
export function encodingOf(beginning: Uint8Array): Encoding {
  const [first = 0, second = 0] = beginning;
  if (beginning.length < 2) return 'utf-8';
  if ((first === 0xff && second === 0xfe) || (first !== 0 && second === 0)) return 'utf-16le';
  if ((first === 0xfe && second === 0xff) || (first === 0 && second !== 0)) return 'utf-16be';
  return 'utf-8';
}

/** The text, without a mark at its beginning; undefined if it is not text in this encoding. */
export function textOf(bytes: Uint8Array, encoding: Encoding = encodingOf(bytes)): string | undefined {
  try {
    const text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}
