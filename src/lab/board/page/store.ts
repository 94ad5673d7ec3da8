// What the components of the page share: the view, and how they ask the server for something. The messages come from the server, or from
// the document itself if it is an export.

import { useEffect, useState } from 'preact/hooks';
import type { Command, Message } from '../messages.ts';
import { afterMessage, EMPTY_VIEW, type Speed, type View } from '../view.ts';

export type { Speed, View } from '../view.ts';

let view: View = EMPTY_VIEW;
const watchers = new Set<(view: View) => void>();
let announced = false;

/** Changes the view, and redraws what shows it with the next frame of the screen. */
export function change(next: View): void {
  if (next === view) return;
  view = next;
  if (announced) return;
  announced = true;
  requestAnimationFrame(() => {
    announced = false;
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

// The fragment of the address has the token: `#token=…`. A browser never sends it to the server.
const tokenOf = (fragment: string): string => fragment.replace(/^#(?:token=)?/, '');

/** Connects to the server, or reads the run in the document. Call it once, before the first drawing. */
export function begin(): void {
  const recorded = document.getElementById('run');
  if (recorded !== null) {
    const { messages } = JSON.parse(recorded.textContent ?? '') as { readonly messages: readonly Message[] };
    let read: View = { ...EMPTY_VIEW, connection: 'export' };
    for (const message of messages) if (message.kind !== 'gone') read = afterMessage(read, message);
    change(read);
    return;
  }
  change({ ...view, may: tokenOf(location.hash) !== '' });
  connect();
}

function connect(): void {
  const source = new EventSource('events');
  source.onmessage = ({ data }: MessageEvent<string>) =>
    change(afterMessage(view, JSON.parse(data) as Message));
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
    const { error = `the board answered ${response.status}`, hint } = (await response
      .json()
      .catch(() => ({}))) as { readonly error?: string; readonly hint?: string };
    return hint === undefined ? error : `${error} (${hint})`;
  } catch {
    return 'the board does not answer';
  }
}

/** Opens what `detour explain` says of a verdict or a code in the details pane. */
export function explain(code: string): void {
  change({ ...view, details: { kind: 'explanation', code } });
}

/** Closes the details pane. */
export function closeDetails(): void {
  const { details: _, ...rest } = view;
  change(rest);
}

/** Moves through the run. Times are in milliseconds on the board's axis. */
export const playback = {
  pause(): void {},
  resume(): void {},
  step(_by: 1 | -1): void {},
  seek(_ms: number): void {},
  speed(_x: Speed): void {},
  live(): void {},
};
