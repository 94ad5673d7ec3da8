// The index of what one mailbox holds, by number: 16 bytes a message. The message itself is in the log. Pure.

import { type ItemWords, Pages } from '../core/pages.ts';
import type { Lsn } from './log/log.ts';

/** Where a message is, and what must be known about it without reading it. */
export interface Place {
  /** The LSN of the entry that it is in. */
  readonly lsn: Lsn;
  /** The index of its frame in the entry, from 0; below `MOST_FRAMES`. */
  readonly index: number;
  /** The size of its body, in bytes; below 2^21. */
  readonly size: number;
  /** When the relay took it, in epoch milliseconds. */
  readonly at: number;
  /** Did its sender ask for a notice? */
  readonly notify: boolean;
}

/** The limit for frames in one entry: an index has 11 bits. */
export const MOST_FRAMES = 2048;

//        word 0        word 1                                              word 2        word 3
//   lsn, low 32    lsn, high 16 | held 1 | notify 1 | 4 free | at, high 10    at, low 32    index 11 | size 21
const HELD = 1 << 16;
const NOTIFY = 1 << 17;
const AT_SHIFT = 22;
const SIZE_BITS = 21;

const PLACES = { write, read };

/** The messages that a mailbox holds. */
export class HeldMessages extends Pages<Place> {
  /** @param total counts the numbers in the pages of all mailboxes, held or not: each takes 16 bytes of a checkpoint */
  constructor(total?: { slots: number }) {
    super(PLACES, total);
  }
}

function write(words: ItemWords, at: number, { lsn, index, size, at: taken, notify }: Place): void {
  const [lsnHigh, takenHigh] = [Math.floor(lsn / 2 ** 32), Math.floor(taken / 2 ** 32)];
  words[at] = lsn >>> 0;
  words[at + 1] = (lsnHigh | HELD | (notify ? NOTIFY : 0) | (takenHigh << AT_SHIFT)) >>> 0;
  words[at + 2] = taken >>> 0;
  words[at + 3] = ((index << SIZE_BITS) | size) >>> 0;
}

function read(words: ItemWords, at: number): Place {
  const mixed = words[at + 1] ?? 0;
  const last = words[at + 3] ?? 0;
  return {
    lsn: (mixed & 0xffff) * 2 ** 32 + (words[at] ?? 0),
    index: last >>> SIZE_BITS,
    size: last & (2 ** SIZE_BITS - 1),
    at: (mixed >>> AT_SHIFT) * 2 ** 32 + (words[at + 2] ?? 0),
    notify: (mixed & NOTIFY) !== 0,
  };
}
