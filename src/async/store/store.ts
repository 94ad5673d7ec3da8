// What the relay asks of its disk, and nothing about how it is done. The embedded answer is journal.ts.
// An entry is a decision that the relay has made; once `append` calls back it survives the process, the kernel and the power.

/** Where the store keeps a message; only the store reads it. It changes when the store moves the message. */
export interface Ref {
  readonly segment: number;
  readonly offset: number;
  readonly length: number;
}

/** A message as the relay decided to keep it. (`to`, `seq`) is its identity for ever; loading it twice is loading it once. */
export interface SendEntry {
  readonly kind: 'send';
  readonly to: string;
  readonly seq: number;
  readonly id: string;
  readonly from: string;
  /** When it was stored, epoch milliseconds. */
  readonly at: number;
  /** Under which session its id is remembered. Absent for the relay's own notices, whose ids are not. */
  readonly session?: string | undefined;
  /** Its life in seconds. */
  readonly ttl?: number | undefined;
  /** Which mailbox learns what became of it. */
  readonly notify?: string | undefined;
  /** Set if this is one of the relay's own notices. */
  readonly notice?: 'receipt' | 'bounce' | undefined;
  /** For a bounce: might the message have been written to a receiver? */
  readonly tried?: 'yes' | 'no' | undefined;
  /** CRC-32 of the body, unseeded: what a repeat of the id is compared with. */
  readonly crc: number;
  readonly body: Buffer;
}

/** Everything that the relay makes durable. */
export type Entry =
  | SendEntry
  /** The recipient handled everything up to and including `seq`. */
  | { readonly kind: 'ack'; readonly to: string; readonly seq: number }
  /** This one message outlived its `ttl`. */
  | { readonly kind: 'expire'; readonly to: string; readonly seq: number }
  /** From now on in this life of the relay, any message of this mailbox may have been written to a receiver. */
  | { readonly kind: 'open'; readonly to: string }
  /** This id was repeated: remember it, as that message, under this session and from this time on. */
  | ({ readonly kind: 'remember' } & RememberedId)
  /** A throwaway mailbox is empty and forgotten, its numbering with it. */
  | { readonly kind: 'forget'; readonly to: string };

/** A message that is held, without its body. */
export interface HeldMessage extends Omit<SendEntry, 'kind' | 'body' | 'crc'> {
  readonly size: number;
  readonly ref: Ref;
}

/** What is known of a mailbox beside the messages in it. */
export interface MailboxState {
  /** The next number to be given out. */
  readonly next: number;
  /** Everything up to and including it is acknowledged. */
  readonly watermark: number;
  /** Messages up to and including it may have been written to a receiver in an earlier life of the relay. */
  readonly tried: number;
  /** Has `open` been said in the life that wrote this? */
  readonly open: boolean;
}

/** An id that is remembered, so that its repeat can be recognised. */
export interface RememberedId {
  readonly session: string;
  readonly from: string;
  readonly id: string;
  readonly to: string;
  readonly seq: number;
  readonly size: number;
  readonly crc: number;
  /** When the message was stored, epoch milliseconds. */
  readonly at: number;
  /** The store's own, on a copy: the number of the commit from which it was copied. Copies stand behind what was said later. */
  readonly order?: number | undefined;
}

/** What opening a store brought back. Messages of a mailbox in `seq` order, remembered ids oldest first. */
export interface Recovered {
  readonly mailboxes: ReadonlyMap<string, MailboxState & { readonly messages: readonly HeldMessage[] }>;
  readonly remembered: readonly RememberedId[];
}

/**
 * The relay, as the store sees it: asked, when old files are about to go, what must be carried forward.
 * Its answers may be ahead of the disk by what has been appended, never behind.
 */
export interface Keeper {
  /** Is this message still held? */
  holds(to: string, seq: number): boolean;
  /** Is this id still remembered, as that message? */
  remembers(from: string, id: string, to: string, seq: number): boolean;
  /** The state to carry forward; undefined if the mailbox is forgotten. */
  mailbox(to: string): MailboxState | undefined;
  /** A held message lies somewhere else now. */
  moved(to: string, seq: number, ref: Ref): void;
}

/** Durable storage for one relay. One process at a time. */
export interface Store {
  /** Made with the store and kept with it: `seq`s compare only within one store. */
  readonly token: string;
  /**
   * Takes the directory, repairs a torn tail, brings back what was durable.
   * @param keeper is asked nothing before the first `append`: by then it must have taken over what came back
   * @throws DetourError `locked`, `damaged`, `not_a_directory`, `not_a_journal`, or the errno of the file system
   */
  open(keeper: Keeper): Promise<Recovered>;
  /**
   * Makes entries durable, all or none of one call, in the order of the calls. Returns at once.
   * @param durable called once they are on the disk, in the order of the calls, with the places of the `send` entries among them in order. Never called if the store fails.
   */
  append(entries: readonly Entry[], durable?: (refs: readonly Ref[]) => void): void;
  /** A body that is still in memory, so that a message on its way through need not be read back. */
  recent(ref: Ref): Buffer | undefined;
  /** Reads a body back and checks it. @throws DetourError `damaged` with file and offset */
  read(ref: Ref): Promise<Buffer>;
  /** Is there room for a message with a body of `size` bytes? If not, it must be refused; acknowledgements still fit. */
  hasRoom(size: number): boolean;
  /** Called at most once, if the disk failed: nothing more becomes durable and the process must end. */
  onFailure: (error: Error) => void;
  /** Makes durable what was appended, closes the last commit, lets go of the directory. */
  close(): Promise<void>;
}
