// Who has mail: the answer to STATUS, a page at a time, and the list that a relay gives of its own mailboxes.

import type { State } from './state.ts';

/** The most MAILBOX lines in one answer to STATUS. */
export const STATUS_PAGE = 500;

/** A mailbox with mail, or one that is collected and empty, as STATUS shows it. */
export interface Waiting {
  readonly name: string;
  readonly held: number;
  /** The size of all bodies held, in bytes. */
  readonly bytes: number;
  /** When the message with the lowest number was stored, in epoch milliseconds; 0 if none is held. */
  readonly oldest: number;
}

/**
 * The mailboxes with mail, and those that are collected, sorted by name.
 * @param collected the names that are collected
 * @param after only names after this one
 * @param most how many at most
 */
export function statusPage(
  state: State,
  collected: Iterable<string>,
  after: string | undefined,
  most = STATUS_PAGE,
): Waiting[] {
  let names: string[] = [];
  let end: string | undefined;
  for (const name of namesOf(state, collected)) {
    if ((after !== undefined && name <= after) || (end !== undefined && name > end)) continue;
    names.push(name);
    // Names beyond the page are dropped now and then: sorting all names for each page would hold everybody up.
    if (names.length < 2 * most) continue;
    names = names.sort().slice(0, most);
    end = names.at(-1);
  }
  return names
    .sort()
    .slice(0, most)
    .map((name) => {
      const box = state.mailboxes.get(name);
      if (box === undefined) return { name, held: 0, bytes: 0, oldest: 0 };
      const { count: held, bytes, acknowledged } = box;
      return { name, held, bytes, oldest: box.held.get(box.held.after(acknowledged))?.at ?? 0 };
    });
}

// Each name once.
function* namesOf(state: State, collected: Iterable<string>): Generator<string> {
  for (const { name, count } of state.mailboxes.values()) if (count > 0) yield name;
  for (const name of collected) if ((state.mailboxes.get(name)?.count ?? 0) === 0) yield name;
}
