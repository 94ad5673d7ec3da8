// From events to what the page draws: for each half the rows of `detour trace`, made by the same functions, and one axis of time for both.
// Pure: the components of the page put it on the screen; copies.ts says who has a copy at a time, playback.ts which time is shown.

import { type Half, HalfModel, type HalfPlan } from './half.ts';
import type { BoardEvent, Route } from './messages.ts';
import { Routes } from './routes.ts';

/** What to draw. */
export interface BoardPlan {
  readonly halves: readonly HalfPlan[];
  /** Leave out greetings, polite endings and heartbeats, as `detour trace --brief` does? */
  readonly brief: boolean;
}

/** Both halves. */
export interface Drawing {
  readonly halves: ReadonlyMap<Route, Half>;
  /** The times at which something changes, on the board's axis, in ascending order. */
  readonly moments: readonly number[];
  /** When the last message began: the first event of its sender. */
  readonly start: number;
  /** Is there more to draw? One drawing takes only so many events, so that the page is never busy for long. */
  readonly more: boolean;
}

/** The drawing of a run that has not begun. */
export const NOTHING_DRAWN: Drawing = { halves: new Map(), moments: [], start: 0, more: false };

/** Makes the drawings of one run, one after the other, each from more events. */
export class BoardModel {
  readonly #routes = new Routes();
  // What `#routes` said of each event, by its number.
  readonly #runs = new Map<number, object>();
  readonly #halves = new Map<Route, { readonly plan: string; readonly model: HalfModel }>();

  /** The halves that have events, left to right. */
  routesIn(events: readonly BoardEvent[]): Route[] {
    const found = new Set(events.map((event) => this.routeOf(event)));
    return (['direct', 'detour'] as const).filter((route) => found.has(route));
  }

  /** The half of an event, by all events that have been drawn. */
  routeOf(event: BoardEvent): Route {
    return event.route ?? this.#routes.of(this.#runOf(event));
  }

  /** Draws. Give it the events of one run only. */
  draw(events: readonly BoardEvent[], plan: BoardPlan): Drawing {
    // All of them first: what a process does later may show where it belongs.
    for (const event of events) if (event.route === undefined) this.#runOf(event);
    const models = plan.halves.map((half) => this.#modelOf(half, plan.brief));
    for (const [index, half] of plan.halves.entries())
      models[index]?.take(
        events.filter((event) => this.routeOf(event) === half.route),
        half.width,
      );
    const firsts = models.flatMap(({ first }) => (first === undefined ? [] : [first]));
    const zero = firsts.reduce((least, first) => (first < least ? first : least), firsts[0] ?? 0n);
    const halves = new Map(models.map((model) => [model.route, model.draw(zero)]));
    const moments = new Set<number>();
    for (const { rows } of halves.values()) for (const { from, to } of rows) moments.add(from).add(to);
    return {
      halves,
      moments: [...moments].sort((a, b) => a - b),
      start: earliestOfLast([...halves.values()].map(startOf)),
      more: models.some(({ more }) => more),
    };
  }

  // Another plan, save for its width, makes other rows: then the half is drawn anew.
  #modelOf({ width: _, ...half }: HalfPlan, brief: boolean): HalfModel {
    const plan = JSON.stringify([half, brief]);
    const known = this.#halves.get(half.route);
    if (known?.plan === plan) return known.model;
    const model = new HalfModel(half, brief);
    this.#halves.set(half.route, { plan, model });
    return model;
  }

  #runOf({ n, recorded }: BoardEvent): object {
    let run = this.#runs.get(n);
    if (run === undefined) {
      run = this.#routes.add(recorded);
      this.#runs.set(n, run);
    }
    return run;
  }
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
