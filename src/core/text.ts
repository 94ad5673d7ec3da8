// Decodes a file that a person gives. Most are UTF-8. `>` in Windows PowerShell writes UTF-16, and some editors put a byte order mark first.

/** How a text is encoded. */
export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be';

/** How a text is encoded, from its byte order mark (Unicode Standard, 23.8). cmd.exe writes none: then from the zero in the first character. */
export function encodingOf(beginning: Uint8Array): Encoding {
  const [first = 0, second = 0] = beginning;
  if (beginning.length < 2) return 'utf-8';
  if ((first === 0xff && second === 0xfe) || (first !== 0 && second === 0)) return 'utf-16le';
  if ((first === 0xfe && second === 0xff) || (first === 0 && second !== 0)) return 'utf-16be';
  return 'utf-8';
}

/** The text, without its byte order mark; undefined if it is not text in this encoding. */
export function textOf(bytes: Uint8Array, encoding: Encoding = encodingOf(bytes)): string | undefined {
  try {
    const text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}
