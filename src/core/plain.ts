// Plain output: for screen readers, for files that are handed in, and for terminals without UTF-8. Each event has a line of its own, in ASCII,
// and nothing stands beside anything else. Pure.

/**
 * The width of plain output. Its lines have any length, so nothing is wrapped, cut off or put at the right end. Whatever draws for a given
 * width writes lines of text instead for this one.
 */
export const PLAIN = Number.POSITIVE_INFINITY;

const ASCII: readonly (readonly [sign: RegExp, inAscii: string])[] = [
  [/ · /g, ', '],
  [/·/g, '.'],
  [/…/g, '...'],
  [/§/g, 'section '],
  [/×/g, 'x'],
  [/⏎/g, '\\n'],
  [/─*►/g, '->'],
  [/◄─*/g, '<-'],
];

/** The signs that detour itself writes, in ASCII. All other characters stay, such as those of a message. */
export const ascii = (text: string): string =>
  ASCII.reduce((before, [sign, inAscii]) => before.replace(sign, inAscii), text);

/** A row of a table in plain output: each cell after the heading of its column, without the empty ones. */
export const plainRow = (headings: readonly string[], cells: readonly string[]): string =>
  cells.flatMap((cell, at) => (cell === '' ? [] : [`${headings[at] ?? ''} ${cell}`.trim()])).join(', ');

/** What a terminal is said to show, by its environment. */
export interface Terminal {
  /** Does it show all of Unicode? */
  readonly utf8: boolean;
  /** Why its output must be plain, as a part of a sentence; undefined if nothing says so. */
  readonly plainFor: string | undefined;
}

/**
 * Reads what the environment says about the terminal. POSIX sets the order of the three variables of the locale, and an empty one counts as not
 * set. If none is set, as in most containers, nothing is known against UTF-8. Windows has no such variables; its console shows detour's signs.
 * @param platform as in `process.platform`
 */
export function terminalOf(env: NodeJS.ProcessEnv, platform: string): Terminal {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  const utf8 = platform === 'win32' || locale === '' || /(?:^|\.)utf-?8(?:@|$)/i.test(locale);
  if (!utf8) return { utf8, plainFor: `the locale (${locale}) does not say UTF-8` };
  return { utf8, plainFor: env.TERM === 'dumb' ? 'TERM is dumb' : undefined };
}

/** The text with everything that is not ASCII as `\u{e9}`, for a terminal that would show something else. */
export const escapedToAscii = (text: string): string =>
  text.replace(/[^\0-\x7e]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
