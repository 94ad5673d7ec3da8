// A log in memory, for tests of what is built on it: it delays, fails, loses and crashes when it is told to. An LSN counts entries.

import { Readable } from 'node:stream';
import { randomToken } from './format.ts';
import type { Log, LogId, Lsn, Owner, Room, Segment, Snapshot } from './log.ts';

// Entries of one segment.
const SEGMENT = 1000;

/** A log in memory. */
export class MemoryLog implements Log {
  readonly maxEntry = 2 ** 21;
  /** Do entries become durable by themselves, at the end of a turn of the event loop? Else `sync` makes them so. */
  automatic = true;
  /** What `hasRoom` says. */
  room: Room = 'yes';
  #dead = false;
  readonly #freed = new Set<Lsn>();

  private constructor(
    readonly owner: Owner,
    readonly id: LogId,
    /** What is there, durable or not, and the newest checkpoint: damage them at will. */
    readonly entries: Buffer[],
    public saved: { readonly lsn: Lsn; readonly chunks: Buffer[] } | undefined,
    public durable: Lsn,
  ) {}

  /** Opens a new log, or what is left of one, which gets `failed` if it was open. */
  static async open(owner: Owner, before?: MemoryLog): Promise<MemoryLog> {
    before?.fail(new Error('another owner has taken the log'));
    const { entries = [], saved } = before ?? {};
    const id = before?.id ?? { store: randomToken(), key: randomToken(16) };
    await owner.restore(id, Readable.from(saved?.chunks ?? []));
    for (const [lsn, bytes] of entries.entries()) if (lsn >= (saved?.lsn ?? 0)) owner.entry(bytes, lsn);
    return new MemoryLog(owner, id, [...entries], saved, entries.length);
  }

  get end(): Lsn {
    return this.entries.length;
  }

  append(...parts: readonly Uint8Array[]): Lsn {
    const bytes = Buffer.concat(parts);
    if (bytes.length === 0 || bytes.length > this.maxEntry)
      throw new RangeError(`an entry of ${bytes.length} bytes`);
    if (this.#dead) return this.end;
    if (this.automatic) setImmediate(() => this.sync());
    return this.entries.push(bytes) - 1;
  }

  /** Makes durable what was appended, or the first `count` entries of it. */
  sync(count = Number.POSITIVE_INFINITY): void {
    const durable = Math.min(this.end, this.durable + count);
    if (this.#dead || durable === this.durable) return;
    this.durable = durable;
    this.owner.durable();
  }

  /** The power goes. What was not durable is lost, except for the first `kept` entries of it. Nobody is told. */
  crash(kept = 0): void {
    this.#dead = true;
    this.entries.length = Math.min(this.end, this.durable + kept);
  }

  /** The log fails, for good. What was not durable is lost. */
  fail(error: Error): void {
    if (this.#dead) return;
    this.crash();
    this.owner.failed(error);
  }

  hasRoom = (): Room => this.room;
  spare = Number.POSITIVE_INFINITY;

  async read(lsn: Lsn): Promise<Buffer> {
    const bytes = this.#freed.has(lsn - (lsn % SEGMENT)) ? undefined : this.entries[lsn];
    if (bytes === undefined) throw new RangeError(`no segment holds LSN ${lsn}`);
    return Buffer.from(bytes);
  }

  inMemory = (): undefined => undefined;
  usage = async () => ({ used: 0, total: 2 ** 40 });

  segments(): readonly Segment[] {
    const all = Array.from({ length: Math.floor(this.end / SEGMENT) + 1 }, (_, i) => i * SEGMENT);
    const held = all.filter((first) => !this.#freed.has(first));
    return held.map((first) => ({ first, end: first + SEGMENT, size: SEGMENT }));
  }

  async checkpoint(take: (lsn: Lsn) => Snapshot): Promise<void> {
    const lsn = this.end;
    const chunks: Buffer[] = [];
    for await (const chunk of take(lsn).chunks) chunks.push(Buffer.from(chunk));
    while (this.durable < lsn && !this.#dead) await new Promise((resolve) => setImmediate(resolve));
    if (this.#dead) throw new Error('the log has failed');
    this.saved = { lsn, chunks };
  }

  free(first: Lsn): void {
    this.#freed.add(first);
  }

  async close(): Promise<void> {
    this.sync();
    this.#dead = true;
  }
}
