// The embedded store: an append-only journal in one directory. This file puts its parts together; each has its own file:
// record.ts and commit.ts (the bytes), segment.ts, spares.ts and files.ts (the files), recover.ts, fold.ts and repair.ts (opening),
// writer.ts (appending), compact.ts and policy.ts (clearing away). It is not a database: it knows mailboxes only well enough to bring them back.

import path from 'node:path';
import { DetourError } from '../../errors/error.ts';
import type { Clock } from '../../trace/clock.ts';
import type { Emit } from '../../trace/event.ts';
import { commitRoom } from './commit.ts';
import { Compactor } from './compact.ts';
import { type Disk, diskError, errnoOf, isFull, systemDisk } from './disk.ts';
import { Files, type Segment } from './files.ts';
import type { Forgotten } from './forgotten.ts';
import { Live } from './live.ts';
import { type Piece, pieceLength, piecesOf } from './piece.ts';
import { Policy } from './policy.ts';
import { Reader } from './reader.ts';
import { type JournalEntry, recordLine } from './record.ts';
import { type Found, listDirectory, makeDirectory, readAll, refuseForeign } from './recover.ts';
import { repair, trim } from './repair.ts';
import { fileSize, Roller } from './roll.ts';
import { randomToken, takenAway } from './segment.ts';
import { type Spare, Spares } from './spares.ts';
import type { Entry, Keeper, Recovered, Ref, Store } from './store.ts';
import { type Active, Writer } from './writer.ts';

/** The usual size of a segment: small enough to be let go soon, large enough that a new one is rare. */
const SEGMENT_BYTES = 16 * 1024 * 1024;

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

/** The parts that an open journal has. */
interface Parts {
  readonly writer: Writer;
  readonly unlock: () => Promise<void>;
  readonly live: Live;
  readonly forgotten: Forgotten;
  readonly policy: Policy;
  readonly compactor: Compactor;
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
  readonly #reader: Reader;
  readonly #spares: Spares;
  #token = '';
  #parts: Parts | undefined;
  #failed = false;
  #rejectOpening: ((error: unknown) => void) | undefined;
  #closed: Promise<void> | undefined;

  onFailure: (error: Error) => void = () => {};

  constructor(options: JournalOptions) {
    this.#dir = options.dir;
    this.#emit = options.emit;
    this.#clock = options.clock;
    this.#lock = options.lock;
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.#disk = options.disk ?? systemDisk;
    this.#reader = new Reader(this.#dir, this.#files);
    this.#spares = new Spares({
      dir: this.#dir,
      disk: this.#disk,
      clock: this.#clock,
      bytes: this.#segmentBytes,
      failed: (error) => this.#fail(error),
      changed: () => {
        this.#parts?.policy.changed();
        this.#parts?.compactor.wake();
      },
    });
  }

  /** Empty before `open`. */
  get token(): string {
    return this.#token;
  }

  async open(keeper: Keeper): Promise<Recovered> {
    await makeDirectory(this.#dir);
    let unlock: () => Promise<void>;
    try {
      unlock = await this.#lock(this.#dir);
    } catch (error) {
      throw diskError(error, `the journal in ${this.#dir} cannot be taken`);
    }
    try {
      return await this.#open(unlock, keeper);
    } catch (error) {
      this.#failed = true;
      await this.#spares.stop();
      await this.#files.close();
      await unlock();
      throw diskError(error, `the journal in ${this.#dir} cannot be opened`);
    }
  }

  async #open(unlock: () => Promise<void>, keeper: Keeper): Promise<Recovered> {
    const listing = await listDirectory(this.#dir);
    refuseForeign(this.#dir, listing);
    const found = await readAll(this.#dir, listing);
    for (const name of listing.spares) await this.#spares.adopt(path.join(this.#dir, name));
    for (const segment of found.segments) this.#files.add(segment);
    this.#token = found.segments[0]?.header.token ?? randomToken();

    // Nothing that counts is changed before the next segment has been claimed: if two relays got this far at once, one of them fails here.
    const writer = await this.#beginLife(found);
    try {
      await repair(found, this.#dir, this.#files, this.#emit);
    } catch (error) {
      await writer.abandon();
      throw error;
    }
    const recovered = found.fold.result();
    this.#parts = this.#assemble(writer, unlock, keeper, found, recovered);
    const messages = [...recovered.mailboxes.values()].reduce((sum, box) => sum + box.messages.length, 0);
    this.#emit({ event: 'recovered', messages, mailboxes: recovered.mailboxes.size, dir: this.#dir });
    this.#spares.fill();
    return recovered;
  }

  // The first commit of a life repeats the last one of the life before, which may never have reached the disk, and marks the border.
  async #beginLife(found: Found): Promise<Writer> {
    const { fold, lastCommit, lastRecords } = found;
    const pieces: Piece[] = lastRecords.map(({ bytes }) => ({
      line: bytes.toString('latin1'),
      body: undefined,
    }));
    pieces.push({ line: recordLine({ kind: 'life' }), body: undefined });
    const bytes = pieces.reduce((sum, piece) => sum + pieceLength(piece), 0);
    const spare = await this.#firstSpare(fileSize(commitRoom(bytes) + commitRoom(0)), found);
    const roller = new Roller({
      dir: this.#dir,
      disk: this.#disk,
      files: this.#files,
      spares: this.#spares,
      token: this.#token,
    });
    const active = await roller.firstOf(spare, lastCommit + 1);
    const writer = this.#startWriter(roller, active, lastCommit + 1);
    const placed = (segment: number, offsets: readonly number[]): void => {
      lastRecords.forEach(({ record, length }, i) => {
        fold.take(record, { segment, offset: offsets[i] as number, length }, lastCommit + 1);
      });
      fold.take({ kind: 'life' }, { segment, offset: 0, length: 0 }, lastCommit + 1);
    };
    try {
      await new Promise<void>((resolve, reject) => {
        this.#rejectOpening = reject;
        writer.append({ pieces, bytes, placed, durable: () => resolve() });
      });
    } catch (error) {
      await writer.abandon();
      throw error;
    }
    this.#rejectOpening = undefined;
    return writer;
  }

  // On a full disk what the last segment has prepared and not used may be all the room there is.
  async #firstSpare(least: number, found: Found): Promise<Spare> {
    try {
      return await this.#spares.first(least);
    } catch (error) {
      if (!isFull(error) || !(await trim(found))) throw error;
      return this.#spares.first(least);
    }
  }

  #startWriter(roller: Roller, active: Active, nextCommit: number): Writer {
    return new Writer(
      {
        disk: this.#disk,
        clock: this.#clock,
        segmentBytes: this.#segmentBytes,
        roll: async (first, room) => {
          const next = await roller.next(first, room);
          this.#parts?.compactor.wake();
          return next;
        },
        written: (segment, offset, commit) => this.#reader.written(segment, offset, commit),
        failed: (error) => this.#fail(error),
      },
      active,
      nextCommit,
    );
  }

  #assemble(
    writer: Writer,
    unlock: Parts['unlock'],
    keeper: Keeper,
    found: Found,
    recovered: Recovered,
  ): Parts {
    const live = new Live();
    for (const { messages } of recovered.mailboxes.values()) {
      for (const { to, seq, ref } of messages) live.add(to, seq, ref.length);
    }
    for (const [segment, bytes] of found.carried) live.carry(segment, bytes);
    const { forgotten } = found.fold;
    const files = this.#files;
    const shared = {
      dir: this.#dir,
      emit: this.#emit,
      segmentBytes: this.#segmentBytes,
      live,
      files,
      spares: this.#spares,
      writer,
    };
    const policy = new Policy(shared);
    const compactor = new Compactor({
      files,
      keeper,
      forgotten,
      worthwhile: (oldest) => policy.worthwhile(oldest),
      append: (entries, durable) => this.#carryForward(entries, durable),
      discard: (segment) => this.#discard(segment),
      failed: (error) => this.#compactionFailed(error),
    });
    return { writer, unlock, live, forgotten, policy, compactor };
  }

  get #running(): Parts {
    if (this.#parts === undefined) throw new Error('the journal is not open');
    return this.#parts;
  }

  append(entries: readonly Entry[], durable?: (refs: readonly Ref[]) => void): void {
    const { writer, live, forgotten, policy, compactor } = this.#running;
    const { pieces, bytes } = piecesOf(entries);
    const forgets: { at: number; tell: (segment: number, offset: number) => void }[] = [];
    entries.forEach((entry, at) => {
      if (entry.kind === 'send') live.add(entry.to, entry.seq, pieceLength(pieces[at] as Piece));
      else if (entry.kind === 'ack') live.acknowledge(entry.to, entry.seq);
      else if (entry.kind === 'expire') live.expire(entry.to, entry.seq);
      else if (entry.kind === 'forget') {
        live.forget(entry.to);
        forgets.push({ at, tell: forgotten.begin(entry.to) });
      }
    });
    const placed = (segment: number, offsets: readonly number[]): void => {
      for (const { at, tell } of forgets) tell(segment, offsets[at] as number);
    };
    writer.append({ pieces, bytes, placed: forgets.length > 0 ? placed : undefined, durable });
    if (policy.appended(bytes)) compactor.wake();
  }

  // What the compactor appends: the same messages again, which are held as before, and what is carried forward beside them.
  #carryForward(entries: readonly JournalEntry[], durable: (refs: readonly Ref[]) => void): void {
    const { writer, live } = this.#running;
    const { pieces, bytes } = piecesOf(entries);
    const carried = pieces.reduce(
      (sum, piece) => sum + (piece.body === undefined ? piece.line.length : 0),
      0,
    );
    writer.append({ pieces, bytes, placed: (segment) => live.carry(segment, carried), durable });
  }

  async #discard({ header, path: file, size }: Segment): Promise<void> {
    const { live, policy } = this.#running;
    live.drop(header.k);
    policy.cleared();
    await this.#spares.recycle(file, size);
  }

  // A damaged old segment stops the clearing away and not the relay: mail in sound segments still comes through, nothing is thrown away.
  #compactionFailed(error: unknown): void {
    if (error instanceof DetourError)
      this.#emit({ event: 'notice', text: `${error.message}; old files are kept from now on` });
    else this.#fail(error);
  }

  recent(ref: Ref): Buffer | undefined {
    return this.#reader.recent(ref);
  }

  read(ref: Ref): Promise<Buffer> {
    const { writer } = this.#running;
    const { segment } = ref;
    const limit = writer.active.header.k === segment ? writer.written : this.#files.get(segment)?.size;
    return this.#reader.read(ref, limit ?? 0);
  }

  hasRoom(size: number): boolean {
    return this.#running.policy.hasRoom(size);
  }

  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#parts?.writer.stop();
    void this.#parts?.compactor.stop();
    if (this.#rejectOpening !== undefined) this.#rejectOpening(error);
    // What is not there was there: this journal made it, or found it.
    else if (errnoOf(error) === 'ENOENT') this.onFailure(takenAway(this.#dir));
    else this.onFailure(diskError(error, `the journal in ${this.#dir} cannot be written`));
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    if (this.#parts === undefined) return;
    const { writer, compactor, unlock } = this.#parts;
    await compactor.stop();
    this.#spares.giveUp();
    await writer.close();
    await this.#spares.stop();
    await this.#files.close();
    await unlock();
  }
}
