// The log on this computer's disk. It puts together segments (segments.ts), which are written commit by commit (writer.ts) and made from free
// files (pool.ts), checkpoints (checkpoint.ts) and opening (recover.ts). README.md draws the bytes.

import path from 'node:path';
import { type Clock, systemClock } from '../../core/clock.ts';
import { errnoOf, ignoreScarcity } from '../../core/error.ts';
import { type FileSystem, systemFiles, withFile } from '../../core/files.ts';
import { sizeOf } from '../../core/match.ts';
import { missingRecord, systemError, takenAway } from '../../errors/journal.ts';
import { holdLock, type Release } from '../../net/lock.ts';
import { type Checkpoint, writeCheckpoint } from './checkpoint.ts';
import { Folder } from './files.ts';
import * as format from './format.ts';
import type { Log, LogId, Lsn, Owner, Room, Segment, Snapshot } from './log.ts';
import { claim, type FreeFile, Pool } from './pool.ts';
import { recover } from './recover.ts';
import { entryIn, readEntry, type SegmentFile } from './segments.ts';
import { Writer } from './writer.ts';

/** The size of the first segment, in bytes: an entry of the largest message fits, with the reserve. A new log takes no more than this. */
const SMALLEST_SEGMENT = 1536 * 1024;
/** Each further segment is twice as large, up to this size in bytes. Opening a log holds two of them in memory. */
const LARGEST_SEGMENT = 16 * 1024 * 1024;
/** Above this many bytes a second, and with room for PLENTY more segments, a segment is not filled with zeros before it is used. */
const FAST = 16 * 1024 * 1024;
/** A disk has plenty of room while this many more segments fit on it. */
const PLENTY = 256;
/** A segment takes at most the room of the log divided by this, so that a small disk does not become a single segment. */
const SHARE = 16;
/** The largest commit, in bytes, unless it is a single entry: encoding and checking it must not hold up the event loop for long. */
const MAX_COMMIT = 1024 * 1024;
/** The fraction of the smallest segment that is kept for entries that cannot be refused: 192 KiB. */
const RESERVE = 1 / 8;
/** The smallest file for a checkpoint, as a fraction of the smallest segment: 64 KiB. */
const CHECKPOINT = 1 / 24;
/** What an entry takes besides its own bytes if it is alone in a commit, in bytes. */
const OVERHEAD = format.COMMIT_HEADER + format.RECORD_HEADER;

/** How a log on disk is kept. */
export interface DiskLogOptions {
  /** The folder of the log. It is created if it does not exist. */
  readonly dir: string;
  /** The most that all files of the log may take of the disk, in bytes. Undefined: no limit. */
  readonly maxBytes?: number | undefined;
  /** Skip damaged parts instead of refusing to open. Default: false. */
  readonly salvage?: boolean;
  /** Another file system, for tests. */
  readonly files?: FileSystem;
  /** Another clock, for tests. */
  readonly clock?: Clock;
  /** Another lock on the folder, for tests. */
  readonly lock?: (dir: string) => Promise<Release>;
  /** The size of the first segment in bytes, for tests. */
  readonly smallest?: number;
  /** The largest size of a segment in bytes, for tests. */
  readonly largest?: number;
}

/** Opens the log in a folder, as `OpenLog` says. @throws what `OpenLog` lists */
export async function openDiskLog(options: DiskLogOptions, owner: Owner): Promise<Log> {
  const { files = systemFiles, clock = systemClock, lock = holdLock, smallest = SMALLEST_SEGMENT } = options;
  const dir = path.resolve(options.dir);
  const folder = new Folder(dir, files, clock, options.maxBytes);
  const unlock = await lock(dir);
  try {
    const found = await recover(folder, owner, options.salvage ?? false);
    const { id, checkpoints, segments: list } = found;
    folder.used = sizeOf([...list, ...checkpoints, ...found.free]);
    const pool = new Pool(folder);
    for (const free of found.free) pool.add(free);
    // One free file is for a checkpoint: without a checkpoint nothing could be freed any more.
    const keep = checkpoints.map(({ size }) => size).slice(-1);
    pool.want(keep);
    const another = async (lsn: Lsn): Promise<SegmentFile> =>
      claim(folder, list, await pool.make(smallest, keep), lsn, id);
    const segment = found.segment ?? (await another(found.lsn));
    const writer = new Writer(folder, owner, Math.min(MAX_COMMIT, smallest), list, segment, found);
    // After a restart it is not known whether the last segments are fully allocated.
    for (const each of list.slice(list.indexOf(segment))) each.hole = each.size;
    // Nobody can ask for room before the first entry is appended.
    if (writer.next === undefined && segment.end - writer.end < smallest * RESERVE)
      await another(segment.end);
    const space = folder.used + (await folder.free());
    const largest = Math.min(options.largest ?? LARGEST_SEGMENT, space / SHARE);
    return new DiskLog(folder, owner, unlock, id, pool, writer, smallest, largest, checkpoints);
  } catch (error) {
    await unlock();
    throw systemError(error, `the journal in ${dir} cannot be opened`);
  }
}

class DiskLog implements Log {
  readonly maxEntry: number;
  /** What a checkpoint would take, in bytes, as the owner said when it last got room. */
  #granted = 0;
  /** The size in bytes for which files for checkpoints are kept ready. */
  #checkpointSize = 0;
  /** Are all files of the reserve there? Undefined until somebody asks for room: until then a new log is one small segment. */
  #ready: boolean | undefined;
  #closed: Promise<void> | undefined;
  // What is under way besides writing, each at most once at a time.
  #claiming: Promise<void> | undefined;
  #freeing: Promise<void> | undefined;
  #checkpointing: Promise<void> | undefined;
  /** When a segment was last claimed, in milliseconds of the monotonic clock. */
  #began = 0;
  /** Where the log ended when `usage` was last called. */
  #seen: Lsn = 0;
  /** Does a checkpoint have its file, but not its final name yet? */
  #making = false;

  /** @param smallest the smallest segment, in bytes. @param largest the largest segment, in bytes. @param kept the checkpoints, oldest first */
  constructor(
    readonly folder: Folder,
    readonly owner: Owner,
    readonly unlock: Release,
    readonly id: LogId,
    readonly pool: Pool,
    readonly writer: Writer,
    readonly smallest: number,
    readonly largest: number,
    readonly kept: Checkpoint[],
  ) {
    this.maxEntry = Math.floor(smallest * (1 - RESERVE)) - format.FILE_HEADER - OVERHEAD;
    folder.changed = () => this.#changed();
    folder.failed = (error) => this.#fail(error);
    folder.active = true;
  }

  // Provides the segment after the one that is being filled, and the free files of the reserve.
  #grow(): void {
    const { pool, writer, folder, smallest } = this;
    const most = Math.min(this.largest, 2 * (writer.list.at(-1)?.size ?? 0));
    const segment = Math.max(smallest, Math.floor(most / 4096) * 4096);
    const checkpoints = Array<number>(this.#missing).fill(this.#sizeFor(this.#checkpointSize));
    this.#ready = pool.want([segment, ...checkpoints]);
    if (writer.next !== undefined || this.#claiming !== undefined) return;
    const seconds = (folder.clock.monotonic() - this.#began) / 1000;
    const blank = folder.room >= PLENTY * segment && writer.segment.size > FAST * seconds;
    // This must not take the file for a checkpoint: without a checkpoint nothing could be freed any more.
    const free = blank ? undefined : pool.take(smallest, checkpoints);
    if (!blank && free === undefined) return;
    this.#claiming = this.#claim(free, segment).then(() => {
      this.#claiming = undefined;
      this.#began = folder.clock.monotonic();
      this.#changed();
    }, folder.failed);
  }

  async #claim(free: FreeFile | undefined, size: number): Promise<void> {
    const { folder, pool, writer } = this;
    const blank = free === undefined && (await folder.free()) >= PLENTY * size;
    const file = blank ? await pool.blank(size).catch(ignoreScarcity) : free;
    // The room has become scarce. With `room` at 0, the next attempt takes a free file.
    if (file === undefined) folder.room = 0;
    else {
      const segment = await claim(folder, writer.list, file, writer.segment.end, this.id);
      if (blank) segment.hole = segment.size;
    }
  }

  #changed(): void {
    if (!this.folder.active) return;
    if (this.#ready !== undefined) this.#grow();
    this.owner.room();
  }

  append(...parts: readonly Uint8Array[]): Lsn {
    const size = parts.reduce((sum, { length }) => sum + length, 0);
    if (size === 0 || size > this.maxEntry) throw new RangeError(`an entry has 1 to ${this.maxEntry} bytes`);
    if (this.#closed !== undefined) throw new Error('the log is closed');
    const lsn = this.writer.append(parts, size);
    // Even if nobody asks for room, there must be a segment after this one: acknowledgements alone can fill it.
    if (this.#ready === undefined && this.writer.segment.end - this.writer.end < this.smallest / 2)
      this.#grow();
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
    // A larger file is requested early, so that nobody waits while it is being made.
    const ahead = (checkpoint * 4) / 3;
    if (this.#ready === undefined || ahead > this.#sizeFor(this.#checkpointSize)) {
      this.#checkpointSize = ahead;
      this.#grow();
    }
    if (this.folder.waiting.size > 0) return 'no';
    if (!this.pool.covers(Array(this.#missing).fill(checkpoint))) return 'soon';
    const [whole, reserve] = [OVERHEAD + bytes, this.smallest * RESERVE];
    if (this.#granted > 0 && whole + (next === undefined ? reserve : 0) <= segment.end - end) {
      // After the first `yes`, the next segment is the reserve, or the end of this segment while the next one is being claimed.
      if (next === undefined && this.#claiming === undefined) return 'soon';
    } else if (next === undefined || !this.#ready) return 'soon';
    else if (whole + reserve > next.end - next.first) return 'no';
    this.#granted = checkpoint;
    return 'yes';
  }

  /** How many free files for checkpoints there should be: three, less the checkpoints that exist or are being made. */
  get #missing(): number {
    return 3 - this.kept.length - Number(this.#making);
  }

  // Sizes grow by powers of two, so that not every entry asks for a new file.
  #sizeFor(checkpoint: number): number {
    for (let size = Math.ceil(this.smallest * CHECKPOINT); ; size *= 2) if (size >= checkpoint) return size;
  }

  get spare(): number {
    const { segment, next, end } = this.writer;
    return segment.end - end + (next === undefined ? 0 : next.end - next.first);
  }

  async read(lsn: Lsn): Promise<Buffer> {
    const segment = this.#holding(lsn);
    if (segment === undefined) throw missingRecord(this.folder.dir, lsn);
    segment.readers += 1;
    return await readEntry(this.folder.ahead, segment, lsn).finally(() => {
      segment.readers -= 1;
      this.#free();
    });
  }

  inMemory(lsn: Lsn): Buffer | undefined {
    const segment = this.#holding(lsn);
    return segment && entryIn(this.folder.ahead.kept(segment.path, segment.offset(lsn)), segment, lsn);
  }

  #holding = (lsn: Lsn): SegmentFile | undefined =>
    this.writer.list.findLast(({ first, end }) => first <= lsn && lsn < end);

  segments = (): readonly Segment[] => [...this.writer.list];

  // Called every second. Unallocated segments are tolerated only while much is written and there is plenty of room.
  async usage() {
    const { folder, writer } = this;
    const free = await folder.free();
    if (writer.end - this.#seen < FAST || free < PLENTY * this.largest) writer.allocate();
    this.#seen = writer.end;
    return { used: folder.used, total: folder.used + free };
  }

  async checkpoint(take: (lsn: Lsn) => Snapshot): Promise<void> {
    if (this.#checkpointing !== undefined) throw new Error('a checkpoint is being made already');
    const { lsn, next } = this.writer.seal();
    if (lsn === this.kept.at(-1)?.lsn) return;
    this.#checkpointing = this.#makeCheckpoint(lsn, next, take(lsn)).finally(() => {
      this.#checkpointing = undefined;
    });
    await this.#checkpointing;
    this.#changed();
    this.#free();
  }

  async #makeCheckpoint(lsn: Lsn, next: number, state: Snapshot): Promise<void> {
    const { folder, pool, id, writer } = this;
    const header = { ...id, kind: 'CHECKPOINT', lsn, extent: next, salt: format.randomToken() } as const;
    // The size includes the header, the list of segments, and what is written before each chunk.
    const needed =
      Math.ceil(state.size * (1 + 2 ** -14)) + 16 * state.segments.length + 2 * format.FILE_HEADER;
    const free = await pool.make(needed).catch(async (error: unknown) => {
      // On a full disk the older checkpoint gives up its file. Together with the free file it makes room for one twice as large.
      if (this.kept.length < 2) throw error;
      this.#checkpointSize = Math.max(this.#checkpointSize, needed);
      this.#grow();
      await pool.recycle(this.kept.splice(0, 1));
      return await pool.make(needed);
    });
    this.#making = true;
    try {
      await withFile(folder.files.open(free.path, 'write'), (to) => writeCheckpoint(to, header, state));
      // Otherwise, after a crash, the log could end before the LSN of the checkpoint.
      await writer.when(lsn);
    } catch (error) {
      this.#making = false;
      await pool.remove([free]).catch(() => undefined);
      throw systemError(error, 'a checkpoint of the journal cannot be written');
    }
    const path = format.filePath(folder.dir, lsn, 'checkpoint');
    try {
      await folder.rename([free.path, path]);
      this.kept.push({ ...id, lsn, next, segments: new Set(state.segments), path, size: free.size });
      this.#making = false;
      this.#checkpointSize = Math.max(this.#granted, needed);
      await pool.recycle(this.kept.splice(0, this.kept.length - 2));
    } catch (error) {
      folder.failed(error);
      throw error;
    }
  }

  free(first: Lsn): void {
    for (const segment of this.writer.list) if (segment.first === first) segment.unused = true;
    this.#free();
  }

  // The directory was synced after the newer checkpoint got its name, so both checkpoints survive a power cut.
  #free(): void {
    const { list } = this.writer;
    const [older, newer] = this.kept;
    if (this.#freeing || older === undefined || newer === undefined || !this.folder.active) return;
    const needed = ({ first, readers }: SegmentFile): boolean =>
      readers > 0 || this.kept.some(({ segments }) => segments.has(first));
    const gone = list.filter((segment) => segment.unused && segment.end <= older.lsn && !needed(segment));
    if (gone.length === 0) return;
    for (const segment of gone) list.splice(list.indexOf(segment), 1);
    this.#freeing = this.pool.recycle(gone).then(() => {
      this.#freeing = undefined;
      this.#free();
    }, this.folder.failed);
  }

  // From now on nothing becomes durable.
  #fail(error: unknown): void {
    const { dir, active } = this.folder;
    if (!active) return;
    const what = `the journal in ${dir} cannot be written`;
    const reason = errnoOf(error) === 'ENOENT' ? takenAway(dir) : systemError(error, what);
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
    const failed = !folder.active;
    folder.active = false;
    const flushed = writer.when(writer.seal().lsn).catch((error: unknown) => error);
    await Promise.allSettled([this.#claiming, this.#freeing, this.#checkpointing, pool.making]);
    const error = await flushed;
    await writer.close();
    await unlock();
    if (error !== undefined && !failed) throw error;
  }
}
