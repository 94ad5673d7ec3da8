// The event stream of --json. Its reader may be slow, or not read at all, while the network goes on. The stream must not pile up in memory.

import type { Writable } from 'node:stream';
import type { Recorded } from '../core/event.ts';
import { formatJson } from '../trace/line.ts';

/** While more than this waits for the reader, events are dropped. In bytes. */
export const JSON_WAITING = 4 * 1024 * 1024;

// The events that matter most: what was shown, and what became of each message. They are never dropped; each message has only a few.
const KEPT: ReadonlySet<Recorded['event']> = new Set(['shown', 'outcome', 'verdict']);

/**
 * Makes the function that writes events as lines of JSON. While the reader does not keep up, it drops all events except `shown`,
 * `outcome` and `verdict`. An event `dropped` then says how many, before anything else is written.
 * @param out the stream to write to; nobody needs to read from it
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
      // Everything that waits is written before 'drain'.
      if (last === undefined) out.once('drain', tellDropped);
      last = recorded;
      count += 1;
      return;
    }
    tellDropped();
    write(recorded);
  };
}
