// Letting go of old segments: oldest first, once enough of the files is of no more use. What still matters in a segment is
// appended again like anything else, and only when that is durable does the file go. Since always the oldest goes, the journal
// stays one piece, and what only says that older things are gone (ACK, EXPIRE, FORGET) can go with it.
//
// That the disk holds at most a small multiple of what is held follows from the same order: to go round once costs as many
// copies as there are messages held, and frees everything else. One recipient who never comes is copied round, and pins nothing.

import { readFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { type Commit, commitsFrom } from './commit.ts';
import type { Files, Segment } from './files.ts';
import type { Forgotten } from './forgotten.ts';
import { bodyOf, type JournalEntry, type PlacedRecord } from './record.ts';
import { damaged, recordsOf } from './recover.ts';
import type { Keeper, Ref } from './store.ts';

/** So many records or bytes are carried forward at a time; between two lots the relay's own appends have their turn. */
const LOT_RECORDS = 256;
const LOT_BYTES = 256 * 1024;

/** A record, and the number of its commit. */
interface Told extends PlacedRecord {
  readonly n: number;
}

/** What the compactor needs. */
export interface CompactorOptions {
  readonly files: Files;
  readonly keeper: Keeper;
  readonly forgotten: Forgotten;
  /** Is it worth the while, and is there room, to clear away the oldest segment? */
  readonly worthwhile: (oldest: Segment) => boolean;
  /** Appends to the journal. */
  readonly append: (entries: readonly JournalEntry[], durable: (refs: readonly Ref[]) => void) => void;
  /** A segment does not count any more and nobody reads it; takes its file away. */
  readonly discard: (segment: Segment) => Promise<void>;
  /** Old segments cannot be cleared away: one of them is damaged (`DetourError`), or the disk failed. */
  readonly failed: (error: unknown) => void;
}

/** Clears old segments away, in the background. */
export class Compactor {
  readonly #options: CompactorOptions;
  #running: Promise<void> | undefined;
  #stopped = false;
  /** Ends the wait for an append, which after a failure would never end by itself. */
  #letGo: () => void = () => {};

  constructor(options: CompactorOptions) {
    this.#options = options;
  }

  /** Looks whether there is something to do. Cheap. */
  wake(): void {
    if (this.#stopped || this.#running !== undefined || this.#next() === undefined) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Stops at the next opportunity; what was carried forward in vain is done again in the next life. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#letGo();
    await this.#running;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  #next(): Segment | undefined {
    const [oldest] = this.#options.files;
    // The newest is being written.
    return oldest !== undefined && this.#options.files.count > 1 && this.#options.worthwhile(oldest)
      ? oldest
      : undefined;
  }

  async #run(): Promise<void> {
    try {
      for (let oldest = this.#next(); oldest !== undefined && !this.#stopped; oldest = this.#next())
        await this.#clear(oldest);
    } catch (error) {
      // A damaged segment stays where it is, and so does everything behind it.
      this.#stopped = true;
      this.#options.failed(error);
    }
  }

  async #clear(segment: Segment): Promise<void> {
    const { files, keeper, forgotten, discard } = this.#options;
    const { k } = segment.header;
    const mailboxes = new Set<string>();
    let lot: Told[] = [];
    let bytes = 0;
    for (const commit of commitsOf(segment, await readFile(segment.path), files.get(k + 1))) {
      for (const placed of recordsOf(segment.path, commit)) {
        if ('to' in placed.record) mailboxes.add(placed.record.to);
        lot.push({ ...placed, n: commit.n });
        bytes += placed.length;
        if (lot.length < LOT_RECORDS && bytes < LOT_BYTES) continue;
        await this.#carry(segment, lot);
        if (this.#stopped) return;
        lot = [];
        bytes = 0;
      }
    }
    await this.#carry(segment, lot);
    for (const names of lots([...mailboxes])) {
      if (this.#stopped) return;
      await this.#append(names.flatMap((to) => stateOf(keeper, to)));
    }
    if (this.#stopped) return;
    let removed: Promise<unknown> | undefined;
    await this.#append([{ kind: 'drop', segment: k }], () => {
      // At once, so that a segment that is begun from now on does not name it as the oldest.
      removed = files.remove(k);
      forgotten.dropUpTo(k);
    });
    if (removed === undefined) return;
    await removed;
    await discard(segment);
  }

  // What must survive of a lot. It is decided and appended without a pause between, so that what the relay decides later comes later.
  #carry(segment: Segment, lot: readonly Told[]): Promise<unknown> {
    const { keeper, forgotten } = this.#options;
    const entries = lot.flatMap((placed) => this.#carried(segment, placed));
    if (entries.length === 0) return setImmediate();
    const moved = entries.filter((entry) => entry.kind === 'send');
    return this.#append(entries, (refs) => {
      moved.forEach(({ to, seq }, i) => {
        const ref = refs[i] as Ref;
        if (keeper.holds(to, seq) && !forgotten.since(to, ref.segment, ref.offset))
          keeper.moved(to, seq, ref);
      });
    });
  }

  #carried(segment: Segment, { record, offset, bytes, n }: Told): JournalEntry[] {
    const { keeper, forgotten } = this.#options;
    if (record.kind === 'remember') {
      return keeper.remembers(record.from, record.id, record.to, record.seq)
        ? [{ ...record, order: record.order ?? n }]
        : [];
    }
    if (record.kind !== 'send') return [];
    const { size, session, ...message } = record;
    const { from, id, to, seq, crc, at } = message;
    const remembered: JournalEntry[] =
      session !== undefined && keeper.remembers(from, id, to, seq)
        ? [{ kind: 'remember', session, from, id, to, seq, size, crc, at, order: n }]
        : [];
    if (keeper.holds(to, seq) && !forgotten.since(to, segment.header.k, offset)) {
      const body = bodyOf(bytes);
      if (body === undefined)
        throw damaged(segment.path, offset, 'the message that lies there is not what was written');
      return [{ ...message, body }, ...remembered];
    }
    return remembered;
  }

  async #append(
    entries: readonly JournalEntry[],
    durable: (refs: readonly Ref[]) => void = () => {},
  ): Promise<void> {
    if (entries.length === 0) return;
    await new Promise<void>((resolve) => {
      this.#letGo = resolve;
      this.#options.append(entries, (refs) => {
        durable(refs);
        resolve();
      });
    });
  }
}

// All commits of a sealed segment: up to the one with which the next begins. @throws DetourError `damaged` if one is missing
function* commitsOf(segment: Segment, bytes: Buffer, next: Segment | undefined): Generator<Commit> {
  let n = segment.header.first - 1;
  const commits = commitsFrom(bytes, 0, segment.start, segment.header.salt);
  for (;;) {
    const found = commits.next();
    if (found.done) {
      if (next?.header.first !== n + 1)
        throw damaged(segment.path, found.value.offset, `commit ${n + 1} should stand here`);
      return;
    }
    n = found.value.n;
    yield found.value;
  }
}

function stateOf(keeper: Keeper, to: string): JournalEntry[] {
  const state = keeper.mailbox(to);
  return state === undefined ? [] : [{ kind: 'mailbox', to, ...state }];
}

function* lots<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < all.length; at += LOT_RECORDS) yield all.slice(at, at + LOT_RECORDS);
}
