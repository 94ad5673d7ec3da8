// The event stream of --json. Whoever reads it may be slow, or not read at all, while the network goes on: it must not grow in memory.

import type { Writable } from 'node:stream';
import type { Recorded } from '../core/event.ts';
import { formatJson } from '../trace/line.ts';

/** With more than this waiting for the reader there is no room for more, in bytes. */
export const JSON_WAITING = 4 * 1024 * 1024;

// What the reader is there for: what was shown, and what became of each message. There are never more of them than messages.
const KEPT: ReadonlySet<Recorded['event']> = new Set(['shown', 'outcome', 'verdict']);

/**
 * Makes the function that writes events as lines of JSON. While the reader does not keep up, events are dropped, all but KEPT; then
 * an event `dropped` says how many, before anything else is written.
 * @param out where to; also if nobody reads from it
 */
export function jsonOutput(out: Writable): (recorded: Recorded) => void {
  let last: Recorded | undefined;
  let count = 0;
  const write = (recorded: Recorded): void => void out.write(`${formatJson(recorded)}\n`);
  const tellDropped = (): void => {
    if (last === undefined) return;
    const { time, actor, pid } = last;
    write({ event: 'dropped', count, time, actor, pid });
    last = undefined;
    count = 0;
  };
  return (recorded) => {
    if (out.writableLength > JSON_WAITING && !KEPT.has(recorded.event)) {
      // All that waits is written before 'drain'.
      if (last === undefined) out.once('drain', tellDropped);
      last = recorded;
      count += 1;
      return;
    }
    tellDropped();
    write(recorded);
  };
}
