// A log in memory, for tests of what is built on a log: it delays, fails, loses entries and crashes when told to. Its LSNs count entries.

import { Readable } from 'node:stream';
import { randomToken } from './format.ts';
import type { Log, LogId, Lsn, Owner, Room, Segment, Snapshot } from './log.ts';

// How many entries one segment holds.
const SEGMENT = 1000;

/** A log in memory. */
export class MemoryLog implements Log {
  readonly maxEntry = 2 ** 21;
  /** True: entries become durable by themselves, at the end of the turn of the event loop. False: only `sync` makes them durable. */
  automatic = true;
  /** The answer of `hasRoom`. */
  room: Room = 'yes';
  #dead = false;
  readonly #freed = new Set<Lsn>();

  private constructor(
    readonly owner: Owner,
    readonly id: LogId,
    /** All entries, durable or not. Tests may damage them. */
    readonly entries: Buffer[],
    /** The newest checkpoint. Tests may damage it. */
    public saved: { readonly lsn: Lsn; readonly chunks: Buffer[] } | undefined,
    public durable: Lsn,
  ) {}

  /** Opens a new log, or what is left of `before`; the owner of `before` gets `failed` if that was open. */
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

  /** Makes everything appended durable, or only the next `count` entries. */
  sync(count = Number.POSITIVE_INFINITY): void {
    const durable = Math.min(this.end, this.durable + count);
    if (this.#dead || durable === this.durable) return;
    this.durable = durable;
    this.owner.durable();
  }

  /** Simulates a power cut. What was not durable is lost, except for its first `kept` entries. The owner is not told. */
  crash(kept = 0): void {
    this.#dead = true;
    this.entries.length = Math.min(this.end, this.durable + kept);
  }

  /** Makes the log fail, for good. What was not durable is lost. */
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
