// What the components of the page share: the view, and how they ask the server for something. The messages come from the server, or from
// the document itself if it is an export. The diagrams are made here, too, from time to time, because that takes longer than drawing them.

import { useEffect, useState } from 'preact/hooks';
import { systemClock } from '../../../core/clock.ts';
import type { HalfPlan } from '../half.ts';
import type { Command, Message, Route } from '../messages.ts';
import { BoardModel } from '../model.ts';
import { Playback } from '../playback.ts';
import { afterMessage, type DetailsTarget, EMPTY_VIEW, type Speed, type View } from '../view.ts';

export type { Speed, View } from '../view.ts';

let view: View = EMPTY_VIEW;
const watchers = new Set<(view: View) => void>();
let announced = false;

// Changes the view, and redraws what shows it with the next frame of the screen.
function change(next: View): void {
  if (next === view) return;
  view = next;
  announce();
}

function announce(): void {
  if (announced) return;
  announced = true;
  requestAnimationFrame(() => {
    announced = false;
    if (time.runs) announce();
    moved();
    for (const watcher of watchers) watcher(view);
  });
}

/** The present view, for what is no component. */
export const presentView = (): View => view;

/** The present view; the component is drawn again when it changes. */
export function useView(): View {
  const [seen, setSeen] = useState(view);
  useEffect(() => {
    watchers.add(setSeen);
    setSeen(view);
    return () => {
      watchers.delete(setSeen);
    };
  }, []);
  return seen;
}

// ---- messages

// The fragment of the address has the token: `#token=…`. A browser never sends it to the server.
const tokenOf = (fragment: string): string => fragment.replace(/^#(?:token=)?/, '');

/** Connects to the server, or reads the run in the document. Call it once, before the first drawing. */
export function begin(): void {
  const recorded = document.getElementById('run');
  if (recorded === null) {
    change({ ...view, may: tokenOf(location.hash) !== '' });
    connect();
    return;
  }
  view = { ...view, connection: 'export' };
  const { messages } = JSON.parse(recorded.textContent ?? '') as { readonly messages: readonly Message[] };
  for (const message of messages) if (message.kind !== 'gone') take(message);
}

function take(message: Message): void {
  const { run, board } = view;
  change(afterMessage(view, message));
  if (view.run !== run || view.board !== board) {
    model = new BoardModel();
    time.restart();
  }
  if (DRAWN.has(message.kind)) drawSoon();
}

// What may change the diagrams.
const DRAWN: ReadonlySet<string> = new Set(['hello', 'clear', 'events', 'story']);

function connect(): void {
  const source = new EventSource('events');
  source.onmessage = ({ data }: MessageEvent<string>) => take(JSON.parse(data) as Message);
  source.onopen = () => change({ ...view, connection: 'live' });
  source.onerror = () => {
    if (view.connection !== 'gone') change({ ...view, connection: 'lost' });
    // The browser connects again by itself, except after an answer that is no stream of events: too many watchers, say.
    if (source.readyState !== EventSource.CLOSED) return;
    source.close();
    setTimeout(connect, RETRY_MS);
  };
}

const RETRY_MS = 3000;

/** Asks the server for something. @returns undefined if it is done or under way, otherwise what to tell the person */
export async function command(asked: Command): Promise<string | undefined> {
  try {
    const response = await fetch('commands', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Detour-Token': tokenOf(location.hash) },
      body: JSON.stringify(asked),
    });
    if (response.ok) return undefined;
    const answer = (await response.json().catch(() => ({}))) as {
      readonly error?: string;
      readonly hint?: string;
    };
    const { error = `the board answered ${response.status}`, hint } = answer;
    return hint === undefined ? error : `${error} (${hint})`;
  } catch {
    return 'the board does not answer';
  }
}

// ---- diagrams

let model = new BoardModel();
const widths: Record<Route, number> = { direct: 50, detour: 50 };
let drawing: ReturnType<typeof setTimeout> | undefined;
let drawnAt = Number.NEGATIVE_INFINITY;
let tookMs = 0;

// Making the diagrams takes at most this share of the time, so that scrolling stays smooth whatever comes in.
const SHARE = 0.2;

function drawSoon(): void {
  if (drawing !== undefined) return;
  const next = drawnAt + tookMs / SHARE - tookMs;
  drawing = setTimeout(draw, Math.max(0, next - performance.now()));
}

function draw(): void {
  drawing = undefined;
  const began = performance.now();
  const routes = view.mode === 'logs' ? model.routesIn(view.events) : view.routes;
  const made = model.draw(view.events, { halves: routes.map(planOf), brief: view.brief });
  drawnAt = performance.now();
  tookMs = drawnAt - began;
  time.recorded(made.moments, made.start);
  change({ ...view, routes: routes.length === 0 ? EMPTY_VIEW.routes : routes, drawing: made });
  if (made.more) drawSoon();
}

const LANES: Readonly<Record<Route, readonly string[]>> = {
  direct: ['alice', 'bob'],
  detour: ['alice', 'relay', 'bob'],
};

function planOf(route: Route): HalfPlan {
  const base = { route, width: widths[route] };
  if (view.mode === 'logs') return { ...base, lanes: [] };
  const scene = view.story?.routes.find((one) => one.route === route);
  if (scene === undefined) return { ...base, lanes: LANES[route] };
  return { ...base, lanes: scene.lanes, places: scene.places, zero: scene.lanes[0] };
}

/** Says for how many columns of text there is room in a half. */
export function setWidth(route: Route, columns: number): void {
  if (widths[route] === columns) return;
  widths[route] = columns;
  drawSoon();
}

/** Shows or leaves out greetings, polite endings and heartbeats. */
export function setBrief(brief: boolean): void {
  change({ ...view, brief });
  drawSoon();
}

// ---- time

const time = new Playback(systemClock);

function moved(): void {
  const state = time.state();
  const { playback: before } = view;
  if (KEYS.some((key) => state[key] !== before[key])) view = { ...view, playback: state };
}

const KEYS = ['live', 'paused', 'speed', 'at', 'end'] as const;

const moving =
  <Args extends readonly unknown[]>(move: (...args: Args) => void) =>
  (...args: Args): void => {
    move(...args);
    announce();
  };

/** Moves through the run. Times are in milliseconds on the board's axis. */
export const playback = {
  pause: moving(() => time.pause()),
  resume: moving(() => time.resume()),
  step: moving((by: 1 | -1) => time.step(by)),
  seek: moving((ms: number) => time.seek(ms)),
  speed: moving((speed: Speed) => time.speed(speed)),
  live: moving(() => time.live()),
};

// ---- the details pane

/** Opens what `detour explain` says of a verdict or a code in the details pane. */
export const explain = (code: string): void => openDetails({ kind: 'explanation', code });

/** Opens the details pane. */
export const openDetails = (details: DetailsTarget): void => change({ ...view, details });

/** Closes the details pane. */
export function closeDetails(): void {
  const { details: _, ...rest } = view;
  change(rest);
}
