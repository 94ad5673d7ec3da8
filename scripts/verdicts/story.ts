// Formats one event of a run on one line, for people who want to see what happened.

import type { Recorded } from '../../src/core/event.ts';
import { flatten } from '../../src/trace/line.ts';

const LEFT_OUT = new Set(['time', 'actor', 'pid', 'event', 'session', 'text']);

/** Formats an event. @param ms milliseconds since the run began */
export function storyLine(recorded: Recorded, ms: number): string {
  const fields = Object.entries(flatten(recorded))
    .filter(([key]) => !LEFT_OUT.has(key))
    .map(([key, value]) => `${key}=${String(value)}`);
  return `${ms.toFixed(1).padStart(8)}  ${recorded.actor.padEnd(6)} ${recorded.event.padEnd(12)} ${fields.join(' ')}`;
}
