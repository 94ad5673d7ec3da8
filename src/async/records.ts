// Reads messages back from the log. An entry is read and checked once and then kept for a while, so that emptying a mailbox does
// not read the same run of SENDs once for each message. Entries that were just appended are kept, too.

import { type Carrier, decodeMessage, type Entry, messagesIn, startsOf } from './entry.ts';
import type { Place } from './held.ts';
import type { Log, Lsn } from './log/log.ts';

/** The memory for entries that are kept, in bytes: enough for a hundred runs of SENDs. */
const KEPT = 8 * 1024 * 1024;
/** The memory that an entry takes besides its frames, in bytes. */
const ENTRY_COST = 512;
/** Bytes of memory for each byte of frames: 1, and 0.25 for the list of their starts (8 bytes for a frame, which has at least 32). */
const STARTS_COST = 1.25;

/** A message as it is in the log. */
export interface StoredMessage {
  readonly id: string;
  /** The sender; undefined for the relay itself. */
  readonly from: string | undefined;
  /** The age clock when it was taken, in milliseconds. */
  readonly t: number;
  /** The ttl that its sender gave it, in seconds. */
  readonly ttl: number | undefined;
  readonly notify: string | undefined;
  readonly kind: 'receipt' | 'bounce' | undefined;
  readonly tried: 'yes' | 'no' | undefined;
  readonly body: Buffer;
  /** The frame as it came. */
  readonly raw: Buffer;
  readonly session: string | undefined;
}

interface Kept {
  readonly carrier: Carrier;
  /** The frames of its messages, one after the other. */
  readonly frames: Buffer;
  /** The offset at which each of them begins; undefined until it is needed. */
  starts: readonly number[] | undefined;
  readonly bytes: number;
}

/** The entries of a log that were appended or read recently. */
export class Records {
  /** The entries that are kept, in the order in which they came. The oldest is dropped first. */
  readonly #kept = new Map<Lsn, Kept>();
  #bytes = 0;

  constructor(private readonly log: Log) {}

  /** Keeps an entry that was just appended. @param frames the frames of its messages; one part may hold several */
  add(lsn: Lsn, entry: Entry, frames: readonly Buffer[]): void {
    const session = 'session' in entry ? entry.session : undefined;
    const from = 'from' in entry ? entry.from : undefined;
    const t = 't' in entry ? entry.t : 0;
    this.#keep(lsn, { from, session, t }, frames);
  }

  #keep(lsn: Lsn, carrier: Carrier, parts: readonly Buffer[]): Kept {
    const frames = asOne(parts);
    const bytes = ENTRY_COST + STARTS_COST * frames.length;
    const entry: Kept = { carrier, frames, starts: undefined, bytes };
    this.#kept.set(lsn, entry);
    this.#bytes += bytes;
    for (const [oldest, kept] of this.#kept) {
      if (this.#bytes <= KEPT) break;
      this.#kept.delete(oldest);
      this.#bytes -= kept.bytes;
    }
    return entry;
  }

  /** A message, if it is in memory; undefined if it must be read from the disk. */
  find({ lsn, index }: Place): StoredMessage | undefined {
    const kept = this.#kept.get(lsn) ?? this.#readAhead(lsn);
    return kept && messageOf(kept, index);
  }

  #readAhead(lsn: Lsn): Kept | undefined {
    const bytes = this.log.inMemory(lsn);
    return bytes && this.#keepRead(lsn, bytes);
  }

  #keepRead(lsn: Lsn, bytes: Buffer): Kept {
    const { carrier, frames } = messagesIn(bytes);
    return this.#keep(lsn, carrier, [frames]);
  }

  /** Reads a durable message. @throws DetourError `damaged` if its record was changed; the errno if it cannot be read */
  async read(place: Place): Promise<StoredMessage> {
    const { lsn, index } = place;
    const found = this.find(place);
    if (found !== undefined) return found;
    const bytes = await this.log.read(lsn);
    return messageOf(this.#kept.get(lsn) ?? this.#keepRead(lsn, bytes), index);
  }
}

// A view keeps its whole underlying buffer in memory, and a chunk from a socket may contain much that was refused. So a small part is
// copied, and not into the pool that Node uses for small buffers.
function asOne(frames: readonly Buffer[]): Buffer {
  const [first] = frames;
  if (first !== undefined && frames.length === 1 && 2 * first.length >= first.buffer.byteLength) return first;
  const whole = Buffer.allocUnsafeSlow(frames.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const frame of frames) at += frame.copy(whole, at);
  return whole;
}

function messageOf(kept: Kept, index: number): StoredMessage {
  const { carrier, frames } = kept;
  kept.starts ??= startsOf(frames);
  const start = kept.starts[index];
  if (start === undefined) throw new TypeError(`no message ${index} in an entry`);
  const { session, t } = carrier;
  const { id, ttl, notify, kind, tried, body, raw } = decodeMessage(carrier, frames, start);
  const from = session === undefined ? undefined : carrier.from;
  return { id, from, t, ttl, notify, kind, tried, body, raw, session };
}
