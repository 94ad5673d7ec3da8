// A log in memory, for tests of what stands on it: nothing is durable before the test says so, and it fails and crashes at a chosen point.

import { randomToken } from './format.ts';
import type { Log, Lsn, Owner, Room, Segment, Snapshot } from './log.ts';

/** What is durable of a log in memory, and what it does. The owner may be a new one each time; the disk stays. */
export class MemoryDisk {
  readonly store = randomToken();
  readonly key = Buffer.from(randomToken(16), 'hex');
  /** Does everything become durable by itself, at the end of a turn of the event loop? Else `sync` makes it so. */
  automatic = true;
  /** What `hasRoom` says. */
  room: Room = 'yes';
  /** Entries in one segment. */
  perSegment = 1000;
  entries: { readonly lsn: Lsn; readonly bytes: Buffer }[] = [];
  checkpoint: { readonly lsn: Lsn; readonly chunks: readonly Buffer[] } | undefined;
  #log: MemoryLog | undefined;

  /** Opens it: see `OpenLog`. A log that was open gets `failed`, and what was not durable is lost. */
  async open(owner: Owner): Promise<Log> {
    this.crash();
    this.#log?.fail(new Error('another owner has taken the log'));
    const { checkpoint } = this;
    if (checkpoint !== undefined)
      await owner.restore(
        (async function* () {
          yield* checkpoint.chunks;
        })(),
      );
    for (const { lsn, bytes } of this.entries) if (lsn >= (checkpoint?.lsn ?? 0)) owner.entry(bytes, lsn);
    this.#log = new MemoryLog(this, owner);
    return this.#log;
  }

  /** Makes durable what was appended, the first `count` entries of it only if that is said. */
  sync(count?: number): void {
    this.#log?.sync(count);
  }

  /** The power goes: what is not durable is lost, except for the first `kept` entries of it. The log that was open is dead. */
  crash(kept = 0): void {
    const log = this.#log;
    if (log === undefined) return;
    const durable = this.entries.filter(({ lsn }) => lsn < log.durable).length;
    this.entries = this.entries.slice(0, durable + kept);
    log.dead = true;
  }

  /** The log fails: nothing more becomes durable. */
  fail(error: Error): void {
    this.#log?.fail(error);
  }
}

class MemoryLog implements Log {
  readonly maxEntry = 2 ** 21;
  readonly store: string;
  readonly key: Buffer;
  dead = false;
  durable: Lsn;
  end: Lsn;
  #scheduled = false;
  readonly #freed = new Set<Lsn>();

  constructor(
    readonly disk: MemoryDisk,
    readonly owner: Owner,
  ) {
    this.store = disk.store;
    this.key = disk.key;
    const last = disk.entries.at(-1);
    this.end = last === undefined ? 0 : last.lsn + 1;
    this.durable = this.end;
  }

  append(...parts: readonly Uint8Array[]): Lsn {
    const bytes = Buffer.concat(parts);
    if (bytes.length === 0 || bytes.length > this.maxEntry)
      throw new RangeError(`no entry has ${bytes.length} bytes`);
    const lsn = this.end;
    this.end += 1;
    if (!this.dead) this.disk.entries.push({ lsn, bytes });
    if (this.disk.automatic && !this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => this.sync());
    }
    return lsn;
  }

  sync(count = Number.POSITIVE_INFINITY): void {
    this.#scheduled = false;
    const durable = Math.min(this.end, this.durable + count);
    if (this.dead || durable === this.durable) return;
    this.durable = durable;
    this.owner.durable();
  }

  fail(error: Error): void {
    if (this.dead) return;
    this.dead = true;
    this.owner.failed(error);
  }

  hasRoom = (): Room => this.disk.room;

  async read(lsn: Lsn): Promise<Buffer> {
    const entry = this.disk.entries.find((candidate) => candidate.lsn === lsn);
    if (entry === undefined || this.#freed.has(this.#first(lsn)))
      throw new RangeError(`no entry has LSN ${lsn}`);
    return Buffer.from(entry.bytes);
  }

  #first(lsn: Lsn): Lsn {
    return lsn - (lsn % this.disk.perSegment);
  }

  segments(): readonly Segment[] {
    const firsts = new Set([...this.disk.entries.map(({ lsn }) => this.#first(lsn)), this.#first(this.end)]);
    const size = this.disk.perSegment;
    return [...firsts]
      .filter((first) => !this.#freed.has(first))
      .map((first) => ({ first, end: first + size, size }));
  }

  async checkpoint(take: (lsn: Lsn) => Snapshot): Promise<void> {
    const lsn = this.end;
    const chunks: Buffer[] = [];
    for await (const chunk of take(lsn).chunks) chunks.push(Buffer.from(chunk));
    while (this.durable < lsn && !this.dead) await new Promise((resolve) => setImmediate(resolve));
    if (this.dead) throw new Error('the log has failed');
    this.disk.checkpoint = { lsn, chunks };
  }

  free(first: Lsn): void {
    this.#freed.add(first);
  }

  async close(): Promise<void> {
    this.sync();
    this.dead = true;
  }
}
