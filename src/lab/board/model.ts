// From events to what the page draws: for each half the rows of `detour trace`, made by the same functions, and one axis of time for both.
// Pure: the components of the page put it on the screen; copies.ts says who has a copy at a time, playback.ts which time is shown.

import type { Recorded } from '../../core/event.ts';
import {
  formatMs,
  type Label,
  type Layout,
  type Life,
  Lives,
  labelOf,
  layOut,
  legendOf,
} from '../../trace/diagram.ts';
import { essential } from '../../trace/filter.ts';
import { lanesIn } from '../../trace/lanes.ts';
import { type Merged, merge, toNs } from '../../trace/merge.ts';
import type { Placed } from '../../trace/model.ts';
import { type Row, rowsOf, zeroOf } from '../../trace/rows.ts';
import type { BoardEvent, Route } from './messages.ts';
import { Routes } from './routes.ts';

/** The most events of a half that are merged: more would take too long each time. */
export const MOST_MERGED = 10_000;
// When there are more, this many of the oldest are left out at once, so that the rows above do not change with every event.
const LEFT_OUT_AT_ONCE = 2000;

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

/** What to draw. */
export interface BoardPlan {
  readonly halves: readonly HalfPlan[];
  /** Leave out greetings, polite endings and heartbeats, as `detour trace --brief` does? */
  readonly brief: boolean;
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
  /** For each lane: is its process there? */
  readonly lives: readonly Life[];
  readonly label: Label;
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
  /** Actors for which there was no room. */
  readonly omitted: readonly string[];
  readonly rows: readonly DrawnRow[];
  /** What the signs mean, where they need it. */
  readonly legend: readonly string[];
  /** How many of the oldest events were left out. */
  readonly older: number;
  readonly merged: Merged;
  /** Which time of `merged` is 0 on the board's axis, in milliseconds. */
  readonly zero: number;
}

/** Both halves. */
export interface Drawing {
  readonly halves: ReadonlyMap<Route, Half>;
  /** The times at which something changes, on the board's axis, in ascending order. */
  readonly moments: readonly number[];
  /** When the last message began: the first event of its sender. */
  readonly start: number;
}

export const NOTHING_DRAWN: Drawing = { halves: new Map(), moments: [], start: 0 };

/** Makes the drawings of one run, one after the other, each from more events. */
export class BoardModel {
  readonly #routes = new Routes();
  // What `#routes` said of each event, in order.
  readonly #runs = new Map<number, object>();
  #zero: bigint | undefined;

  /** The halves that have events, left to right. */
  routesIn(events: readonly BoardEvent[]): Route[] {
    const found = new Set(events.map((event) => this.#routeOf(event)));
    return (['direct', 'detour'] as const).filter((route) => found.has(route));
  }

  /** Draws. Give it the events of one run only. */
  draw(events: readonly BoardEvent[], plan: BoardPlan): Drawing {
    // All of them first: what a process does later may show where it belongs.
    for (const event of events) if (event.route === undefined) this.#runOf(event);
    const parts = plan.halves.map((half) => partOf(this.#of(events, half.route), half, plan.brief));
    this.#zero = this.#zeroOf(parts) ?? this.#zero;
    const halves = new Map(parts.map((part) => [part.plan.route, drawn(part, this.#zero ?? part.origin)]));
    const moments = new Set<number>();
    for (const { rows } of halves.values()) for (const { from, to } of rows) moments.add(from).add(to);
    return {
      halves,
      moments: [...moments].sort((a, b) => a - b),
      start: earliestOfLast([...halves.values()].map(startOf)),
    };
  }

  #routeOf(event: BoardEvent): Route {
    return event.route ?? this.#routes.of(this.#runOf(event));
  }

  #runOf({ n, recorded }: BoardEvent): object {
    let run = this.#runs.get(n);
    if (run === undefined) {
      run = this.#routes.add(recorded);
      this.#runs.set(n, run);
    }
    return run;
  }

  #of(events: readonly BoardEvent[], route: Route): BoardEvent[] {
    return events.filter((event) => this.#routeOf(event) === route);
  }

  // The common zero. Once old events are left out, it stays where it was.
  #zeroOf(parts: readonly Part[]): bigint | undefined {
    if (this.#zero !== undefined && parts.some(({ older }) => older > 0)) return this.#zero;
    let zero: bigint | undefined;
    for (const part of parts) {
      if (part.rows.length === 0) continue;
      const first = part.origin + nsOf(zeroOf(part.merged, part.rows, undefined));
      if (zero === undefined || first < zero) zero = first;
    }
    return zero;
  }
}

/** A half that has been merged, before the two have one axis. */
interface Part {
  readonly plan: HalfPlan;
  readonly merged: Merged;
  readonly rows: readonly Row[];
  readonly older: number;
  /** The number of each event. */
  readonly numbers: ReadonlyMap<Recorded, number>;
  /** When time 0 of `merged` was, in nanoseconds since 1970. */
  readonly origin: bigint;
}

const nsOf = (ms: number): bigint => BigInt(Math.round(ms * 1e6));

function partOf(events: readonly BoardEvent[], plan: HalfPlan, brief: boolean): Part {
  const older =
    events.length <= MOST_MERGED + LEFT_OUT_AT_ONCE
      ? 0
      : Math.floor((events.length - MOST_MERGED) / LEFT_OUT_AT_ONCE) * LEFT_OUT_AT_ONCE;
  const newest = events.slice(older);
  const context = older === 0 ? [] : contextOf(events.slice(0, older), newest);
  const merged = merge([[...context, ...newest].map(({ recorded }) => recorded)]);
  const hidden = new Set(context.map(({ recorded }) => recorded));
  const keep = (placed: Placed): boolean => !hidden.has(placed.recorded) && (!brief || essential(placed));
  const [first] = merged.events;
  return {
    plan,
    merged,
    rows: rowsOf(merged, {
      places: plan.places === undefined ? undefined : new Map(Object.entries(plan.places)),
      keep,
    }),
    older,
    numbers: new Map(newest.map(({ n, recorded }) => [recorded, n])),
    origin:
      first === undefined ? 0n : toNs(first.recorded.time) + nsOf(merged.shifts[first.process.index] ?? 0),
  };
}

// Of the events that are too old to be drawn: who listens, and how the connections began that are still in use. Without them nobody
// could tell the two ends of a frame.
function contextOf(old: readonly BoardEvent[], newest: readonly BoardEvent[]): BoardEvent[] {
  const used = new Set<string>();
  for (const { recorded } of newest) used.add(subjectOf(recorded)).add(processOf(recorded));
  return old.filter(({ recorded }) => {
    if (!BEGINNINGS.has(recorded.event)) return false;
    if ('verb' in recorded && recorded.verb !== 'READY' && recorded.verb !== 'HELLO') return false;
    return used.has(subjectOf(recorded));
  });
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

function drawn({ plan, merged, rows, older, numbers, origin }: Part, common: bigint): Half {
  const layout = layOut(merged, rows, plan.lanes, plan.width);
  const { lanes, columns, omitted } = layout;
  const lives = new Lives(merged, lanes, rows);
  const zero = plan.zero === undefined ? Number(common - origin) / 1e6 : zeroOf(merged, rows, plan.zero);
  let latest = plan.zero === undefined ? 0 : Number.NEGATIVE_INFINITY;
  const drawnRows: DrawnRow[] = [];
  for (const row of rows) {
    if (!lanesIn(row).every((lane) => columns.has(lane))) continue;
    latest = Math.max(latest, row.at - zero);
    lives.upTo(row.placed);
    const [first] = row.placed;
    drawnRows.push({
      key: `${(first && numbers.get(first.recorded)) ?? 0}`,
      row,
      from: (first?.at ?? row.at) - zero,
      to: row.at - zero,
      time: formatMs(latest),
      lives: lanes.map((lane) => lives.of(lane)),
      label: labelOf(row, layout),
    });
  }
  return {
    route: plan.route,
    lanes: lanes.map((name) => ({ name, detail: detailOf(merged, name), column: columns.get(name) ?? 0 })),
    layout,
    omitted,
    rows: drawnRows,
    legend: legendOf(rows),
    older,
    merged,
    zero,
  };
}

function detailOf({ processes, events }: Merged, name: string): string {
  const pid = processes.findLast(({ actor }) => actor === name)?.pid;
  if (pid === undefined) return '';
  const listening = events.findLast(
    ({ recorded }) => recorded.actor === name && recorded.event === 'listening',
  )?.recorded;
  return `pid ${pid}${listening?.event === 'listening' ? ` :${listening.port}` : ''}`;
}

// Messages of both halves that began within this time of each other are one: said by both routes.
const TOGETHER_MS = 1000;

function earliestOfLast(starts: readonly number[]): number {
  const last = Math.max(Number.NEGATIVE_INFINITY, ...starts);
  return Math.min(last, ...starts.filter((start) => start > last - TOGETHER_MS));
}

// When the last process began that sends messages.
function startOf({ merged, zero }: Half): number {
  const first = new Map<number, number>();
  let start = Number.NEGATIVE_INFINITY;
  for (const { recorded, process, at } of merged.events) {
    const began = first.get(process.index) ?? at;
    first.set(process.index, began);
    if (recorded.event === 'outcome' || (recorded.event === 'sent' && recorded.verb === 'SEND'))
      start = Math.max(start, began - zero);
  }
  return start;
}
