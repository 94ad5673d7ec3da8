// Reading messages back from the log: an entry is read, checked and taken apart once, and kept for a while, so that a mailbox that is being
// emptied does not read the same run of SENDs once for each of its messages. What was just appended is here already.

import type { Hasher } from '../core/hash.ts';
import { decodeEntry, type Entry } from './entry.ts';
import type { Place } from './held.ts';
import type { Log, Lsn } from './log/log.ts';

const LF = 0x0a;

/** Bytes of memory that may go into entries that are kept. */
const KEPT = 16 * 1024 * 1024;
/** What an entry takes beside its bytes, and each message in it. */
const ENTRY_COST = 1024;
const MESSAGE_COST = 700;

/** A message as it stands in the log. */
export interface StoredMessage {
  readonly id: string;
  /** Undefined: from the relay itself. */
  readonly from: string | undefined;
  /** The age clock when it was taken, in milliseconds. */
  readonly t: number;
  /** In seconds. */
  readonly ttl: number | undefined;
  readonly notify: string | undefined;
  readonly kind: 'receipt' | 'bounce' | undefined;
  readonly tried: 'yes' | 'no' | undefined;
  readonly body: Buffer;
  /** The frame as it came. */
  readonly raw: Uint8Array;
  readonly session: string | undefined;
}

interface Kept {
  readonly entry: Entry;
  readonly frames: readonly Uint8Array[];
  readonly bytes: number;
}

/** Entries by LSN. */
export class Records {
  /** In the order in which they came; the oldest goes first. */
  readonly #kept = new Map<Lsn, Kept>();
  #bytes = 0;

  constructor(
    private readonly log: Log,
    private readonly hasher: Hasher,
  ) {}

  /** Keeps an entry that was just appended. @param frames of its messages */
  add(lsn: Lsn, entry: Entry, frames: readonly Uint8Array[]): void {
    const bytes = frames.reduce((sum, { length }) => sum + length + MESSAGE_COST, ENTRY_COST);
    this.#kept.set(lsn, { entry, frames, bytes });
    this.#bytes += bytes;
    for (const [oldest, kept] of this.#kept) {
      if (this.#bytes <= KEPT) break;
      this.#kept.delete(oldest);
      this.#bytes -= kept.bytes;
    }
  }

  /** A message, if it need not be read from the disk. */
  find({ lsn, index }: Place): StoredMessage | undefined {
    const kept = this.#kept.get(lsn);
    return kept && messageOf(kept, index);
  }

  /** A message that is durable. @throws DetourError `damaged` if its record was changed; the errno if it cannot be read */
  async read(place: Place): Promise<StoredMessage> {
    const found = this.find(place);
    if (found !== undefined) return found;
    const { entry, frames } = decodeEntry(await this.log.read(place.lsn), this.hasher);
    const raws = frames.map(({ raw }) => raw);
    if (!this.#kept.has(place.lsn)) this.add(place.lsn, entry, raws);
    return messageOf({ entry, frames: raws, bytes: 0 }, place.index);
  }
}

function messageOf({ entry, frames }: Kept, index: number): StoredMessage {
  const message = 'messages' in entry ? entry.messages[index] : undefined;
  const raw = frames[index];
  if (message === undefined || raw === undefined || !('t' in entry))
    throw new TypeError(`no message ${index} in a ${entry.verb}`);
  const { id, ttl, notify, kind, tried, size } = message;
  const session = 'session' in entry ? entry.session : undefined;
  const from = session === undefined || !('from' in entry) ? undefined : entry.from;
  const start = raw.indexOf(LF) + 1;
  const body = Buffer.from(raw.buffer, raw.byteOffset + start, size);
  return { id, from, t: entry.t, ttl, notify, kind, tried, body, raw, session };
}
