// Makes hostile text harmless to look at. Text from the network may contain characters that a terminal obeys: escape sequences
// that set the title or the clipboard, characters that reverse the writing direction, or characters that nobody can see.
// Each of them becomes a few plain characters. `visible` is for people, `asciiJson` for programs; neither is safe for a shell or a web page.

// Everything except printable ASCII and the line feed that ends a line of JSON. JSON's own syntax uses none of it.
const NOT_PLAIN = /[^\n\x20-\x7e]/;
const isPlain = (code: number): boolean => (code >= 0x20 && code <= 0x7e) || code === 0x0a;
const HEX_DIGITS = Buffer.from('0123456789abcdef');

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
const PICTOGRAPH = /\p{Extended_Pictographic}/u;
const PICTOGRAPH_PART = /\p{Emoji_Modifier}|\ufe0f/u;
const ZWJ = '\u200d';
const REPLACEMENT = '\ufffd';

const NAMED: ReadonlyMap<string, string> = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

/**
 * The text with every invisible character, and every character that a terminal obeys, in a form that any console font has: `\n`,
 * `\x1b`, `\u{202e}`, and `\xff` for a byte that is not valid UTF-8. U+200D stays between emoji, where it only joins them. A backslash
 * stays as it is, so the text `\n` and a line feed look alike: the result is for eyes and cannot be converted back.
 * @param text what came from the network: text, or bytes that are read as UTF-8
 */
export function visible(text: string | Uint8Array, options: VisibleOptions = {}): string {
  const { max = Number.POSITIVE_INFINITY, multiline = false } = options;
  const hostile = multiline ? HOSTILE_IN_LINES : HOSTILE;
  const plain =
    typeof text === 'string' ? text : Buffer.from(text.buffer, text.byteOffset, text.length).toString('utf8');
  // Nearly every message is harmless and ends here.
  if (plain.length <= max && !plain.includes(REPLACEMENT) && !hostile.test(plain)) return plain;
  // Each unit shows as one character or more and comes from at most 4 bytes: what comes after this is only counted.
  const enough = 4 * (max + 2);
  const units = typeof text === 'string' ? [...text.slice(0, enough)] : [...decode(text.subarray(0, enough))];
  let shown = '';
  let joinable = false;
  for (let index = 0; index < units.length; index += 1) {
    const unit = units[index] ?? '';
    const next = units[index + 1] ?? '';
    // A joiner stays only together with the pictograph after it, so that a cut cannot leave it at the end.
    const joins: boolean = unit === ZWJ && joinable && PICTOGRAPH.test(next);
    const found = joins ? unit + next : unitText(unit, hostile);
    if (shown.length + found.length > max) return shown + leftOut(text, units.slice(0, index));
    shown += found;
    if (joins) index += 1;
    joinable = joins || PICTOGRAPH.test(unit) || (joinable && PICTOGRAPH_PART.test(unit));
  }
  return shown;
}

function leftOut(text: string | Uint8Array, shown: readonly string[]): string {
  const [count, noun] =
    typeof text === 'string'
      ? [[...text].length - shown.length, 'character']
      : [text.length - shown.reduce((sum, unit) => sum + lengthInBytes(unit), 0), 'byte'];
  return `… (${count} more ${noun}${count === 1 ? '' : 's'})`;
}

// `decode` gives a byte that is not UTF-8 as its four visible characters. A real character never has four units.
const isRawByte = (unit: string): boolean => unit.length === 4;
const lengthInBytes = (unit: string): number => (isRawByte(unit) ? 1 : Buffer.byteLength(unit));

function unitText(unit: string, hostile: RegExp): string {
  return !isRawByte(unit) && hostile.test(unit) ? escaped(unit) : unit;
}

function escaped(unit: string): string {
  const named = NAMED.get(unit);
  if (named !== undefined) return named;
  const code = unit.codePointAt(0) ?? 0;
  // C1 controls get the long form: `\x9b` would look like a byte that is not UTF-8.
  return code < 0x80 ? `\\x${hex(code)}` : `\\u{${hex(code)}}`;
}

const hex = (code: number): string => code.toString(16).padStart(2, '0');

// Gives one character at a time, or one invalid byte. TextDecoder would give U+FFFD for any invalid byte and hide which one it was.
function* decode(bytes: Uint8Array): Generator<string> {
  let at = 0;
  while (at < bytes.length) {
    const size = sequence(bytes, at);
    if (size === 0) {
      yield `\\x${hex(bytes[at] ?? 0)}`;
      at += 1;
    } else {
      yield Buffer.from(bytes.buffer, bytes.byteOffset + at, size).toString('utf8');
      at += size;
    }
  }
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
