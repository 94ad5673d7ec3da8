// One half of the board: its rows, made by the functions of `detour trace`. To merge everything again with each event would take longer and
// longer; so only the newest events are, together with what gives them their names and their other ends. The rows before stay as they are. Pure.

import type { Recorded } from '../../core/event.ts';
import { formatMs, type Layout, type Life, Lives, layOut, legendOf } from '../../trace/diagram.ts';
import { essential } from '../../trace/filter.ts';
import { lanesIn } from '../../trace/lanes.ts';
import { type Merged, merge, toNs } from '../../trace/merge.ts';
import { type Row, rowsOf, zeroOf } from '../../trace/rows.ts';
import type { BoardEvent, Route } from './messages.ts';

/** Of a run that is longer than this when it is first drawn, only this many events of each half, the newest, become rows. */
export const MOST_DRAWN = 10_000;
/** The most rows that are kept. */
const MOST_ROWS = 20_000;
/** When this many events have rows that may still change, all but the last `STILL_OPEN` are settled. */
export const SETTLED_AT = 2000;
const STILL_OPEN = 1000;
// So many settled events are merged again, because how an event is drawn depends on those around it.
const OVERLAP = 300;

/** What to draw of a half. */
export interface HalfPlan {
  readonly route: Route;
  /** Names that always get a lane, from the left. */
  readonly lanes: readonly string[];
  /** How many columns of text there is room for. */
  readonly width: number;
  /** Names for addresses (`host:port`) where nobody listened. */
  readonly places?: Readonly<Record<string, string>> | undefined;
  /** The actor whose first event is time 0 of this half. Without it, time 0 is the first row of both halves. */
  readonly zero?: string | undefined;
}

/** A row of a half. */
export interface DrawnRow {
  /** Stays the same while more is recorded, as long as the row shows the same event. */
  readonly key: string;
  readonly row: Row;
  /** When it began, on the board's axis: a frame was sent. */
  readonly from: number;
  /** When it was over: a frame was received. The same as `from` for everything else. */
  readonly to: number;
  /** The time as it is printed. */
  readonly time: string;
  /** For each lane: is its process there? A lane that is not in it came later. */
  readonly lives: ReadonlyMap<string, Life>;
  /** The merge that its events are from, and which time of it is 0 on the board's axis, in milliseconds. */
  readonly merged: Merged;
  readonly zero: number;
}

/** A lane of a half. */
export interface Lane {
  readonly name: string;
  /** Its pid and port, as far as they are known: `pid 4711 :4101`. */
  readonly detail: string;
  /** Its column of text, from 0. */
  readonly column: number;
}

/** A half, ready to be drawn. */
export interface Half {
  readonly route: Route;
  readonly lanes: readonly Lane[];
  readonly layout: Layout;
  /** Actors for which there is no room. */
  readonly omitted: readonly string[];
  readonly rows: readonly DrawnRow[];
  /** What the signs mean, where they need it. */
  readonly legend: readonly string[];
  /** How many of the oldest events have no row any more. */
  readonly older: number;
  /** The merge of the newest events. */
  readonly merged: Merged;
  /** Which time of `merged` is 0 on the board's axis, in milliseconds. */
  readonly zero: number;
  /** The ids of messages that began before `merged`: they have the first numbers. */
  readonly earlier: readonly string[];
  /** When the newest events begin, on the board's axis; before them `merged` does not have everything. */
  readonly since: number;
}

/** The newest events of a half, merged. */
interface Part {
  readonly merged: Merged;
  readonly rows: readonly Row[];
  readonly layout: Layout;
  /** When time 0 of `merged` was, in nanoseconds since 1970. */
  readonly origin: bigint;
  /** The numbers of the events that have rows. */
  readonly numbers: ReadonlyMap<Recorded, number>;
}

const nsOf = (ms: number): bigint => BigInt(Math.round(ms * 1e6));

/** Draws a half, again and again with more events. Call `take`, then `draw`. */
export class HalfModel {
  readonly route: Route;
  /** Are there events that the last drawing did not take? */
  more = false;
  readonly #plan: Omit<HalfPlan, 'width'>;
  readonly #brief: boolean;
  #settled: DrawnRow[] = [];
  /** Events with a smaller number are settled. */
  #boundary = 0;
  #older = 0;
  /** Settled events whose other half may still come. */
  #unanswered = new Set<Recorded>();
  readonly #ids = new Set<string>();
  #lanes: readonly string[];
  #zero: bigint | undefined;
  #part: Part | undefined;
  #next = 0;

  constructor(plan: Omit<HalfPlan, 'width'>, brief: boolean) {
    this.route = plan.route;
    this.#plan = plan;
    this.#brief = brief;
    this.#lanes = plan.lanes;
  }

  /** When the first row was, in nanoseconds since 1970; undefined if there is none, or if this half has a zero of its own. */
  get first(): bigint | undefined {
    if (this.#plan.zero !== undefined) return undefined;
    if (this.#zero !== undefined) return this.#zero;
    const part = this.#part;
    return part === undefined || part.rows.length === 0
      ? undefined
      : part.origin + nsOf(zeroIn(part, undefined));
  }

  /** Merges the newest events. @param events all events of this half @param width in columns */
  take(events: readonly BoardEvent[], width: number): void {
    if (this.#boundary === 0 && events.length > MOST_DRAWN + STILL_OPEN) {
      this.#older = events.length - MOST_DRAWN;
      this.#boundary = events[this.#older]?.n ?? 0;
    }
    const start = indexOf(events, this.#boundary);
    const end = Math.min(events.length, start + SETTLED_AT + STILL_OPEN);
    this.more = end < events.length;
    this.#next = events[end - STILL_OPEN]?.n ?? 0;
    if (end - start <= SETTLED_AT) this.#next = 0;
    const from = Math.max(0, start - OVERLAP);
    const newest = events.slice(from, end);
    const context = this.#contextOf(events.slice(0, from), newest);
    const merged = merge([[...context, ...newest].map(({ recorded }) => recorded)]);
    const hidden = new Set(context.map(({ recorded }) => recorded));
    const { places } = this.#plan;
    const rows = rowsOf(merged, {
      places: places === undefined ? undefined : new Map(Object.entries(places)),
      earlier: [...this.#ids],
      keep: (placed) => !hidden.has(placed.recorded) && (!this.#brief || essential(placed)),
    });
    const [first] = merged.events;
    this.#part = {
      merged,
      rows,
      layout: layOut(merged, rows, this.#lanes, width),
      origin:
        first === undefined ? 0n : toNs(first.recorded.time) + nsOf(merged.shifts[first.process.index] ?? 0),
      numbers: new Map(newest.map(({ n, recorded }) => [recorded, n])),
    };
  }

  /** Draws what was taken. @param common the zero of both halves, in nanoseconds since 1970 */
  draw(common: bigint): Half {
    const part = this.#part;
    if (part === undefined) throw new Error('nothing was taken');
    const { merged, rows, layout, numbers } = part;
    const zero = this.#zeroOf(part, common);
    const last = (row: Row): number =>
      Math.max(...row.placed.map(({ recorded }) => numbers.get(recorded) ?? 0));
    const open = this.#drawn(part, zero, (row) => last(row) >= this.#boundary);
    this.#forgetCompleted(open, numbers);
    const half = {
      route: this.route,
      lanes: layout.lanes.map((name) => ({
        name,
        detail: detailOf(merged, name),
        column: layout.columns.get(name) ?? 0,
      })),
      layout,
      omitted: layout.omitted,
      rows: [...this.#settled, ...open].filter(({ row }) =>
        lanesIn(row).every((lane) => layout.columns.has(lane)),
      ),
      legend: legendOf(rows),
      older: this.#older,
      merged,
      zero,
      earlier: [...this.#ids],
      since: this.#settled.length === 0 ? Number.NEGATIVE_INFINITY : (open[0]?.from ?? 0),
    };
    if (this.#next > 0) this.#settle(part, open, zero, last);
    return half;
  }

  #zeroOf(part: Part, common: bigint): number {
    const own = zeroIn(part, this.#plan.zero);
    const fixed = this.#zero ?? (this.#plan.zero === undefined ? common : undefined);
    if (fixed === undefined) return own;
    const shared = Number(fixed - part.origin) / 1e6;
    // Where the first row is in this half, its exact time is used: two ways of rounding must not print two times.
    return Math.abs(shared - own) < SAME ? own : shared;
  }

  #drawn({ merged, rows, layout, numbers }: Part, zero: number, isOpen: (row: Row) => boolean): DrawnRow[] {
    const lives = new Lives(merged, layout.lanes, rows);
    const before = this.#settled.at(-1)?.lives;
    let latest = this.#plan.zero === undefined ? 0 : Number.NEGATIVE_INFINITY;
    const drawn: DrawnRow[] = [];
    for (const row of rows) {
      latest = Math.max(latest, row.at - zero);
      lives.upTo(row.placed);
      if (!isOpen(row)) continue;
      const [first] = row.placed;
      drawn.push({
        key: `${(first && numbers.get(first.recorded)) ?? 0}`,
        row,
        from: (first?.at ?? row.at) - zero,
        to: row.at - zero,
        time: formatMs(latest),
        lives: new Map(
          layout.lanes.map((lane) => {
            const life = lives.of(lane);
            return [lane, life === 'before' ? (before?.get(lane) ?? life) : life];
          }),
        ),
        merged,
        zero,
      });
    }
    return drawn;
  }

  // A frame whose first half had been settled alone has arrived: it is one row now.
  #forgetCompleted(open: readonly DrawnRow[], numbers: ReadonlyMap<Recorded, number>): void {
    const completed = new Set<string>();
    for (const { row } of open)
      for (const { recorded } of row.placed) {
        const n = numbers.get(recorded) ?? 0;
        if (row.placed.length === 2 && n < this.#boundary) completed.add(`${n}`);
      }
    if (completed.size > 0) this.#settled = this.#settled.filter(({ key }) => !completed.has(key));
  }

  #settle(
    { merged, layout, origin }: Part,
    open: readonly DrawnRow[],
    zero: number,
    last: (row: Row) => number,
  ): void {
    this.#zero ??= origin + nsOf(zero);
    this.#lanes = layout.lanes;
    for (const { recorded } of merged.events)
      if ('fields' in recorded && typeof recorded.fields.id === 'string') this.#ids.add(recorded.fields.id);
    const settled = open.filter(({ row }) => last(row) < this.#next);
    for (const { row } of settled)
      for (const { recorded, peer } of row.placed)
        if (recorded.event === 'sent' && peer === undefined) this.#unanswered.add(recorded);
    this.#settled.push(...settled);
    const over = this.#settled.length - MOST_ROWS;
    if (over > 0) {
      this.#settled = this.#settled.slice(over);
      this.#older += over;
    }
    this.#boundary = this.#next;
  }

  // Of the events before: the very first, whose clock the times go by; who listens; how the connections began that are still in use; and
  // frames that have not arrived.
  #contextOf(old: readonly BoardEvent[], newest: readonly BoardEvent[]): BoardEvent[] {
    const used = new Set<string>();
    for (const { recorded } of newest) used.add(subjectOf(recorded)).add(processOf(recorded));
    return old.filter(({ recorded }, index) => {
      if (index === 0 || this.#unanswered.has(recorded)) return true;
      if (!BEGINNINGS.has(recorded.event)) return false;
      if ('verb' in recorded && recorded.verb !== 'READY' && recorded.verb !== 'HELLO') return false;
      return used.has(subjectOf(recorded));
    });
  }
}

// Two times that are the same but for rounding, in milliseconds.
const SAME = 1e-3;

const zeroIn = ({ merged, rows }: Part, actor: string | undefined): number => zeroOf(merged, rows, actor);

// Where the first event is that has at least this number.
function indexOf(events: readonly BoardEvent[], n: number): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((events[middle]?.n ?? 0) < n) low = middle + 1;
    else high = middle;
  }
  return low;
}

const BEGINNINGS = new Set([
  'listening',
  'connecting',
  'connected',
  'accepted',
  'sent',
  'received',
  'linked',
  'reached',
]);

const processOf = ({ pid, actor }: Recorded): string => `${pid} ${actor}`;

// What an event is about: a connection of its process, one through a link, or the process.
function subjectOf(recorded: Recorded): string {
  if ('conn' in recorded && recorded.conn !== undefined) return `${processOf(recorded)} ${recorded.conn}`;
  return 'line' in recorded ? `${processOf(recorded)} line ${recorded.line}` : processOf(recorded);
}

function detailOf({ processes, events }: Merged, name: string): string {
  const pid = processes.findLast(({ actor }) => actor === name)?.pid;
  if (pid === undefined) return '';
  const listening = events.findLast(
    ({ recorded }) => recorded.actor === name && recorded.event === 'listening',
  )?.recorded;
  return `pid ${pid}${listening?.event === 'listening' ? ` :${listening.port}` : ''}`;
}
