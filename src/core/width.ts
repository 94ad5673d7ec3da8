// How many columns a text takes in a terminal. Most characters take one; those of Chinese, Japanese and Korean, and emoji, take two;
// combining marks take none. Terminals differ on rare emoji; this is what most of them do.

const PLAIN = /^[\x20-\x7e]*$/;
// East Asian Wide and Fullwidth (Unicode Standard Annex 11), in ranges that also take in unassigned characters between them.
const WIDE =
  /^(?:[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\u4dbf\u4e00-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18cff}\u{1aff0}-\u{1b2ff}\u{1f200}-\u{1f265}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\p{Regional_Indicator}{2}|.\ufe0f)/u;
const MARK = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;

// A character as a person sees it: two letters of a flag; or any character with what belongs to it (marks, skin tone, the vowels and finals
// of Hangul), and what a joiner adds; no more of these than real writing has, so that a cell never fills a line. Not Intl.Segmenter: it copies
// the whole text for each character, so a megabyte would take hours.
const CELL =
  /\p{Regional_Indicator}{2}|.[\p{M}\p{Emoji_Modifier}\u1160-\u11ff]{0,4}(?:\u200d\p{Extended_Pictographic}[\p{M}\p{Emoji_Modifier}]{0,2}){0,3}/gsu;

/** A character as a person sees it (nearly a grapheme cluster), and how many columns it takes: 0, 1 or 2. */
export interface Cell {
  readonly text: string;
  readonly columns: number;
}

/** Is the text printable ASCII alone, so that each of its characters takes one column? */
export const isPlain = (text: string): boolean => PLAIN.test(text);

// Latin letters are the most common, and need no search.
const columnsOf = (text: string): number =>
  text.length === 1 && text < '\u0300' ? 1 : WIDE.test(text) ? 2 : MARK.test(text) ? 0 : 1;

/** The characters of a text, as a person sees them: an emoji of several code points, or a letter with its accents, is one. */
export const cellsOf = (text: string): Cell[] =>
  (text.match(CELL) ?? []).map((cell) => ({ text: cell, columns: columnsOf(cell) }));

/**
 * The most columns that a character takes in a terminal: many show each part of a joined emoji or of a flag by itself, and some give
 * a mark a column.
 */
export const mostColumnsOf = ({ text, columns }: Cell): number =>
  text.length === 1
    ? Math.max(1, columns)
    : [...text].reduce((sum, char) => sum + Math.max(1, columnsOf(char)), 0);

/** How many columns a line of text takes in a terminal. Controls and line ends count as 0, so pass text that visible.ts has made. */
export const widthOf = (text: string): number =>
  PLAIN.test(text) ? text.length : cellsOf(text).reduce((sum, { columns }) => sum + columns, 0);

/** The text with blanks at its end, so that it takes at least this many columns. */
export const padTo = (text: string, columns: number): string =>
  text + ' '.repeat(Math.max(0, columns - widthOf(text)));
