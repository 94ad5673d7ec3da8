// The embedded store: an append-only journal in one directory. This file puts its parts together; each has its own file:
// record.ts and commit.ts (the bytes), segment.ts, spares.ts and files.ts (the files), recover.ts and fold.ts (opening),
// writer.ts (appending). It is not a database: it knows mailboxes only well enough to bring them back.

import { open, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../trace/clock.ts';
import type { Emit } from '../../trace/event.ts';
import { MAX_LINE } from '../../wire/frame.ts';
import { commitRoom, END_MARK, type Piece, pieceLength } from './commit.ts';
import { type Disk, diskError, isFull, syncDirectory, systemDisk } from './disk.ts';
import { Files } from './files.ts';
import { Recent } from './recent.ts';
import { bodyOf, type JournalEntry, recordLine } from './record.ts';
import { damaged, type Found, listDirectory, makeDirectory, readAll, refuseForeign } from './recover.ts';
import { beginSegment, randomToken, type SegmentHeader, segmentName } from './segment.ts';
import { type Spare, Spares } from './spares.ts';
import type { Entry, Keeper, Recovered, Ref, Store } from './store.ts';
import { type Active, Writer } from './writer.ts';

/** The usual size of a segment: small enough to be let go soon, large enough that a new one is rare. */
export const SEGMENT_BYTES = 16 * 1024 * 1024;

/** How many bytes of recent commits stay in memory. */
const RECENT_BYTES = 16 * 1024 * 1024;

/** What a journal needs. */
export interface JournalOptions {
  /** The directory; it is made if it is not there. */
  readonly dir: string;
  readonly emit: Emit;
  readonly clock: Clock;
  /**
   * Takes the directory for this process, in a way that the system lets go of with the process; resolves to what lets go of it.
   * @throws DetourError `locked`
   */
  readonly lock: (dir: string) => Promise<() => Promise<void>>;
  /** Size of a segment in bytes. A larger commit gets a larger segment. */
  readonly segmentBytes?: number;
  /** For tests: a disk that can fail. */
  readonly disk?: Disk;
}

/** A file that is open and the state that goes with it. */
interface Opened {
  readonly writer: Writer;
  readonly unlock: () => Promise<void>;
}

/** The embedded store. */
export class Journal implements Store {
  readonly #dir: string;
  readonly #emit: Emit;
  readonly #clock: Clock;
  readonly #lock: JournalOptions['lock'];
  readonly #segmentBytes: number;
  readonly #disk: Disk;
  readonly #files = new Files();
  readonly #recent = new Recent(RECENT_BYTES);
  readonly #spares: Spares;
  #token = '';
  #opened: Opened | undefined;
  #failed = false;
  #rejectOpening: ((error: unknown) => void) | undefined;
  #closing = false;

  onFailure: (error: Error) => void = () => {};

  constructor(options: JournalOptions) {
    this.#dir = options.dir;
    this.#emit = options.emit;
    this.#clock = options.clock;
    this.#lock = options.lock;
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.#disk = options.disk ?? systemDisk;
    this.#spares = new Spares({
      dir: this.#dir,
      disk: this.#disk,
      clock: this.#clock,
      bytes: this.#segmentBytes,
      failed: (error) => this.#fail(error),
      changed: () => {},
    });
  }

  /** Empty before `open`. */
  get token(): string {
    return this.#token;
  }

  async open(_keeper: Keeper): Promise<Recovered> {
    await makeDirectory(this.#dir);
    let unlock: () => Promise<void>;
    try {
      unlock = await this.#lock(this.#dir);
    } catch (error) {
      throw diskError(error, `the journal in ${this.#dir} cannot be taken`);
    }
    try {
      return await this.#open(unlock);
    } catch (error) {
      this.#failed = true;
      this.#opened?.writer.stop();
      await this.#spares.stop();
      await this.#files.close();
      await unlock();
      throw diskError(error, `the journal in ${this.#dir} cannot be opened`);
    }
  }

  async #open(unlock: () => Promise<void>): Promise<Recovered> {
    const listing = await listDirectory(this.#dir);
    refuseForeign(this.#dir, listing);
    const found = await readAll(this.#dir, listing);
    for (const name of listing.spares) await this.#spares.adopt(path.join(this.#dir, name));
    for (const segment of found.segments) this.#files.add(segment);
    this.#token = found.segments[0]?.header.token ?? randomToken();

    // Nothing that counts is changed before the next segment has been claimed: if two relays got this far at once, one of them fails here.
    const writer = await this.#beginLife(found);
    this.#opened = { writer, unlock };
    await this.#repair(found);
    const recovered = found.fold.result();
    const messages = [...recovered.mailboxes.values()].reduce((sum, box) => sum + box.messages.length, 0);
    this.#emit({ event: 'recovered', messages, mailboxes: recovered.mailboxes.size, dir: this.#dir });
    this.#spares.fill();
    return recovered;
  }

  // The first commit of a life repeats the last one of the life before, which may never have reached the disk, and marks the border.
  async #beginLife({ fold, segments, lastCommit, lastRecords }: Found): Promise<Writer> {
    const pieces: Piece[] = lastRecords.map(({ bytes }) => ({
      line: bytes.toString('latin1'),
      body: undefined,
    }));
    pieces.push({ line: recordLine({ kind: 'life' }), body: undefined });
    const bytes = pieces.reduce((sum, piece) => sum + pieceLength(piece), 0);
    const k = (segments.at(-1)?.header.k ?? 0) + 1;
    const oldest = segments[0]?.header.k ?? k;
    const spare = await this.#spares.first(roomFor(commitRoom(bytes) + commitRoom(0)));
    const active = await this.#begin(spare, {
      k,
      salt: randomToken(),
      first: lastCommit + 1,
      oldest,
      token: this.#token,
    });
    const writer = new Writer(
      {
        disk: this.#disk,
        clock: this.#clock,
        segmentBytes: this.#segmentBytes,
        roll: (first, room) => this.#roll(first, room),
        written: (segment, offset, commit) => this.#recent.add(segment, offset, commit),
        failed: (error) => this.#fail(error),
      },
      active,
      lastCommit + 1,
    );
    await new Promise<void>((resolve, reject) => {
      this.#rejectOpening = reject;
      const placed = (segment: number, offsets: readonly number[]): void => {
        lastRecords.forEach(({ record, length }, i) => {
          fold.take(record, { segment, offset: offsets[i] as number, length });
        });
        fold.take({ kind: 'life' }, { segment, offset: 0, length: 0 });
      };
      writer.append({ pieces, bytes, placed, durable: () => resolve() });
    });
    this.#rejectOpening = undefined;
    return writer;
  }

  async #begin(spare: Spare, header: SegmentHeader): Promise<Active> {
    const start = await beginSegment(this.#disk, this.#dir, spare.path, header);
    const file = path.join(this.#dir, segmentName(header.k));
    const segment = { header, path: file, start, size: spare.size };
    this.#files.add(segment);
    return { segment, handle: await open(file, 'r+') };
  }

  async #roll(first: number, room: number): Promise<Active | undefined> {
    const spare = await this.#spares.take(roomFor(room));
    if (spare === undefined) return undefined;
    const { k } = this.#writer.active.header;
    return this.#begin(spare, {
      k: k + 1,
      salt: randomToken(),
      first,
      oldest: this.#files.oldest ?? k,
      token: this.#token,
    });
  }

  // The torn tail is kept beside the journal and cut off; what an unfinished life left is removed.
  async #repair({ tail, leftovers }: Found): Promise<void> {
    if (tail !== undefined) {
      const { segment, offset, torn } = tail;
      if (torn.length > 0) await keepCut(`${segment.path}.${offset}.cut`, torn);
      if (segment.size > offset) await cutFile(segment.path, offset);
      this.#files.resize(segment.header.k, offset);
      if (torn.length > 0) this.#emit({ event: 'cut', file: segment.path, offset, bytes: torn.length });
    }
    for (const file of leftovers) await unlink(file);
    await syncDirectory(this.#dir);
  }

  get #writer(): Writer {
    if (this.#opened === undefined) throw new Error('the journal is not open');
    return this.#opened.writer;
  }

  append(entries: readonly Entry[], durable?: (refs: readonly Ref[]) => void): void {
    this.#append(entries, durable);
  }

  #append(entries: readonly JournalEntry[], durable?: (refs: readonly Ref[]) => void): void {
    const pieces: Piece[] = [];
    let bytes = 0;
    for (const entry of entries) {
      const piece = { line: recordLine(entry), body: entry.kind === 'send' ? entry.body : undefined };
      pieces.push(piece);
      bytes += pieceLength(piece);
    }
    this.#writer.append({ pieces, bytes, durable });
  }

  recent(ref: Ref): Buffer | undefined {
    return this.#recent.body(ref);
  }

  async read(ref: Ref): Promise<Buffer> {
    const { segment, offset, length } = ref;
    const file = this.#files.get(segment)?.path ?? path.join(this.#dir, segmentName(segment));
    let bytes: Buffer | undefined;
    try {
      bytes = await this.#files.read(segment, offset, length);
    } catch (error) {
      throw diskError(error, `the journal's file ${file} cannot be read at byte ${offset}`);
    }
    if (bytes === undefined) throw damaged(file, offset, 'the file is gone');
    const body = bytes.length === length ? bodyOf(bytes) : undefined;
    if (body === undefined)
      throw damaged(file, offset, 'the message that lies there is not what was written');
    return body;
  }

  hasRoom(size: number): boolean {
    const need = commitRoom(size + MAX_LINE);
    return (
      !this.#spares.full ||
      this.#writer.left + this.#spares.bytes - this.#writer.waiting - need >= this.#segmentBytes
    );
  }

  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#opened?.writer.stop();
    if (this.#rejectOpening !== undefined) this.#rejectOpening(error);
    else this.onFailure(diskError(error, `the journal in ${this.#dir} cannot be written`));
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    if (opened === undefined || this.#closing) return;
    this.#closing = true;
    this.#spares.giveUp();
    await opened.writer.close();
    await this.#spares.stop();
    await this.#files.close();
    await opened.unlock();
  }
}

// A segment for a commit that needs so much room: its header and the mark behind it come on top.
function roomFor(room: number): number {
  return MAX_LINE + END_MARK + room;
}

// Kept for whoever wants to look; on a full disk it is not worth refusing to start.
async function keepCut(file: string, torn: Buffer): Promise<void> {
  try {
    await writeFile(file, torn, { mode: 0o600, flush: true });
  } catch (error) {
    if (!isFull(error)) throw error;
  }
}

async function cutFile(file: string, size: number): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.truncate(size);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
