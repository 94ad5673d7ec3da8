// Who has mail: the answer to STATUS, a page at a time, and what a relay says of itself.

import type { State } from './state.ts';

/** MAILBOX lines in one answer to STATUS. */
export const STATUS_PAGE = 500;

/** A mailbox with mail, for people. */
export interface Waiting {
  readonly name: string;
  readonly held: number;
  /** Bodies, in bytes. */
  readonly bytes: number;
  /** When the longest-held message was stored, epoch milliseconds. */
  readonly oldest: number;
}

/** The mailboxes with mail, by name, beginning after a name. @param most how many */
export function statusPage(state: State, after: string | undefined, most = STATUS_PAGE): Waiting[] {
  let names: string[] = [];
  let end: string | undefined;
  for (const { name, count } of state.mailboxes.values()) {
    if (count === 0 || (after !== undefined && name <= after) || (end !== undefined && name > end)) continue;
    names.push(name);
    // Now and then what comes too late is let go of: sorting all names for each page would hold everybody up.
    if (names.length < 2 * most) continue;
    names = names.sort().slice(0, most);
    end = names.at(-1);
  }
  return names
    .sort()
    .slice(0, most)
    .flatMap((name) => {
      const box = state.mailboxes.get(name);
      if (box === undefined) return [];
      const { count: held, bytes, acknowledged } = box;
      return [{ name, held, bytes, oldest: box.held.get(box.held.after(acknowledged))?.at ?? 0 }];
    });
}
