// The state as bytes, for a checkpoint: a line of JSON, and then the large arrays as they are. All is taken at once, but for the pages of
// what is held: they are copied while the relay runs on, and do not change under it (held.ts).
//
//   length of the line (6 bytes) | line | ids | links of sessions to ids | deadlines | page | page | …

import { ChunkedBytes, inChunks } from '../core/chunks.ts';
import type { FrozenPage } from '../core/pages.ts';
import { HeldMessages } from './held.ts';
import { MAX_CHUNK } from './log/log.ts';
import { State } from './state.ts';

const LENGTH = 6;

/** The small things of a state, and how many words each array has. */
interface Line {
  readonly at: number;
  readonly t: number;
  readonly down: number;
  readonly serials: number;
  readonly marks: State['marks'];
  readonly mailboxes: readonly MailboxLine[];
  readonly sessions: readonly (readonly [name: string, last: number, links: number])[];
  readonly ids: number;
  readonly links: number;
  readonly deadlines: number;
}

type MailboxLine = readonly [
  name: string,
  next: number,
  acknowledged: number,
  tried: number,
  open: boolean,
  serial: number,
  /** The first number and the words of each page. */
  ...pages: number[],
];

/** Takes the state as it is now. @returns it in chunks for a checkpoint, to be drawn while the state changes */
export function takeSnapshot(state: State): Iterable<Uint8Array> {
  const { at, t, down, serials, marks, empty } = state;
  const pages: FrozenPage[] = [];
  const full = Array.from(state.mailboxes.values()).filter(({ count }) => count > 0);
  const mailboxes = [...full, ...empty].map((box): MailboxLine => {
    const { name, next, acknowledged, tried, open, serial } = box;
    const frozen = box.held.freeze();
    pages.push(...frozen);
    const lengths = frozen.flatMap(({ first, words }) => [first, words.length]);
    return [name, next, acknowledged, tried, open, serial, ...lengths];
  });
  const all = [...state.ids.sessions];
  const sessions = all.map(({ name, last, ids }) => [name, last, ids.length] as const);
  const ids = state.ids.freeze();
  const links = Uint32Array.from(all.flatMap((session) => session.ids));
  const deadlines = state.deadlines.freeze();
  const lengths = { ids: ids.length, links: links.length, deadlines: deadlines.length };
  const line: Line = { at, t, down, serials, marks, mailboxes, sessions, ...lengths };
  const text = Buffer.from(JSON.stringify(line));
  const length = Buffer.alloc(LENGTH);
  length.writeUIntLE(text.length, 0, LENGTH);
  const arrays = [ids, links, deadlines, ...pages.map(({ words }) => words)];
  const bytes = arrays.map(
    ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
  );
  return inChunks([length, text, ...bytes], MAX_CHUNK);
}

/** About what a snapshot of today's state takes, in bytes: rather more than less. */
export function snapshotSize({ mailboxes, ids, deadlines, total }: State): number {
  const line = 1024 + 120 * mailboxes.size + 130 * ids.sessions.length;
  return line + 32 * ids.most + 4 * ids.links + 16 * deadlines.length + 16 * total.slots;
}

/**
 * Makes the state of a snapshot; that of a new log if there is nothing. @param state that of a new log
 * @throws RangeError if its bytes end too early
 */
export async function restoreSnapshot(from: AsyncIterable<Buffer>, state = new State()): Promise<State> {
  const source = new ChunkedBytes(from);
  if (!(await source.more())) return state;
  const length = Buffer.from(await source.take(LENGTH)).readUIntLE(0, LENGTH);
  const line = JSON.parse(Buffer.from(await source.take(length)).toString()) as Line;
  const words = async (count: number) => new Uint32Array((await source.take(4 * count)).buffer);
  const { at, t, down, serials, marks } = line;
  Object.assign(state, { at, t, down, serials });
  Object.assign(state.marks, marks);
  const ids = await words(line.ids);
  const links = await words(line.links);
  let linked = 0;
  const sessions = line.sessions.map(([name, last, count]) => {
    linked += count;
    return { name, last, ids: [...links.subarray(linked - count, linked)] };
  });
  state.ids.restore(ids, sessions);
  state.deadlines.restore(await words(line.deadlines));
  for (const [name, next, acknowledged, tried, open, serial, ...pages] of line.mailboxes) {
    const held = new HeldMessages(state.total);
    for (let page = 0; page < pages.length; page += 2)
      held.restore(
        { first: pages[page] as number, words: await words(pages[page + 1] as number) },
        acknowledged,
      );
    state.restore({ name, next, acknowledged, tried, open, serial, held });
  }
  return state;
}
