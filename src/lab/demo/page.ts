// How the demo looks: the two routes of a story side by side, or one below the other if there is no room. Pure: it returns lines of text
// with optional colours. Colour says nothing that the text does not say.

import type { VerdictName } from '../../core/event.ts';
import { ascii, PLAIN, plainRow } from '../../core/plain.ts';
import { COLOUR, verdictText } from '../../core/verdicts.ts';
import { padTo } from '../../core/width.ts';
import { hanging, wrap } from '../../core/wrap.ts';
import { type DiagramOptions, drawDiagram } from '../../trace/diagram.ts';
import { essential } from '../../trace/filter.ts';
import type { Merged } from '../../trace/merge.ts';
import { plainDiagram } from '../../trace/plain.ts';
import type { Row } from '../../trace/rows.ts';
import type { Scene, Story } from './story.ts';
import type { Verification } from './verify.ts';

/** A style for text. */
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'magenta' | 'cyan';

/** Applies a style to a text, or returns the text unchanged where there are no colours. */
export type Paint = (style: Style, text: string) => string;

/** A line, and its style. */
interface Line {
  readonly text: string;
  readonly style?: Style | undefined;
}

/** What a person may guess: delivered or stored, not delivered, unknown. */
export type Guess = 'd' | 'n' | 'u';

/** One route of a story that has been played. */
export interface PlayedScene {
  readonly scene: Scene;
  readonly verification: Verification;
  readonly places: ReadonlyMap<string, string> | undefined;
  readonly guess: Guess | undefined;
}

// Below this width, 38 columns for two lanes and 41 for three do not fit side by side.
const SIDE_BY_SIDE = 80;
const NARROWEST = 40;
// Below this width, a story and its verdicts do not fit on one line of the table.
const ONE_LINE = 50;
const WIDEST = 132;

/** What is asked before a story is played. */
export const QUESTION = "What will alice's program say?";

/** The guesses that can be made, each with the key to press. */
export const ANSWERS: readonly { readonly key: Guess; readonly text: string }[] = [
  { key: 'd', text: 'delivered/stored' },
  { key: 'n', text: 'not delivered' },
  { key: 'u', text: 'unknown' },
];

/** Is the guess right? STORED on the detour counts like DELIVERED on the direct route. */
export function isRight(guess: Guess, verdict: VerdictName): boolean {
  return guess === { DELIVERED: 'd', STORED: 'd', NOT_DELIVERED: 'n', UNKNOWN: 'u' }[verdict];
}

/**
 * The two diagrams of a story with verdicts and lessons, and the legend below them. In plain output the direct route is told first, and then the
 * detour.
 * @param columns the width; `PLAIN` for plain output
 */
export function storyLines(
  direct: PlayedScene | undefined,
  detour: PlayedScene,
  columns: number,
  paint: Paint,
): string[] {
  const width = columns === PLAIN ? PLAIN : Math.min(Math.max(columns, NARROWEST), WIDEST);
  const beside = direct !== undefined && width >= SIDE_BY_SIDE && width !== PLAIN;
  const right = Math.floor((width - 1) * 0.52);
  const left = width - 1 - right;
  const alone = width === PLAIN ? PLAIN : Math.min(width, MOST_ALONE);
  const second = panel('detour', detour, beside ? right : alone);
  const first = direct === undefined ? undefined : panel('direct', direct, beside ? left : alone);
  const signs = [...new Set([...(first?.legend ?? []), ...second.legend])];
  const lines: string[] = [];
  if (first === undefined) lines.push(...second.lines.map((line) => whole(line, paint)));
  else if (beside) lines.push(...sideBySide(first.lines, second.lines, left, paint));
  else lines.push(...[...first.lines, { text: '' }, ...second.lines].map((line) => whole(line, paint)));
  return [...lines, ...fill(signs, width).map((text) => paint('dim', text))];
}

// A diagram that is alone does not get clearer if it is wider than this.
const MOST_ALONE = 80;

const whole = ({ text, style }: Line, paint: Paint): string =>
  style === undefined || text === '' ? text : paint(style, text);

function sideBySide(first: readonly Line[], second: readonly Line[], left: number, paint: Paint): string[] {
  return Array.from({ length: Math.max(first.length, second.length) }, (_, index) => {
    const one = first[index] ?? { text: '' };
    const other = second[index] ?? { text: '' };
    return `${whole({ ...one, text: padTo(one.text, left) }, paint)}│${whole(other, paint)}`.trimEnd();
  });
}

const ROUTES = {
  direct: { title: ' DIRECT  synchronous', success: 'DELIVERED' },
  detour: { title: ' DETOUR  asynchronous', success: 'STORED' },
} as const;

function panel(
  route: 'direct' | 'detour',
  { scene, verification, places, guess }: PlayedScene,
  width: number,
): { lines: Line[]; legend: readonly string[] } {
  const { lanes, lesson } = scene;
  const { title } = ROUTES[route];
  // Time 0 is alice's first event on both routes, because the moment when bob began to wait says nothing about either.
  const zero = lanes[0];
  const diagram = diagramOf(verification.merged, { width, lanes, places, keep: essential, zero });
  const { verdict, exit, faults } = verification;
  const code = `exit ${exit}`;
  const headline = ` ${verdictText(verdict)}`;
  const lines: Line[] = [
    { text: title, style: 'bold' },
    ...diagram.heading.map((text) => ({ text, style: 'dim' as const })),
    ...diagram.lines,
    {
      text:
        width === PLAIN
          ? `${headline}, ${code}`
          : headline + code.padStart(Math.min(width, MOST_VERDICT) - 1 - headline.length),
      style: COLOUR[verdict],
    },
    ...(width === PLAIN ? [lesson(verification).join(' ')] : lesson(verification))
      .flatMap((text) => hanging(' ', text, width - 1))
      .map((text) => ({ text })),
    ...faults
      .flatMap((text) => hanging(' ', `NOT AS EXPECTED: ${text}`, width - 1))
      .map((text) => ({ text, style: 'red' as const })),
  ];
  if (guess !== undefined) {
    const right = isRight(guess, verdict);
    lines.push({
      text: ` you said ${verdictText(guessedVerdict(guess, route))}: ${right ? 'yes' : 'no'}`,
      style: right ? 'green' : 'magenta',
    });
  }
  return { lines, legend: diagram.legend };
}

const MOST_VERDICT = 60;

function diagramOf(
  merged: Merged,
  options: DiagramOptions,
): { heading: readonly string[]; lines: Line[]; legend: readonly string[] } {
  if (options.width === PLAIN) {
    const { heading, rows } = plainDiagram(merged, options);
    return {
      heading: heading.map((text) => ` ${text}`),
      lines: rows.map((text) => ({ text: ` ${text}` })),
      legend: [],
    };
  }
  const { heading, rows, legend } = drawDiagram(merged, options);
  return { heading, lines: rows.map(({ text, row }) => ({ text, style: styleOf(row) })), legend };
}

/** The verdict that a guess means: on the direct route `d` is DELIVERED, on the detour it is STORED. */
export const guessedVerdict = (guess: Guess, route: 'direct' | 'detour'): VerdictName =>
  (({ d: ROUTES[route].success, n: 'NOT_DELIVERED', u: 'UNKNOWN' }) as const)[guess];

function styleOf(row: Row): Style | undefined {
  if (row.kind === 'arrow') return row.known === 'socket' ? 'dim' : undefined;
  if (row.kind === 'cable') return row.sign === '×' ? 'red' : 'cyan';
  if (row.mark === 'killed' || row.mark === 'trouble') return 'red';
  if (row.mark === 'shown' || row.mark === 'stored') return 'green';
  return row.mark === 'frozen' ? 'cyan' : undefined;
}

/** What the demo is about, printed before the first story. */
export function introLines(columns: number): string[] {
  const routes = [
    ['  DIRECT  alice ────────────► bob', 'bob must be listening, now'],
    ['  DETOUR  alice ──► relay ──► bob', 'the relay keeps it until bob comes'],
  ] as const;
  return [
    ...wrap('detour: the same message, two routes. Real processes; some get killed.', columns - 1),
    ...routes.flatMap(([route, note]) =>
      columns === PLAIN
        ? [`${route}: ${note}`]
        : columns >= 76
          ? [`${route}      ${note}`]
          : [route, `    ${note}`],
    ),
  ].map((line) => ` ${columns === PLAIN ? ascii(line).trimStart() : line}`);
}

/** One row of the table at the end. */
export interface Result {
  readonly number: number;
  readonly story: Story;
  readonly direct: PlayedScene | undefined;
  readonly detour: PlayedScene;
}

/** The table at the end. If the terminal is narrow, the verdicts of a story are on their own line. */
export function tableLines(results: readonly Result[], columns: number): string[] {
  const [one, other] = columns >= SIDE_BY_SIDE ? [17, 16] : [14, 16];
  const first = Math.max(16, Math.min(columns, SIDE_BY_SIDE) - 6 - one - other);
  const row = (story: string, direct: string, detour: string, you: string): string[] => {
    const verdicts = `${direct.padEnd(one)}${detour.padEnd(other)}${you}`;
    const lines =
      columns >= ONE_LINE
        ? [` ${cut(story, first - 1).padEnd(first)}${verdicts}`]
        : [` ${cut(story, columns - 1)}`, `   ${verdicts}`];
    return lines.map((line) => line.trimEnd());
  };
  const asked = results.some(
    ({ direct, detour }) => direct?.guess !== undefined || detour.guess !== undefined,
  );
  const heads = ['STORY', 'DIRECT', 'DETOUR', asked ? 'YOU' : ''] as const;
  const table = results.map(
    ({ number, story, direct, detour }) =>
      [
        `${number} ${story.short}`,
        direct === undefined ? '(no relay)' : resultOf(direct),
        resultOf(detour),
        score([direct, detour]),
      ] as const,
  );
  if (columns === PLAIN) return table.map((cells) => ` ${plainRow(heads, cells)}`);
  return [heads, ...table].flatMap(([story, direct, detour, you]) => row(story, direct, detour, you));
}

function resultOf({ verification, scene }: PlayedScene): string {
  if (verification.faults.length > 0) return `${verdictText(verification.verdict)} !`;
  return scene.remark === undefined
    ? verdictText(verification.verdict)
    : `${verdictText(verification.verdict)}, ${scene.remark}`;
}

function score(played: readonly (PlayedScene | undefined)[]): string {
  const guessed = played.flatMap((one) =>
    one?.guess === undefined ? [] : [isRight(one.guess, one.verification.verdict)],
  );
  return guessed.length === 0 ? '' : `${guessed.filter(Boolean).length}/${guessed.length}`;
}

const cut = (text: string, room: number): string =>
  text.length <= room ? text : `${text.slice(0, room - 1)}…`;

// As many parts on each line as fit.
function fill(parts: readonly string[], columns: number, gap = '    '): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + gap.length + part.length <= columns)
      lines[lines.length - 1] = `${last}${gap}${part}`;
    else lines.push(...hanging(' ', part, columns, 6));
  }
  return lines;
}

/** The question before a story is played. @param first also say which other keys there are */
export function questionLines(columns: number, first: boolean): string[] {
  const question = ` ${QUESTION}`;
  const choices = ANSWERS.map(({ key, text }) => `${key} ${text}`);
  const between = dot(columns);
  const [one = '', ...more] = fill(choices, columns - 2, between);
  const beside = `${question}${one}`;
  const keys =
    more.length === 0 && beside.length <= columns
      ? [beside]
      : [question, ...[one, ...more].map((line) => `  ${line}`)];
  const others = fill(['(one key each; Enter skip', 's skip questions', 'q quit)'], columns - 2, between);
  return [...keys, ...(first ? others.map((line) => `  ${line}`) : [])];
}

const dot = (columns: number): string => (columns === PLAIN ? ', ' : ' · ');

/** The line that is shown while the demo waits for Enter. @param next what comes after Enter */
export function pauseLine(next: string, columns: number): string {
  return fill([`Enter: ${next}`, 'q quit', '--fast never waits'], columns - 1, dot(columns))[0] ?? '';
}

/**
 * Cuts the lines of a story into pages that can be read before they scroll away: at the empty line between the two routes if they are
 * one below the other, otherwise where the page is full.
 * @param rows how many rows the terminal has; one is left for the line that waits
 * @param columns how many columns it has, if lines may be longer than that
 */
export function pagesOf(
  lines: readonly string[],
  rows: number,
  columns = Number.POSITIVE_INFINITY,
): string[][] {
  const most = Math.max(rows - 1, LEAST_ROWS);
  const pages: string[][] = [];
  const rest = [...lines];
  for (let fit = fitting(rest, most, columns); fit < rest.length; fit = fitting(rest, most, columns)) {
    const blank = rest.lastIndexOf('', fit - 1);
    pages.push(rest.splice(0, blank > 0 ? blank + 1 : fit));
  }
  if (rest.length > 0) pages.push(rest);
  return pages;
}

// How many of the lines fit on a page, at least one. A longer line takes several rows.
function fitting(lines: readonly string[], most: number, columns: number): number {
  let rows = 0;
  const over = lines.findIndex((line) => {
    rows += Math.max(1, Math.ceil(line.length / columns));
    return rows > most;
  });
  return over === -1 ? lines.length : Math.max(1, over);
}

const LEAST_ROWS = 5;
