// Makes hostile text harmless to look at. Text from the network may contain characters that a terminal obeys: escape sequences
// that set the title or the clipboard, characters that reverse the writing direction, or characters that nobody can see.
// Each of them becomes a few plain characters. `visible` is for people, `asciiJson` for programs; neither is safe for a shell or a web page.
// A browser can run `visible` on texts, too: only bytes and `asciiJson` need Node's Buffer.

// Everything except printable ASCII and the line feed that ends a line of JSON. JSON's own syntax uses none of it.
const NOT_PLAIN = /[^\n\x20-\x7e]/;
const isPlain = (code: number): boolean => (code >= 0x20 && code <= 0x7e) || code === 0x0a;
const HEX_DIGITS = new TextEncoder().encode('0123456789abcdef');

/**
 * Writes every character of a JSON text that is not printable ASCII as `\uXXXX`, so that no terminal obeys it. The result parses to the
 * same value.
 * @param json what `JSON.stringify` made, with or without a line feed at its end
 */
export function asciiJson(json: string): string {
  // Nearly every line is plain and needs no more than this.
  if (!NOT_PLAIN.test(json)) return json;
  let escapes = 0;
  for (let i = 0; i < json.length; i += 1) if (!isPlain(json.charCodeAt(i))) escapes += 1;
  // Done by hand, because `replace` with a function takes twenty times as long, and a peer chooses the content.
  const bytes = Buffer.allocUnsafe(json.length + 5 * escapes);
  let at = 0;
  for (let i = 0; i < json.length; i += 1) {
    const code = json.charCodeAt(i);
    if (isPlain(code)) bytes[at++] = code;
    else {
      bytes[at++] = 0x5c; // backslash
      bytes[at++] = 0x75; // u
      for (let shift = 12; shift >= 0; shift -= 4) bytes[at++] = HEX_DIGITS[(code >> shift) & 0xf] ?? 0;
    }
  }
  return bytes.toString('latin1');
}

/** How to show a text. */
export interface VisibleOptions {
  /**
   * Show at most this many characters of the visible form (UTF-16 units, as `length` counts). A note after them says
   * how much is left out; the note is not counted in `max`.
   */
  readonly max?: number;
  /** Keep line feeds, for a body that is printed over several lines. The caller indents each line. */
  readonly multiline?: boolean;
}

// Controls (C0, DEL, C1), format characters (bidi, zero width, soft hyphen, tags), lone surrogates, private use, line and
// paragraph separators. Unassigned characters do nothing to a terminal and stay.
const HOSTILE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u;
const HOSTILE_IN_LINES = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u;
// A joiner between two pictographs. The first may have a skin tone or a variation selector.
const JOINER =
  /(?<=\p{Extended_Pictographic}(?:\p{Emoji_Modifier}|\ufe0f)*)\u200d(?=\p{Extended_Pictographic})/uy;
const ZWJ = 0x200d;
const LF = 0x0a;
const REPLACEMENT = '\ufffd';

// `decode` gives a byte that is not UTF-8 as this plus the byte: a lone surrogate, which UTF-8 cannot contain.
const RAW_BYTE = 0xdc00;
const isRawByte = (code: number): boolean => code >= RAW_BYTE + 0x80 && code <= RAW_BYTE + 0xff;

const NAMED: ReadonlyMap<number, string> = new Map([
  [LF, '\\n'],
  [0x0d, '\\r'],
  [0x09, '\\t'],
]);

/**
 * The text with every invisible character, and every character that a terminal obeys, in a form that any console font has: `\n`,
 * `\x1b`, `\u{202e}`, and `\xff` for a byte that is not valid UTF-8. U+200D stays between emoji, where it only joins them. A backslash
 * stays as it is, so the text `\n` and a line feed look alike: the result is for eyes and cannot be converted back.
 * @param text what came from the network: text, or bytes that are read as UTF-8
 */
export function visible(text: string | Uint8Array, options: VisibleOptions = {}): string {
  const { max = Number.POSITIVE_INFINITY, multiline = false } = options;
  // Each unit shows as one character or more and comes from at most 4 bytes: what comes after this is only counted.
  const enough = 4 * (max + 2);
  const given = typeof text === 'string' ? text.slice(0, enough) : decode(text.subarray(0, enough));
  // Nearly every message is harmless and ends here.
  if (given.length <= max && !(multiline ? HOSTILE_IN_LINES : HOSTILE).test(given)) return given;
  const escapes = typeof text === 'string' ? TEXT_ESCAPES : BYTE_ESCAPES;
  const shown = new Units();
  for (let at = 0; at < given.length; ) {
    const code = given.codePointAt(at) ?? 0;
    // A joiner stays only together with the pictograph after it, so that a cut cannot leave it at the end.
    const joined = code === ZWJ && joins(given, at);
    const size = joined ? 1 + sizeOf(given.codePointAt(at + 1) ?? 0) : sizeOf(code);
    const found = joined || (multiline && code === LF) ? undefined : escapes.of(code);
    if (shown.length + (found?.length ?? size) > max) return shown.text() + leftOut(text, given.slice(0, at));
    if (found === undefined) shown.add(given, at, at + size);
    else shown.add(found, 0, found.length);
    at += size;
  }
  return shown.text();
}

const sizeOf = (code: number): number => (code > 0xffff ? 2 : 1);

function joins(text: string, at: number): boolean {
  JOINER.lastIndex = at;
  return JOINER.test(text);
}

// A call with very many arguments fails.
const MOST_ARGUMENTS = 4096;

/**
 * A text that is put together from very many short parts. Adding strings to strings would take five times as long, and a peer chooses the
 * content.
 */
class Units {
  #units = new Uint16Array(256);
  length = 0;

  /** Adds a part of a text. */
  add(text: string, from: number, to: number): void {
    if (this.length + to - from > this.#units.length) {
      const larger = new Uint16Array(2 * (this.length + to - from));
      larger.set(this.#units);
      this.#units = larger;
    }
    for (let at = from; at < to; at += 1) this.#units[this.length++] = text.charCodeAt(at);
  }

  text(): string {
    let text = '';
    for (let at = 0; at < this.length; at += MOST_ARGUMENTS)
      text += String.fromCharCode(...this.#units.subarray(at, Math.min(this.length, at + MOST_ARGUMENTS)));
    return text;
  }
}

/** The escapes of the characters of the Basic Multilingual Plane, each found out once: a text may consist of nothing else. */
class Escapes {
  readonly #known: (string | null | undefined)[] = [];

  /** @param bytes do lone surrogates stand for bytes that are not UTF-8? */
  constructor(private readonly bytes: boolean) {}

  /** How a character is shown; undefined if it stays as it is. */
  of(code: number): string | undefined {
    if (code > 0xffff) return this.#find(code);
    const known = this.#known[code];
    if (known !== undefined) return known ?? undefined;
    const found = this.#find(code);
    this.#known[code] = found ?? null;
    return found;
  }

  #find(code: number): string | undefined {
    if (this.bytes && isRawByte(code)) return `\\x${hex(code - RAW_BYTE)}`;
    if (!HOSTILE.test(String.fromCodePoint(code))) return undefined;
    // C1 controls get the long form: `\x9b` would look like a byte that is not UTF-8.
    return NAMED.get(code) ?? (code < 0x80 ? `\\x${hex(code)}` : `\\u{${hex(code)}}`);
  }
}

const hex = (code: number): string => code.toString(16).padStart(2, '0');
const TEXT_ESCAPES = new Escapes(false);
const BYTE_ESCAPES = new Escapes(true);

function leftOut(text: string | Uint8Array, shown: string): string {
  const [count, noun] =
    typeof text === 'string'
      ? [countOf(text.slice(shown.length), () => true), 'character']
      : [text.length - Buffer.byteLength(shown) + 2 * countOf(shown, isRawByte), 'byte'];
  return `... (${count} more ${noun}${count === 1 ? '' : 's'})`;
}

function countOf(text: string, counts: (code: number) => boolean): number {
  let count = 0;
  for (let at = 0; at < text.length; ) {
    const code = text.codePointAt(at) ?? 0;
    if (counts(code)) count += 1;
    at += sizeOf(code);
  }
  return count;
}

// Decodes UTF-8. TextDecoder would give U+FFFD for any invalid byte and hide which one it was.
function decode(bytes: Uint8Array): string {
  const plain = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const text = plain.toString('utf8');
  if (!text.includes(REPLACEMENT)) return text;
  const decoded = new Units();
  for (let at = 0; at < bytes.length; ) {
    const size = sequence(bytes, at);
    const unit =
      size === 0 ? String.fromCharCode(RAW_BYTE + (bytes[at] ?? 0)) : plain.toString('utf8', at, at + size);
    decoded.add(unit, 0, unit.length);
    at += Math.max(1, size);
  }
  return decoded.text();
}

// The length of the valid UTF-8 sequence at `at`; 0 if it is cut short, overlong, a surrogate, or beyond U+10FFFF (RFC 3629).
function sequence(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const second = bytes[at + 1] ?? 0;
  if (first >= 0xc2 && first <= 0xdf) return tail(second) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const low = first === 0xe0 ? 0xa0 : 0x80;
    const high = first === 0xed ? 0x9f : 0xbf;
    return second >= low && second <= high && tail(bytes[at + 2]) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const low = first === 0xf0 ? 0x90 : 0x80;
    const high = first === 0xf4 ? 0x8f : 0xbf;
    return second >= low && second <= high && tail(bytes[at + 2]) && tail(bytes[at + 3]) ? 4 : 0;
  }
  return 0;
}

const tail = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;
