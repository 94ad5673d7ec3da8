// How many columns a text takes in a terminal. Most characters take one; those of Chinese, Japanese and Korean, and emoji, take two;
// combining marks take none. Terminals differ on rare emoji; this is what most of them do.

const PLAIN = /^[\x20-\x7e]*$/;
// East Asian Wide and Fullwidth (Unicode Standard Annex 11), in ranges that also take in unassigned characters between them.
const WIDE =
  /^(?:[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\u4dbf\u4e00-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18cff}\u{1aff0}-\u{1b2ff}\u{1f200}-\u{1f265}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\p{Regional_Indicator}{2}|.\ufe0f)/u;
const MARK = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;

/** A character as a person sees it (a grapheme cluster), and how many columns it takes: 0, 1 or 2. */
export interface Cell {
  readonly text: string;
  readonly columns: number;
}

let segmenter: Intl.Segmenter | undefined;

/** The characters of a text, as a person sees them: an emoji of several code points, or a letter with its accents, is one. */
export function cellsOf(text: string): Cell[] {
  if (PLAIN.test(text)) return Array.from(text, (char) => ({ text: char, columns: 1 }));
  segmenter ??= new Intl.Segmenter();
  return Array.from(segmenter.segment(text), ({ segment }) => ({
    text: segment,
    columns: WIDE.test(segment) ? 2 : MARK.test(segment) ? 0 : 1,
  }));
}

/** How many columns a line of text takes in a terminal. Controls and line ends count as 0, so pass text that visible.ts has made. */
export const widthOf = (text: string): number =>
  PLAIN.test(text) ? text.length : cellsOf(text).reduce((sum, { columns }) => sum + columns, 0);

/** The text with blanks at its end, so that it takes at least this many columns. */
export const padTo = (text: string, columns: number): string =>
  text + ' '.repeat(Math.max(0, columns - widthOf(text)));
