// The write-ahead log as the relay sees it: entries go in at the end, and are the truth once they are durable. Nothing of mailboxes is in
// it, and nothing of files. README.md says what an engine behind this seam must keep: disk.ts does on a disk, memory.ts in memory, for tests.

/** A log sequence number: where an entry is. It rises from entry to entry, is never given twice, and is below 2^48. */
export type Lsn = number;

/** A part of the log that is kept or freed as one. */
export interface Segment {
  /** The lowest LSN that can be in it: its name. */
  readonly first: Lsn;
  /** Above every LSN that is or will be in it. */
  readonly end: Lsn;
  /** What it takes of the disk, in bytes. */
  readonly size: number;
}

/** The owner's state, frozen as of one LSN: what a checkpoint holds. */
export interface Snapshot {
  /** `first` of each segment that the state points into: an entry there may be read after the checkpoint was restored. */
  readonly segments: readonly Lsn[];
  /** What its chunks have together, in bytes. */
  readonly size: number;
  /** The state, in pieces of up to `MAX_CHUNK` bytes, drawn one after the other as the disk takes them. */
  readonly chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** The largest piece of a snapshot, in bytes. */
export const MAX_CHUNK = 1024 * 1024;

/** A part of the log that cannot be read. Only an opening that salvages meets one and goes on. */
export interface LostPart {
  /** Where it begins, and where reading could go on. What stood between may have been any number of entries. */
  readonly from: Lsn;
  readonly to: Lsn;
  /** Where it lies, for a person: a file, and the offset in it in bytes. */
  readonly file: string;
  readonly offset: number;
  /** The file that it was copied to; undefined if there was nothing to copy, as for a file that is missing. */
  readonly copy: string | undefined;
}

/** Which log it is: made with it, and kept with it. */
export interface LogId {
  /** Public: numbers that the owner gives out compare only within one store. */
  readonly store: string;
  /** Secret, 32 hexadecimal digits: for hashes that a stranger must not foresee. */
  readonly key: string;
}

/** The owner of a log: it builds its state from what is replayed, and is told what happens later. */
export interface Owner {
  /** Begins with the state of a checkpoint, or with none, before any `entry`. Called again if one could not be read to its end: forget that. */
  restore(id: LogId, chunks: AsyncIterable<Buffer>): Promise<void>;
  /** An entry comes back. `bytes` are valid until the call returns: copy what is kept. An error that it throws ends the opening. */
  entry(bytes: Buffer, lsn: Lsn): void;
  /** Salvage went around this part; the entries that follow come after it. */
  lost(part: LostPart): void;
  /** `durable` has moved. */
  durable(): void;
  /** After `hasRoom` said something else than `yes`, its answer may have changed. */
  room(): void;
  /** The log failed, for good. Called at most once, and not while it is being opened. */
  failed(error: Error): void;
  /** A commit that a crash had torn was cut off at the end of the log: `bytes` at `offset` of `file`. It was never durable. */
  torn(file: string, offset: number, bytes: number): void;
  /** Something that a person should know, in a sentence: a checkpoint could not be read. */
  notice(text: string): void;
}

/** Is there room? `soon`: the room is being made, ask again after `room`. `no`: the disk is full; also ask again after `room`. */
export type Room = 'yes' | 'soon' | 'no';

/**
 * Opens a log: takes it, cuts off a torn tail, and replays: the newest checkpoint that can be read, then every entry after it. When it
 * resolves, all of that is durable. @throws DetourError `locked`, `damaged_journal` with file and offset, `old_journal`, `new_journal`,
 * `not_a_journal`, `not_a_directory`, or the errno of the file system; nothing was changed then
 */
export type OpenLog = (owner: Owner) => Promise<Log>;

/** An open write-ahead log. */
export interface Log {
  /** Adds an entry: copies its parts, one after the other. @throws RangeError if it has 0 or over `maxEntry` bytes, or no room at all */
  append(...parts: readonly Uint8Array[]): Lsn;
  /** The largest entry, in bytes. */
  readonly maxEntry: number;
  /** Above the last entry that was appended. An answer that speaks of the state may be given once `durable` is not below it. */
  readonly end: Lsn;
  /** Everything below it is durable. */
  readonly durable: Lsn;
  /**
   * May an entry of `bytes` be appended, and room be left for what cannot be refused (acknowledgements), for moving what is live out of
   * one segment, and for checkpoints? @param checkpoint what one would take after it, in bytes
   */
  hasRoom(bytes: number, checkpoint: number): Room;
  /** Bytes that fit now, the reserve included: entries that cannot be refused must wait when even that comes to its end. */
  readonly spare: number;
  /** Reads back a durable entry of a segment that was not freed. @throws DetourError `damaged` with file and offset, or the errno */
  read(lsn: Lsn): Promise<Buffer>;
  /** The same entry, if reading an earlier one has brought it into memory; else undefined. */
  inMemory(lsn: Lsn): Buffer | undefined;
  /** What the log takes of the disk, and all that it may take: with what is free today. In bytes. */
  usage(): Promise<{ readonly used: number; readonly total: number }>;
  /** The segments, oldest first. The last two may be empty: room for what comes. */
  segments(): readonly Segment[];
  /**
   * Makes a checkpoint, one at a time; none if nothing was appended since the newest. The newest two are kept; on a full disk one,
   * while the next is made. `take` is called before this returns, with the LSN as of which it must take the state: that of `end`.
   * @throws what went wrong: the checkpoint is thrown away then, and the log goes on
   */
  checkpoint(take: (lsn: Lsn) => Snapshot): Promise<void>;
  /** The state points into this segment no more, and never will. It goes when no checkpoint and no read needs it. Say it again once opened. */
  free(first: Lsn): void;
  /** Makes durable what was appended, and lets go of the log. */
  close(): Promise<void>;
}
