// The write-ahead log as the relay sees it: entries are appended at the end and are the truth once they are durable. It knows nothing of
// mailboxes and nothing of files. README.md says what an engine must guarantee: disk.ts does it on a disk, memory.ts in memory, for tests.

/** A log sequence number: the place of an entry. It rises from entry to entry, is never given twice, and is below 2^48. */
export type Lsn = number;

/** A part of the log that is kept or freed as one. */
export interface Segment {
  /** The lowest LSN that can be in it. It identifies the segment. */
  readonly first: Lsn;
  /** The LSN above every one that is or can be in it. */
  readonly end: Lsn;
  /** What it takes of the disk, in bytes. */
  readonly size: number;
}

/** The owner's state, frozen as of one LSN: what a checkpoint holds. */
export interface Snapshot {
  /** `first` of each segment that the state points into: entries there may be read after the checkpoint is restored. */
  readonly segments: readonly Lsn[];
  /** The size of all chunks together, in bytes. */
  readonly size: number;
  /** The state, in chunks of up to `MAX_CHUNK` bytes, drawn one after the other as the disk takes them. */
  readonly chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** The largest chunk of a snapshot, in bytes. */
export const MAX_CHUNK = 1024 * 1024;

/** A part of the log that cannot be read. Only an opening that salvages goes on after one. */
export interface LostPart {
  /** The LSN where it begins. */
  readonly from: Lsn;
  /** The LSN where reading could go on. There may have been any number of entries before it. */
  readonly to: Lsn;
  /** The file that it is in, for a person. */
  readonly file: string;
  /** The offset in `file` where it begins, in bytes. */
  readonly offset: number;
  /** The file that it was copied to; undefined if there was nothing to copy (a missing file, say) or no room for the copy. */
  readonly copy: string | undefined;
}

/** The identity of a log. It is made with the log and never changes. */
export interface LogId {
  /** Public: numbers that the owner gives out can be compared only within one store. */
  readonly store: string;
  /** Secret, 32 hexadecimal digits: for hashes that a stranger must not be able to predict. */
  readonly key: string;
}

/** The owner of a log: it builds its state from what is replayed, and is told what happens afterwards. */
export interface Owner {
  /** Called before any `entry`, with the state of a checkpoint or without any. If a checkpoint breaks off, it is called again: start over. */
  restore(id: LogId, chunks: AsyncIterable<Buffer>): Promise<void>;
  /** An entry is replayed. `bytes` are valid until the call returns: copy what you keep. An error that it throws ends the opening. */
  entry(bytes: Buffer, lsn: Lsn): void;
  /** Salvage has skipped this part; the entries that follow come after it. */
  lost(part: LostPart): void;
  /** More entries are durable: `durable` of the log has risen. */
  durable(): void;
  /** The answer of `hasRoom` may have changed. */
  room(): void;
  /** The log has failed, for good. Called at most once, and not while it is being opened. */
  failed(error: Error): void;
  /** A commit that a crash had torn was cut off the end of the log: `bytes` bytes at `offset` of `file`. It was never durable. */
  torn(file: string, offset: number, bytes: number): void;
  /** Something that a person should know, in a sentence, such as that a checkpoint could not be read. */
  notice(text: string): void;
}

/** Is there room? `soon`: room is being made. `no`: the disk is full. In both cases ask again when the owner's `room` is called. */
export type Room = 'yes' | 'soon' | 'no';

/**
 * Opens a log: takes it over, replays the newest checkpoint that can be read and every entry after it, and cuts off a torn tail. When it
 * resolves, everything replayed is durable. @throws DetourError `locked`, `damaged_journal` with file and offset, `old_journal`,
 * `new_journal`, `not_a_journal`, `not_a_directory`, or the errno of the file system; a log that is refused was not changed
 */
export type OpenLog = (owner: Owner) => Promise<Log>;

/** An open write-ahead log. */
export interface Log {
  /** Appends an entry, made of its parts in order. @throws RangeError if it has 0 or over `maxEntry` bytes, or if not even the reserve has room */
  append(...parts: readonly Uint8Array[]): Lsn;
  /** The largest entry, in bytes. */
  readonly maxEntry: number;
  /** The LSN above the last entry. An answer about the present state may be given once `durable` has reached this value. */
  readonly end: Lsn;
  /** Everything below this LSN is durable. */
  readonly durable: Lsn;
  /**
   * Is there room for an entry of `bytes`, and after it still for entries that cannot be refused (acknowledgements), for moving what is
   * live out of one segment, and for checkpoints? @param checkpoint what a checkpoint would take after the entry, in bytes
   */
  hasRoom(bytes: number, checkpoint: number): Room;
  /** How many bytes fit now, including the reserve. When even the reserve runs out, entries that cannot be refused must wait. */
  readonly spare: number;
  /** Reads a durable entry from a segment that was not freed. @throws DetourError `damaged` with file and offset, or the errno */
  read(lsn: Lsn): Promise<Buffer>;
  /** The entry of an LSN, if reading another one has brought it into memory; else undefined. */
  inMemory(lsn: Lsn): Buffer | undefined;
  /** How much of the disk the log takes (`used`), and that plus what it could still take now (`total`). In bytes. */
  usage(): Promise<{ readonly used: number; readonly total: number }>;
  /** The segments, oldest first. The last two may still be empty. */
  segments(): readonly Segment[];
  /**
   * Makes a checkpoint, one at a time; none if nothing was appended since the newest. The newest two are kept; on a full disk only one,
   * while the next is made. `take` is called before this returns, with the LSN as of which it must take the state: `end`.
   * @throws what went wrong: then the checkpoint is discarded, and the log goes on
   */
  checkpoint(take: (lsn: Lsn) => Snapshot): Promise<void>;
  /** The state no longer points into this segment and never will again. It goes when no checkpoint and no read needs it. Say so again after opening. */
  free(first: Lsn): void;
  /** Makes everything appended durable and releases the log. */
  close(): Promise<void>;
}
