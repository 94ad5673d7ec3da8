// The state as bytes, for a checkpoint: a line of JSON, then the large arrays as they are. Everything is copied in one step, except for the
// pages of what is held: they are frozen, and copied while the relay goes on (core/pages.ts).
//
//   length of the line (6 bytes) | line | numbers | ids | links of sessions to ids | deadlines | page | page | …
//
// Numbers are doubles. For each session: `last` and how many ids. For each mailbox: `next`, `acknowledged`, `tried`, `open`, `serial`, how
// many pages, and for each page its first number and how many words.

import { ChunkedBytes, inChunks } from '../core/chunks.ts';
import type { FrozenPage } from '../core/pages.ts';
import { HeldMessages } from './held.ts';
import type { Snapshot } from './log/log.ts';
import { State } from './state.ts';

/** Bytes of the length that comes first. */
const LENGTH = 6;
/** The size of a chunk, in bytes: small enough that copying and checking one does not hold up the event loop. */
const CHUNK = 256 * 1024;

/** The small values of a state, the names of its sessions and mailboxes, and the lengths of its arrays. */
interface Line {
  readonly at: number;
  readonly t: number;
  readonly down: number;
  readonly serials: number;
  readonly marks: State['marks'];
  readonly sessions: readonly string[];
  readonly mailboxes: readonly string[];
  readonly numbers: number;
  readonly ids: number;
  readonly links: number;
  readonly deadlines: number;
}

/** Takes the state as it is now. @returns its size, in bytes, and chunks for a checkpoint, which may be drawn while the state changes */
export function takeSnapshot(
  state: State,
): Pick<Snapshot, 'size'> & { readonly chunks: Iterable<Uint8Array> } {
  const { at, t, down, serials, marks, empty } = state;
  const numbers: number[] = [];
  const sessions = [...state.ids.sessions];
  for (const { last, ids } of sessions) numbers.push(last, ids.length);
  const pages: FrozenPage[] = [];
  const full = Array.from(state.mailboxes.values()).filter(({ count }) => count > 0);
  const mailboxes = [...full, ...empty];
  for (const { next, acknowledged, tried, open, serial, held } of mailboxes) {
    const frozen = held.freeze();
    numbers.push(next, acknowledged, tried, Number(open), serial, frozen.length);
    for (const { first, words } of frozen) numbers.push(first, words.length);
    pages.push(...frozen);
  }
  const ids = state.ids.freeze();
  const links = Uint32Array.from(sessions.flatMap((session) => session.ids));
  const deadlines = state.deadlines.freeze();
  const lengths = {
    numbers: numbers.length,
    ids: ids.length,
    links: links.length,
    deadlines: deadlines.length,
  };
  const names = { sessions: sessions.map(({ name }) => name), mailboxes: mailboxes.map(({ name }) => name) };
  const line: Line = { at, t, down, serials, marks, ...names, ...lengths };
  const text = Buffer.from(JSON.stringify(line));
  const length = Buffer.alloc(LENGTH);
  length.writeUIntLE(text.length, 0, LENGTH);
  const arrays = [Float64Array.from(numbers), ids, links, deadlines, ...pages.map(({ words }) => words)];
  const bytes = arrays.map(
    ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
  );
  const parts = [length, text, ...bytes];
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  return { size, chunks: inChunks(parts, CHUNK) };
}

/** What a SEND may add to a snapshot, in bytes: a message, its notice, their deadlines, an id and its link. `snapshotSize` has slack for names. */
const GROWTH = 100;

/** An upper estimate of what a snapshot takes, in bytes. @param more messages that are taken but not in the state yet */
export function snapshotSize({ mailboxes, ids, deadlines, total }: State, more = 0): number {
  const line = 1024 + 120 * mailboxes.size + 130 * ids.sessions.length;
  return line + 32 * ids.most + 4 * ids.links + 16 * deadlines.length + 16 * total.slots + GROWTH * more;
}

/**
 * Rebuilds the state from a snapshot; without any bytes it is that of a new log. @param state an empty state to fill
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
  const numbers = new Float64Array((await source.take(8 * line.numbers)).buffer).values();
  const number = (): number => numbers.next().value ?? 0;
  const ids = await words(line.ids);
  const links = await words(line.links);
  state.ids.restore(ids, sessionsOf(line.sessions, number, links));
  state.deadlines.restore(await words(line.deadlines));
  for (const name of line.mailboxes) {
    const [next, acknowledged, tried, open, serial] = [
      number(),
      number(),
      number(),
      number() === 1,
      number(),
    ];
    const held = new HeldMessages(state.total);
    for (let pages = number(); pages > 0; pages--) {
      const first = number();
      held.restore({ first, words: await words(number()) }, acknowledged);
    }
    state.restore({ name, next, acknowledged, tried, open, serial, held });
  }
  return state;
}

// Made one by one: hundreds of thousands at the same time would take too much memory.
function* sessionsOf(names: readonly string[], number: () => number, links: Uint32Array) {
  let from = 0;
  for (const name of names) {
    const last = number();
    const to = from + number();
    yield { name, last, ids: [...links.subarray(from, to)] };
    from = to;
  }
}
