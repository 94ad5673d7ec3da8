// Runs for the tests of the board: what several processes recorded, as the server sends it to the page.

import type { Recorded } from '../../../src/core/event.ts';
import type { BoardEvent, Route } from '../../../src/lab/board/messages.ts';

/** The events of some logs in the order of their times, numbered from `first`. */
export function boardEvents(logs: readonly (readonly Recorded[])[], route?: Route, first = 1): BoardEvent[] {
  return logs
    .flat()
    .map((recorded, index) => ({ recorded, index }))
    .sort((a, b) =>
      a.recorded.time < b.recorded.time ? -1 : a.recorded.time > b.recorded.time ? 1 : a.index - b.index,
    )
    .map(({ recorded }, index) => ({ n: first + index, recorded, ...(route !== undefined && { route }) }));
}
