// Finds the entries that a person asks about, by a code, a number, a sentence, or a whole line of another program's output. Pure.

import { ALIASES } from './aliases.ts';
import { CATALOG, lookup } from './catalog.ts';
import type { Alias, CatalogEntry, Moment } from './entry.ts';

/** The situations that a text names: those with this code, or else those that it names most clearly. Empty if it names none. */
export function find(text: string): readonly CatalogEntry[] {
  const exact = lookup(text.trim().replaceAll(/[\s-]+/g, '_'));
  if (exact.length > 0) return exact;
  const named = [...byNumber(text), ...byCode(text), ...bySentence(text)];
  const most = Math.max(...named.map(({ weight }) => weight));
  const best = new Set(named.filter(({ weight }) => weight === most).flatMap(({ entries }) => entries));
  return narrowed([...best], text);
}

/** Situations that a text names, and how clearly. */
interface Named {
  readonly weight: number;
  readonly entries: readonly CatalogEntry[];
}

/** A code or its number names a situation more clearly than a sentence of any length. */
const CERTAIN = 100;
/** Many of detour's own codes are ordinary words, such as `failed`. They count less than any sentence, and in a longer text not at all. */
const PERHAPS = 0.5;
const SHORT = 3;

const entriesOf = ({ code, moment }: Alias): readonly CatalogEntry[] =>
  lookup(code).filter(({ moments }) => moment === undefined || moments.includes(moment));

// A number counts only if the text calls it an error number, if it is the whole text, or if it is in a range used for nothing else.
function byNumber(text: string): Named[] {
  const alone = /^\W*?(-?\d+)\W*$/.exec(text)?.[1];
  const called = [...text.matchAll(/\b(win|wsa|)(?:errno|error|err|code)\b[\s:=#(]*(-?\d+)/gi)].map(
    (match) => ({
      windows: match[1] !== '',
      number: Number(match[2]),
    }),
  );
  const winsock = [...text.matchAll(/\b1(?:00|10)\d\d\b/g)].map(([digits]) => ({
    windows: true,
    number: Number(digits),
  }));
  const all = [
    ...called,
    ...winsock,
    ...(alone === undefined ? [] : [{ windows: false, number: Number(alone) }]),
  ];
  return all.flatMap(({ windows, number }) =>
    ALIASES.filter(({ numbers = {} }) =>
      windows
        ? numbers.Windows === number
        : Object.values(numbers).some((one) => one === number || one === -number),
    ).map((alias) => ({ weight: CERTAIN, entries: entriesOf(alias) })),
  );
}

function byCode(text: string): Named[] {
  const words = ` ${plain(text)} `;
  const short = words.trim().split(' ').length <= SHORT;
  return CATALOG.filter(({ code }) => words.includes(` ${code.toLowerCase()} `)).flatMap((entry) => {
    const clear = /^E[A-Z_]+$/.test(entry.code) || words.includes(` code ${entry.code.toLowerCase()} `);
    return clear || short ? [{ weight: clear ? CERTAIN : PERHAPS, entries: [entry] }] : [];
  });
}

function bySentence(text: string): Named[] {
  const words = ` ${plain(text)} `;
  return ALIASES.flatMap((alias) => {
    const said = alias.says.filter((sentence) => words.includes(` ${sentence} `));
    if (said.length === 0) return [];
    const entries = entriesOf(alias);
    const longest = Math.max(...said.map((one) => one.split(' ').length));
    // A single word for a question, such as `kafka`, also occurs in lines of errors: there the error is meant.
    const vague = longest === 1 && entries.every(({ layer }) => layer === 'questions');
    return [{ weight: vague ? PERHAPS : longest, entries }];
  });
}

/** In lower case, with one space for everything between words. */
const plain = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_]+/gu, ' ')
    .trim();

/** The words by which programs say what they were doing, and the moment that each means. */
const DOING: ReadonlyMap<string, Moment> = new Map([
  ['connect', 'connect'],
  ['dial', 'connect'],
  ['listen', 'listen'],
  ['bind', 'listen'],
  ['open', 'disk'],
  ['mkdir', 'disk'],
  ['read', 'answer'],
  ['recv', 'answer'],
  ['write', 'answer'],
  ['send', 'answer'],
]);

// If the text says what the program was doing, keeps only the situations that fit.
function narrowed(entries: readonly CatalogEntry[], text: string): readonly CatalogEntry[] {
  for (const word of plain(text).split(' ')) {
    const moment = DOING.get(word);
    const left = entries.filter(({ moments }) => moment !== undefined && moments.includes(moment));
    if (left.length > 0) return left;
  }
  return entries;
}

/** The most suggestions. More would be a list to search, and `detour explain` already prints one. */
const SUGGESTIONS = 3;

/** The codes that were most likely meant, the likeliest first: those spelled similarly, or with the text in their names or title. */
export function suggest(text: string): readonly string[] {
  const wanted = plain(text);
  if (wanted === '') return [];
  const best = new Map<string, number>();
  const note = (code: string, score: number | undefined): void => {
    if (score !== undefined) best.set(code, Math.min(score, best.get(code) ?? score));
  };
  for (const { code, title } of CATALOG) {
    note(code, farness(wanted, code.toLowerCase()));
    if (wanted.length >= 3 && plain(title).includes(wanted)) note(code, 20);
  }
  for (const { code, says } of ALIASES) for (const sentence of says) note(code, farness(wanted, sentence));
  return [...best]
    .sort((a, b) => a[1] - b[1])
    .slice(0, SUGGESTIONS)
    .map(([code]) => code);
}

// 0 is nearest. A typing error is nearer than a word that occurs somewhere.
function farness(wanted: string, name: string): number | undefined {
  const slips = distance(wanted, name);
  if (slips <= Math.max(1, Math.floor(name.length / 4))) return slips;
  return wanted.length >= 3 && name.includes(wanted) ? 10 : undefined;
}

// Levenshtein distance: how many letters must be changed, inserted or deleted to turn one word into the other.
function distance(a: string, b: string): number {
  // A much longer text is not a typing error, and comparing a whole page would be slow.
  if (Math.abs(a.length - b.length) > b.length) return Number.POSITIVE_INFINITY;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
