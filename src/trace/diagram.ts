// Draws a merge as a sequence diagram in plain text: a column of milliseconds, a lane for each actor, a line for each row (rows.ts).
// Pure: the result is lines of text without colour. It uses only glyphs that the fonts of Windows consoles have (WGL4).
//
//    ms  alice              bob          · not there (yet)      │ there      ░ frozen
//   0.0    ├─── connected ───┤           ├───►│ logged at both ends; if at one end only, the other is open: ├──… and …──►│
//   0.8    │                 ■ shown     │◄- - FIN   seen only as an event on a socket

import { widthOf } from '../core/width.ts';
import { lanesIn, lanesOf } from './lanes.ts';
import type { Merged } from './merge.ts';
import type { Placed, Process } from './model.ts';
import {
  leaves,
  listenerOf,
  type MarkName,
  pidOf,
  type Row,
  type RowOptions,
  rowsOf,
  zeroOf,
} from './rows.ts';
import { shorten, TextLine } from './text-line.ts';

/** How to draw a diagram. */
export interface DiagramOptions extends RowOptions {
  /** How many columns may be used. */
  readonly width: number;
  /** Names that always get a lane, from the left in this order, even if no such process ever ran. */
  readonly lanes?: readonly string[] | undefined;
  /** The actor whose first event is time 0, so that diagrams can be compared. Earlier events have negative times. Default: the first row. */
  readonly zero?: string | undefined;
}

/** One line under the heading, and the row that it shows. */
export interface DiagramRow {
  readonly text: string;
  readonly row: Row;
}

/** A diagram, ready to be printed or placed beside another one. */
export interface Diagram {
  /** Heading and rows, each at most `width` columns wide, without trailing blanks. */
  readonly lines: readonly string[];
  readonly heading: readonly string[];
  readonly rows: readonly DiagramRow[];
  /** Explanations of the signs that were used, where they need one. */
  readonly legend: readonly string[];
  /** The names of actors for which there was no room. */
  readonly omitted: readonly string[];
}

const TIME_WIDTH = 6;
const FIRST_LANE = 8;
// Between two lanes there must be room for `├─SEND─►│`.
const MIN_GAP = 9;
// The widest gaps: more room would only make the eye travel.
const COMPACT_GAP = 18;
const DETAIL_GAP = 34;
// From this width on, ids, pids and ports are shown.
const DETAIL_WIDTH = 52;
// To the right of the last lane there is room for `■ on disk`.
const MARGIN = 9;
const DETAIL_MARGIN = 13;

/** Is there a process of this name now: not yet, running, frozen, or gone? */
export type Life = 'before' | 'alive' | 'frozen' | 'ended';
const LIFE: Readonly<Record<Life, string>> = { before: '·', alive: '│', frozen: '░', ended: ' ' };

const GLYPH: Readonly<Record<MarkName, string>> = {
  begins: '│',
  killed: '×',
  gone: '·',
  shown: '■',
  stored: '■',
  frozen: '░',
  thawed: '│',
  rung: '+',
  verdict: '=',
  trouble: '!',
};

/** Draws a merge. */
export function drawDiagram(merged: Merged, options: DiagramOptions): Diagram {
  const drawnRows = rowsOf(merged, options);
  const layout = layOut(merged, drawnRows, options.lanes ?? [], options.width);
  const lives = new Lives(merged, layout.lanes, drawnRows);
  const zero = zeroOf(merged, drawnRows, options.zero);
  const rows: DiagramRow[] = [];
  let shownTime = options.zero === undefined ? 0 : Number.NEGATIVE_INFINITY;
  let shownFrom = 0;
  for (const row of drawnRows) {
    if (!lanesIn(row).every((lane) => layout.columns.has(lane))) continue;
    shownTime = Math.max(shownTime, row.at - zero);
    shownFrom = Math.min(shownFrom, shownTime);
    const line = new TextLine(layout.width);
    line.put(0, formatMs(shownTime).padStart(TIME_WIDTH));
    lives.upTo(row.placed);
    for (const [lane, column] of layout.columns) line.put(column, LIFE[lives.of(lane)]);
    if (row.kind === 'mark') drawMark(line, row, layout);
    else if (row.kind === 'cable') drawCable(line, row, layout);
    else drawArrow(line, row, layout, lives);
    rows.push({ text: line.toString(), row });
  }
  const heading = headingOf(merged, layout);
  return {
    lines: [...heading, ...rows.map(({ text }) => text)],
    heading,
    rows,
    legend: [...legendOf(drawnRows), ...(shownFrom < 0 ? [`ms < 0: before ${options.zero} began`] : [])],
    omitted: layout.omitted,
  };
}

/** Where the lanes are. */
export interface Layout {
  readonly width: number;
  readonly lanes: readonly string[];
  /** The column of each lane. */
  readonly columns: ReadonlyMap<string, number>;
  /** From one lane to the next. */
  readonly gap: number;
  /** Is there room for ids, pids and ports? */
  readonly detail: boolean;
  readonly omitted: readonly string[];
}

/** Finds the lanes of a diagram and their columns. @param first names that always get a lane @param width in columns */
export function layOut(
  merged: Merged,
  rows: readonly Row[],
  first: readonly string[],
  width: number,
): Layout {
  const detail = width >= DETAIL_WIDTH;
  const startOf = ([name = '']: readonly string[]): number =>
    FIRST_LANE + Math.floor((Math.min(widthOf(name), MIN_GAP) - 1) / 2);
  const roomFor = (lanes: readonly string[], all = lanes.length): number =>
    Math.max(width - startOf(lanes) - (detail && all < 4 ? DETAIL_MARGIN : MARGIN), MIN_GAP);
  const { lanes, omitted } = lanesOf(merged, rows, first, (all) => 1 + Math.floor(roomFor(all) / MIN_GAP));
  const room = roomFor(lanes, lanes.length + omitted.length);
  const widest = detail ? DETAIL_GAP : COMPACT_GAP;
  // Another first lane may have a longer name. Then the margin shrinks, and the gaps stay.
  const gap = Math.max(MIN_GAP, Math.min(Math.floor(room / Math.max(1, lanes.length - 1)), widest));
  const start = startOf(lanes);
  const columns = new Map(lanes.map((name, index) => [name, start + index * gap]));
  return { width, lanes, columns, gap, detail, omitted };
}

function headingOf(merged: Merged, layout: Layout): string[] {
  const names = new TextLine(layout.width);
  const pids = new TextLine(layout.width);
  names.put(TIME_WIDTH - 2, 'ms');
  for (const [name, column] of layout.columns) {
    names.center(column, shorten(name, layout.gap - 1));
    const pid = pidOf(merged, name);
    const port = listenerOf(merged, name);
    if (pid !== undefined)
      pids.center(column, shorten(`pid ${pid}${port === undefined ? '' : ` :${port}`}`, layout.gap - 1));
  }
  return layout.detail ? [names.toString(), pids.toString()] : [names.toString()];
}

/** Tracks which processes are alive at a row. A process lives from its first event after `started` to its last drawn one, if it logged that it ends. */
export class Lives {
  readonly #life = new Map<string, Life>();
  readonly #events: readonly Placed[];
  readonly #index: ReadonlyMap<Placed, number>;
  readonly #lastDrawn = new Map<Process, Placed>();
  readonly #leaving = new Set<Process>();
  #next = 0;

  constructor(merged: Merged, lanes: readonly string[], drawnRows: readonly Row[]) {
    const logged = new Set(merged.processes.map(({ actor }) => actor));
    const mentioned = new Set(
      merged.events.flatMap(({ recorded }) => ('fields' in recorded ? [recorded.fields.as] : [])),
    );
    // A peer without a log that is named in a frame was certainly there; when it came is not known.
    for (const lane of lanes)
      this.#life.set(lane, !logged.has(lane) && mentioned.has(lane) ? 'alive' : 'before');
    this.#events = merged.events;
    this.#index = new Map(merged.events.map((placed, index) => [placed, index]));
    for (const { placed } of drawnRows) for (const one of placed) this.#lastDrawn.set(one.process, one);
  }

  /** Advances to the last of these events. */
  upTo(placed: readonly Placed[]): void {
    const last = Math.max(...placed.map((one) => this.#index.get(one) ?? 0));
    for (; this.#next <= last; this.#next += 1) {
      const event = this.#events[this.#next] as Placed;
      const { process } = event;
      // A program that has only started neither listens nor connects yet.
      if (event.recorded.event === 'started') continue;
      if (leaves(event)) this.#leaving.add(process);
      const over =
        this.#leaving.has(process) && this.#place(event) >= this.#place(this.#lastDrawn.get(process));
      this.#life.set(
        process.actor,
        over ? 'ended' : event.recorded.event === 'freezing' ? 'frozen' : 'alive',
      );
    }
  }

  /** The state of a lane at these events. */
  of(lane: string): Life {
    return this.#life.get(lane) ?? 'before';
  }

  #place(placed: Placed | undefined): number {
    return placed === undefined ? 0 : (this.#index.get(placed) ?? 0);
  }
}

/** What is written beside a row: the longest of its texts for which there is room, and for a mark, on which side of its lane. */
export interface Label {
  readonly text: string;
  /** Is it to the left of its lane? Only of a mark. */
  readonly left?: boolean;
  /** A remark to the right of an arrow. */
  readonly note?: string | undefined;
}

/** Chooses the label of a row. All its lanes have a column. */
export function labelOf(row: Row, { columns, gap, detail, width }: Layout): Label {
  const texts = detail ? [...row.long, ...row.short] : row.short;
  const [first, last] = [Math.min(...columns.values()), Math.max(...columns.values())];
  if (row.kind === 'mark') {
    const column = columns.get(row.lane) ?? 0;
    const right = column === last ? width - column - 2 : gap - 2;
    const left = column === first ? 0 : gap - 3;
    const fits = (room: number): string | undefined => texts.find((text) => widthOf(text) <= room);
    const atRight = fits(right);
    const atLeft = column === last ? fits(left) : undefined;
    if (atLeft !== undefined && (atRight === undefined || widthOf(atLeft) > widthOf(atRight)))
      return { text: atLeft, left: true };
    return { text: atRight ?? shorten(texts.at(-1) ?? '', right) };
  }
  const [a, b] = [columns.get(row.from) ?? 0, columns.get(row.to) ?? 0].sort((x, y) => x - y) as [
    number,
    number,
  ];
  const room = b - a - 1;
  if (row.kind === 'cable')
    return { text: texts.find((text) => widthOf(text) <= room - 2) ?? shorten(texts.at(-1) ?? '', room - 2) };
  const most = b === last ? width - b - 2 : gap - 3;
  return {
    text: fitting(row, room - takenBy(row), detail),
    note: row.note.find((note) => widthOf(note) <= most),
  };
}

// The columns of an arrow that are not for its text. If only one end recorded the frame, the other end is left open: `├──…` or `…──►│`.
const takenBy = ({ known, head }: Row & { kind: 'arrow' }): number =>
  ({ both: Number(head), socket: Number(head), sent: 2, received: 3 })[known];

function drawMark(line: TextLine, row: Row & { kind: 'mark' }, layout: Layout): void {
  const column = layout.columns.get(row.lane) ?? 0;
  const { text, left } = labelOf(row, layout);
  line.put(column, GLYPH[row.mark]);
  line.put(left === true ? column - 1 - widthOf(text) : column + 2, text);
}

// Draws between the two lanes, over any lanes on the way: ×××× cut ××××
function drawCable(line: TextLine, row: Row & { kind: 'cable' }, layout: Layout): void {
  const ends = [layout.columns.get(row.from) ?? 0, layout.columns.get(row.to) ?? 0];
  const a = Math.min(...ends);
  const room = Math.max(...ends) - a - 1;
  line.put(a + 1, row.sign.repeat(room));
  line.center(a + 1 + Math.floor((room - 1) / 2), ` ${labelOf(row, layout).text} `);
}

function drawArrow(line: TextLine, row: Row & { kind: 'arrow' }, layout: Layout, lives: Lives): void {
  const from = layout.columns.get(row.from) ?? 0;
  const to = layout.columns.get(row.to) ?? 0;
  const [a, b] = from < to ? [from, to] : [to, from];
  const room = b - a - 1;
  const { text, note } = labelOf(row, layout);
  const rightwards = from < to;
  if (row.known === 'socket' && row.head) {
    // A FIN or RST comes from a kernel, so its arrow starts in empty space, not at a lane.
    const dashes = Math.max(0, Math.floor((room - 2 - widthOf(text)) / 2));
    if (rightwards) line.put(b - 2 - 2 * dashes - widthOf(text), `${text}${' -'.repeat(dashes)} ►`);
    else line.put(a + 1, `◄${'- '.repeat(dashes)}${text}`);
    line.put(to, '│');
  } else if (row.known === 'socket') {
    const dashes = '- '.repeat(room).slice(0, room);
    line.put(a, '├');
    line.put(a + 1, dashes);
    line.center(a + 1 + Math.floor((room - 1) / 2), ` ${text} `);
    if (lives.of(row.to) === 'alive') line.put(b, rightwards ? '┤' : '├');
  } else {
    const body = spread(text, room - takenBy(row), rightwards);
    const head = row.head && row.known !== 'sent';
    const [open, point] = rightwards
      ? [row.known === 'sent' ? '… ' : ' …', '►']
      : [row.known === 'sent' ? ' …' : '… ', '◄'];
    const parts =
      row.known === 'received'
        ? [open, body, point]
        : row.known === 'sent'
          ? [body, open]
          : [body, head ? point : ''];
    line.put(a + 1, (rightwards ? parts : parts.reverse()).join(''));
    if (row.known !== 'received') line.put(from, rightwards ? '├' : '┤');
    if (!row.head) line.put(to, rightwards ? '┤' : '├');
  }
  if (note !== undefined) line.put(b + 2, note);
}

// A long text is used only if there is room around it, a short one wherever it fits.
function fitting({ long, short }: Row, room: number, detail: boolean): string {
  const fits = (texts: readonly string[], most: number): string | undefined =>
    texts.find((text) => widthOf(text) <= most);
  return (
    (detail ? fits(long, room - 3) : undefined) ??
    fits(short, room - 1) ??
    fits(short, room) ??
    shorten(short.at(-1) ?? '', room)
  );
}

// `── text ──`, or `─text─` where there is little room.
function spread(text: string, room: number, rightwards: boolean): string {
  const label = room - widthOf(text) >= 4 ? ` ${text} ` : text;
  const dashes = room - widthOf(label);
  const before = Math.floor((dashes + Number(rightwards && dashes > 0)) / 2);
  return '─'.repeat(before) + label + '─'.repeat(Math.max(0, dashes - before));
}

/** Milliseconds in at most six characters: `0.6`, `812.0`, `25310`, `1234s`, `-340.2`. */
export function formatMs(ms: number): string {
  const texts = [ms.toFixed(1), ms.toFixed(0), `${(ms / 1000).toFixed(0)}s`];
  return texts.find(({ length }) => length <= TIME_WIDTH) ?? `${(ms / 3_600_000).toFixed(0)}h`;
}

/** What the signs in these rows mean, where they need an explanation. */
export function legendOf(drawnRows: readonly Row[]): string[] {
  const arrows = drawnRows.filter((row) => row.kind === 'arrow');
  const legend: string[] = [];
  if (arrows.some(({ known, head }) => known !== 'socket' && head))
    legend.push('──► frame recorded in this run');
  if (arrows.some(({ known }) => known === 'socket')) legend.push('◄- - seen only as an event on the socket');
  if (arrows.some(({ known }) => known === 'sent' || known === 'received'))
    legend.push('──… still under way');
  const cables = drawnRows.flatMap((row) => (row.kind === 'cable' ? [row.sign] : []));
  if (cables.includes(' ')) legend.push('[==-] read so far');
  if (cables.some((sign) => sign !== ' ')) legend.push('~~~ ××× === the network itself');
  return legend;
}
