// Bodies that are still in memory: the last commits as they were written, so that a message on its way through is not read back,
// and what was read along with another message, so that a full mailbox is not read piece by piece. Bounded, first in first out.
// It knows no file.

import { bodyOf } from './record.ts';
import type { Ref } from './store.ts';

interface Block {
  readonly segment: number;
  readonly start: number;
  readonly bytes: Buffer;
}

const LF = 0x0a;

/** A body that is a small part of what it was cut from is copied: else a slow reader of a few bytes would hold a whole commit in memory. */
const COPY_BELOW = 1 / 16;

/** What a block costs beside its bytes: many small ones must not take more than was meant. */
const BLOCK_OVERHEAD = 256;

/** Of how many segments something that was read back is kept. */
const MAX_READ = 16;

/** The recent commits of a journal. */
export class Recent {
  readonly #segments = new Map<number, Block[]>();
  /** All blocks, oldest first. */
  readonly #blocks = new Set<Block>();
  /** The last that was read back of each segment; the segment that was read longest ago comes first. */
  readonly #read = new Map<number, Block>();
  #bytes = 0;

  /** @param limit how many bytes are kept at most */
  constructor(readonly limit: number) {}

  /** Adds what was written to a segment behind everything that was added before. */
  add(segment: number, start: number, bytes: Buffer): void {
    const block = { segment, start, bytes };
    this.#blocks.add(block);
    const blocks = this.#segments.get(segment);
    if (blocks === undefined) this.#segments.set(segment, [block]);
    else blocks.push(block);
    this.#bytes += bytes.length + BLOCK_OVERHEAD;
    for (const oldest of this.#blocks) {
      if (this.#bytes <= this.limit) break;
      this.#drop(oldest);
    }
  }

  // Only ever called for the oldest of all, which is the first of its segment, too.
  #drop(block: Block): void {
    this.#blocks.delete(block);
    this.#bytes -= block.bytes.length + BLOCK_OVERHEAD;
    const blocks = this.#segments.get(block.segment) as Block[];
    blocks.shift();
    if (blocks.length === 0) this.#segments.delete(block.segment);
  }

  /** Adds what was read back, from one `ref` on. It is checked when it is asked for. */
  addRead(segment: number, start: number, bytes: Buffer): void {
    this.#read.set(segment, { segment, start, bytes });
    for (const oldest of this.#read.keys()) {
      if (this.#read.size <= MAX_READ) return;
      this.#read.delete(oldest);
    }
  }

  /** The body of the SEND record at `ref`, if it is here. */
  body(ref: Ref): Buffer | undefined {
    return this.#written(ref) ?? this.#readBack(ref);
  }

  #readBack(ref: Ref): Buffer | undefined {
    const block = this.#read.get(ref.segment);
    if (block === undefined) return undefined;
    const from = ref.offset - block.start;
    if (from < 0 || from + ref.length > block.bytes.length) return undefined;
    const body = bodyOf(block.bytes.subarray(from, from + ref.length));
    return body === undefined ? undefined : detached(body, block.bytes);
  }

  #written(ref: Ref): Buffer | undefined {
    const blocks = this.#segments.get(ref.segment);
    if (blocks === undefined) return undefined;
    let low = 0;
    let high = blocks.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((blocks[middle] as Block).start <= ref.offset) low = middle;
      else high = middle;
    }
    const { start, bytes } = blocks[low] as Block;
    const from = ref.offset - start;
    if (from < 0 || from + ref.length > bytes.length) return undefined;
    const body = bytes.subarray(bytes.indexOf(LF, from) + 1, from + ref.length - 1);
    return detached(body, bytes);
  }
}

function detached(body: Buffer, whole: Buffer): Buffer {
  return body.length < whole.length * COPY_BELOW ? Buffer.from(body) : body;
}
