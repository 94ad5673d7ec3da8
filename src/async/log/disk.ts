// The log on this computer's disk: segments (segments.ts) that are written commit by commit (writer.ts) and made from free files (pool.ts),
// checkpoints (checkpoint.ts), and opening (recover.ts). README.md draws the bytes.

import path from 'node:path';
import { errnoOf } from '../../errors/error.ts';
import { missingRecord, systemError, takenAway } from '../../errors/journal.ts';
import { holdLock, type Release } from '../../net/lock.ts';
import { type Clock, systemClock } from '../../trace/clock.ts';
import { type Checkpoint, writeCheckpoint } from './checkpoint.ts';
import { type FileSystem, Folder, systemFiles } from './files.ts';
import * as format from './format.ts';
import type { Log, LogId, Lsn, Owner, Room, Segment, Snapshot } from './log.ts';
import { claim, Pool, sizeOf } from './pool.ts';
import { recover } from './recover.ts';
import { readEntry, SegmentFile } from './segments.ts';
import { Writer } from './writer.ts';

/** The size of the first segment: an entry of the largest message fits, with the reserve. A new log takes no more than this. */
const SMALLEST_SEGMENT = 1536 * 1024;
/** Each further one is twice as large, up to this: opening holds one in memory. */
const LARGEST_SEGMENT = 16 * 1024 * 1024;
/** A segment takes at most this part of the room that the log may use, so that a small disk is not a single segment. */
const SHARE = 16;
/** A commit takes no more than this, or else one entry: encoding and checking it must not hold up the event loop for long. */
const MAX_COMMIT = 1024 * 1024;
/** This part of the smallest segment, 192 KiB, is kept for entries that cannot be refused. */
const RESERVE = 1 / 8;
/** Files for checkpoints are at least this part of it: 64 KiB. */
const CHECKPOINT = 1 / 24;
/** What an entry takes beside its own bytes if it is alone in a commit. */
const OVERHEAD = format.COMMIT_HEADER + format.RECORD_HEADER;

/** How a log on disk is kept. */
export interface DiskLogOptions {
  /** Its folder. It is made if it is not there. */
  readonly dir: string;
  /** It takes no more of the disk, in bytes: what its files have together. Undefined: as much as there is. */
  readonly maxBytes?: number | undefined;
  /** Go around what is damaged, in place of refusing to open. */
  readonly salvage?: boolean;
  /** For tests: another file system, clock and lock, and smaller segments, in bytes. */
  readonly files?: FileSystem;
  readonly clock?: Clock;
  readonly lock?: (dir: string) => Promise<Release>;
  readonly smallest?: number;
  readonly largest?: number;
}

/** Opens the log in a folder. See `OpenLog`. */
export async function openDiskLog(options: DiskLogOptions, owner: Owner): Promise<Log> {
  const { files = systemFiles, clock = systemClock, lock = holdLock, smallest = SMALLEST_SEGMENT } = options;
  const dir = path.resolve(options.dir);
  let log: DiskLog | undefined;
  const changed = (): void => log?.changed();
  const failed = (error: unknown): void => log?.fail(error);
  const inPlace = (): boolean => log?.writer.inPlace ?? true;
  const most = options.maxBytes ?? Number.POSITIVE_INFINITY;
  const folder = new Folder(dir, files, clock, changed, failed, inPlace, most);
  const unlock = await lock(dir);
  try {
    const found = await recover(folder, owner, options.salvage ?? false);
    const { id } = found;
    const pool = new Pool(folder);
    for (const free of found.free) pool.add(free);
    folder.used = sizeOf([...found.segments, ...found.checkpoints, ...found.free]);
    const list = [...found.segments];
    const another = async (lsn: Lsn): Promise<SegmentFile> => {
      const keep = found.checkpoints.map(({ size }) => size).slice(-1);
      const free = pool.take(smallest, keep) ?? (await pool.make(smallest));
      list.push(await claim(folder, free, lsn, id));
      return list.at(-1) as SegmentFile;
    };
    const segment = found.segment ?? (await another(found.lsn));
    // Nobody can ask for room before the first entry is appended.
    const full = segment.end - found.lsn < smallest * RESERVE;
    if (full && segment === list.at(-1)) await another(segment.end);
    const writer = new Writer(folder, owner, Math.min(MAX_COMMIT, smallest), list, segment, found);
    const space = folder.used + (await folder.free());
    const sizes = { smallest, largest: Math.min(options.largest ?? LARGEST_SEGMENT, space / SHARE) };
    log = new DiskLog(folder, owner, unlock, id, pool, list, writer, sizes, found.checkpoints);
    folder.active = true;
    return log;
  } catch (error) {
    await unlock();
    throw systemError(error, `the journal in ${dir} cannot be opened`);
  }
}

class DiskLog implements Log {
  readonly maxEntry: number;
  /** What a checkpoint would take today, as the owner says, in bytes. */
  #checkpointSize: number;
  /** Has anybody asked for room? Until then a new log is one small segment. */
  #growing = false;
  /** Is everything there that is kept in reserve? */
  #ready = false;
  /** It failed, or is being closed. */
  #ended = false;
  #closed: Promise<void> | undefined;
  // What is under way beside writing: each once at most.
  #claiming: Promise<void> | undefined;
  #freeing: Promise<void> | undefined;
  #checkpointing: Promise<void> | undefined;
  /** A checkpoint has its file, and not yet its name. */
  #making = false;

  /** @param list its segments, oldest first. @param sizes of segments. @param kept its checkpoints, oldest first */
  constructor(
    readonly folder: Folder,
    readonly owner: Owner,
    readonly unlock: Release,
    readonly id: LogId,
    readonly pool: Pool,
    readonly list: SegmentFile[],
    readonly writer: Writer,
    readonly sizes: { readonly smallest: number; readonly largest: number },
    public kept: readonly Checkpoint[],
  ) {
    const { smallest } = sizes;
    this.maxEntry = Math.floor(smallest * (1 - RESERVE)) - format.FILE_HEADER - OVERHEAD;
    this.#checkpointSize = this.#sizeFor(0);
  }

  // Sees to it that there are a segment after the one that is being filled, and what is kept in reserve.
  #grow(): void {
    const { pool, writer, folder } = this;
    const { smallest, largest } = this.sizes;
    const most = Math.min(largest, 2 * (this.list.at(-1)?.size ?? 0));
    const segment = Math.max(smallest, Math.floor(most / 4096) * 4096);
    const made = this.kept.length + (this.#making ? 1 : 0);
    const checkpoints = Array<number>(Math.max(0, 3 - made)).fill(this.#checkpointSize);
    this.#growing = true;
    this.#ready = pool.want([segment, ...checkpoints]);
    if (writer.next !== undefined || this.#claiming !== undefined) return;
    // Never the file for a checkpoint: without one nothing would be freed any more.
    const free = pool.take(smallest, checkpoints);
    if (free === undefined) return;
    this.#claiming = claim(folder, free, writer.segment.end, this.id).then((segment) => {
      this.list.push(segment);
      this.#claiming = undefined;
      this.changed();
    }, folder.failed);
  }

  /** There is more or less room than before. */
  changed(): void {
    if (this.#ended) return;
    if (this.#growing) this.#grow();
    this.owner.room();
  }

  append(...parts: readonly Uint8Array[]): Lsn {
    const size = parts.reduce((sum, { length }) => sum + length, 0);
    if (size === 0 || size > this.maxEntry) throw new RangeError(`an entry has 1 to ${this.maxEntry} bytes`);
    if (this.#closed !== undefined) throw new Error('the log is closed');
    const lsn = this.writer.append(parts, size);
    // Also where nobody asks for room: acknowledgements alone must find a segment after this one.
    if (!this.#growing && this.writer.segment.end - this.writer.end < this.sizes.smallest / 2) this.#grow();
    return lsn;
  }

  get end(): Lsn {
    return this.writer.end;
  }

  get durable(): Lsn {
    return this.writer.durable;
  }

  hasRoom(bytes: number, checkpoint: number): Room {
    const { segment, next, end } = this.writer;
    if (!this.#growing || checkpoint > this.#checkpointSize) {
      this.#checkpointSize = this.#sizeFor(checkpoint);
      this.#grow();
    }
    const { waiting } = this.folder;
    if (!this.#ready || next === undefined || waiting > 0) return waiting > 0 ? 'no' : 'soon';
    const whole = OVERHEAD + bytes;
    const fits = whole <= segment.end - end || whole + this.sizes.smallest * RESERVE <= next.end - next.first;
    return fits ? 'yes' : 'no';
  }

  // By powers of two, so that growing does not begin anew with every entry.
  #sizeFor(checkpoint: number): number {
    let size = Math.ceil(this.sizes.smallest * CHECKPOINT);
    while (size < checkpoint) size *= 2;
    return size;
  }

  get spare(): number {
    const { segment, next, end } = this.writer;
    return segment.end - end + (next === undefined ? 0 : next.end - next.first);
  }

  async read(lsn: Lsn): Promise<Buffer> {
    const segment = this.list.findLast(({ first }) => first <= lsn);
    if (segment === undefined || lsn >= segment.end) throw missingRecord(this.folder.dir, lsn);
    segment.readers += 1;
    return await readEntry(this.folder.files, segment, lsn).finally(() => {
      segment.readers -= 1;
      this.#free();
    });
  }

  segments(): readonly Segment[] {
    return [...this.list];
  }

  usage = async () => {
    const { used } = this.folder;
    return { used, total: used + (await this.folder.free()) };
  };

  async checkpoint(take: (lsn: Lsn) => Snapshot): Promise<void> {
    if (this.#checkpointing !== undefined) throw new Error('a checkpoint is being made already');
    const { lsn, next } = this.writer.seal();
    if (lsn === this.kept.at(-1)?.lsn) return;
    this.#checkpointing = this.#makeCheckpoint(lsn, next, take(lsn)).finally(() => {
      this.#checkpointing = undefined;
    });
    await this.#checkpointing;
    this.changed();
    this.#free();
  }

  async #makeCheckpoint(lsn: Lsn, next: number, snapshot: Snapshot): Promise<void> {
    const { folder, pool, id } = this;
    const { files } = folder;
    const size = this.#sizeFor(snapshot.size);
    const header = { ...id, kind: 'CHECKPOINT', lsn, extent: next, salt: format.randomToken() } as const;
    const free = pool.take(snapshot.size) ?? (await pool.make(size));
    let written: number;
    this.#making = true;
    try {
      const file = await files.open(free.path, 'write');
      written = await writeCheckpoint(file, header, snapshot).finally(() => file.close());
      // Else the log could end, after a crash, before a checkpoint that is in place.
      await this.writer.when(lsn);
    } catch (error) {
      this.#making = false;
      await files.unlink(free.path).catch(() => undefined);
      folder.used -= free.size;
      throw systemError(error, 'a checkpoint of the journal cannot be written');
    }
    const target = folder.path(format.fileName(lsn, 'checkpoint'));
    try {
      await folder.rename([free.path, target]);
      const dropped = this.kept.slice(0, -1);
      const segments = new Set(snapshot.segments);
      const grown = Math.max(0, written - free.size);
      const made = { ...id, lsn, next, segments, path: target, size: free.size + grown };
      folder.used += grown;
      this.kept = [...this.kept.slice(-1), made];
      this.#making = false;
      this.#checkpointSize = this.#sizeFor(Math.max(snapshot.size, written));
      await this.#recycle(dropped);
    } catch (error) {
      folder.failed(error);
      throw error;
    }
  }

  free(first: Lsn): void {
    for (const segment of this.list) if (segment.first === first) segment.unused = true;
    this.#free();
  }

  // The directory was synced when the newer checkpoint had got its name, so both are there after a power cut.
  #free(): void {
    const [older, newer] = this.kept;
    if (this.#freeing !== undefined || older === undefined || newer === undefined || this.#ended) return;
    const gone = this.list.filter(({ first, end, unused, readers }) => {
      const needed = readers > 0 || this.kept.some(({ segments }) => segments.has(first));
      return unused && !needed && end <= older.lsn;
    });
    if (gone.length === 0) return;
    this.#freeing = this.#recycle(gone).then(() => {
      this.#freeing = undefined;
      this.#free();
    }, this.folder.failed);
  }

  // Makes free files of segments or checkpoints. Their names must be durable before anything is written into them.
  async #recycle(gone: readonly (SegmentFile | Checkpoint)[]): Promise<void> {
    const { folder, pool, list } = this;
    for (const file of gone) if (file instanceof SegmentFile) list.splice(list.indexOf(file), 1);
    const nameOf = (): string => folder.path(format.spareName('free'));
    const free = gone.map(({ path: from, size }) => ({ from, path: nameOf(), size }));
    await folder.rename(...free.map(({ from, path: to }) => [from, to] as const));
    for (const file of free) pool.add(file);
    await pool.trim();
  }

  /** The disk failed: nothing more becomes durable. */
  fail(error: unknown): void {
    if (this.#ended) return;
    const { dir } = this.folder;
    const what = `the journal in ${dir} cannot be written`;
    const reason = errnoOf(error) === 'ENOENT' ? takenAway(dir) : systemError(error, what);
    this.#ended = true;
    this.folder.active = false;
    this.writer.stop(reason);
    this.owner.failed(reason);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { folder, pool, unlock, writer } = this;
    const failed = this.#ended;
    this.#ended = true;
    folder.active = false;
    const flushed = writer.when(writer.seal().lsn).catch((error: unknown) => error);
    await Promise.allSettled([this.#claiming, this.#freeing, this.#checkpointing, pool.making]);
    const error = await flushed;
    await writer.close();
    await unlock();
    if (error !== undefined && !failed) throw error;
  }
}
