// The signs on the buttons, drawn, so that they look the same on every system. A sign is never alone: each button has its word.

import type { ActorAction, LineAction } from '../messages.ts';

const STROKES: Readonly<Record<ActorAction | LineAction, string>> = {
  start: 'M4.5 2.5v11l9-5.5z',
  kill: 'M3 3l10 10M13 3L3 13',
  freeze: 'M8 1.5v13M2.4 4.75l11.2 6.5M13.6 4.75L2.4 11.25M6 2.5l2 2 2-2M6 13.5l2-2 2 2',
  thaw: 'M8 1.5v1.6M8 12.9v1.6M1.5 8h1.6M12.9 8h1.6M3.4 3.4l1.1 1.1M11.5 11.5l1.1 1.1M12.6 3.4l-1.1 1.1M4.5 11.5l-1.1 1.1M5 8a3 3 0 1 0 6 0 3 3 0 1 0-6 0',
  stop: 'M3.5 3.5h9v9h-9z',
  cut: 'M5 10.5L12.5 2M11 10.5L3.5 2M2 12.5a2 2 0 1 0 4 0 2 2 0 1 0-4 0M10 12.5a2 2 0 1 0 4 0 2 2 0 1 0-4 0',
  heal: 'M2 8.5l4 4L14 4',
  slow: 'M2 8a6 6 0 1 0 12 0 6 6 0 1 0-12 0M8 4.5V8l2.5 1.5',
  reset: 'M13 8a5 5 0 1 1-1.6-3.7M13.5 1.5v3.2h-3.2',
  full: 'M3 2.5v11h10v-11M3 6h10M3 9.5h10',
  slice: 'M1.5 8h3M6.5 8h3M11.5 8h3M5.5 4.5v7M10.5 4.5v7',
};

const FILLED = new Set<string>(['start', 'stop']);

/** The sign of something that can be done to a process or a line. */
export function Icon({ of }: { of: ActorAction | LineAction }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={STROKES[of]} class={FILLED.has(of) ? 'filled' : ''} />
    </svg>
  );
}
