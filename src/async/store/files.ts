// The segments that are there, and reading from them. A file that is about to go stays until the last read of it is through.
// It checks nothing that it reads and writes nothing.

import { type FileHandle, open } from 'node:fs/promises';
import type { SegmentHeader } from './segment.ts';

/** A segment as the running journal knows it. */
export interface Segment {
  readonly header: SegmentHeader;
  readonly path: string;
  /** Where its first commit begins. */
  readonly start: number;
  /** Size of the file. */
  readonly size: number;
}

/** How many sealed segments are kept open for reading: far below the usual limit of 1,024 files of a process. */
const MAX_OPEN = 64;

interface Slot {
  segment: Segment;
  handle: Promise<FileHandle> | undefined;
  readers: number;
  /** Set when the segment is leaving: called when the last reader is gone. */
  unread: (() => void) | undefined;
}

/** All segments of a journal, oldest first. */
export class Files {
  readonly #slots = new Map<number, Slot>();
  #newest: number | undefined;
  /** Those with a handle, the one unused for longest first. */
  readonly #opened = new Set<Slot>();

  /** Adds the newest segment. */
  add(segment: Segment): void {
    this.#newest = segment.header.k;
    this.#slots.set(segment.header.k, { segment, handle: undefined, readers: 0, unread: undefined });
  }

  get(k: number): Segment | undefined {
    return this.#slots.get(k)?.segment;
  }

  /** Oldest first. */
  *[Symbol.iterator](): Iterator<Segment> {
    for (const slot of this.#slots.values()) yield slot.segment;
  }

  /** The number of the oldest segment. */
  get oldest(): number | undefined {
    return this.#slots.keys().next().value;
  }

  /** The number of the newest segment. */
  get newest(): number | undefined {
    return this.#newest;
  }

  /** The file of a segment has another size now. */
  resize(k: number, size: number): void {
    const slot = this.#slots.get(k);
    if (slot !== undefined) slot.segment = { ...slot.segment, size };
  }

  get count(): number {
    return this.#slots.size;
  }

  /**
   * Reads from a segment; fewer bytes than asked for if the file ends before.
   * @returns undefined if there is no such segment
   */
  async read(k: number, offset: number, length: number): Promise<Buffer | undefined> {
    const slot = this.#slots.get(k);
    if (slot === undefined) return undefined;
    slot.readers += 1;
    try {
      const handle = await this.#handle(slot);
      const bytes = Buffer.allocUnsafeSlow(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return bytes.subarray(0, filled);
    } finally {
      slot.readers -= 1;
      if (slot.readers === 0) slot.unread?.();
    }
  }

  #handle(slot: Slot): Promise<FileHandle> {
    this.#opened.delete(slot);
    this.#opened.add(slot);
    if (slot.handle === undefined) {
      slot.handle = open(slot.segment.path, 'r');
      // A failure to open belongs to this read alone; the next one tries again.
      slot.handle.catch(() => {
        slot.handle = undefined;
        this.#opened.delete(slot);
      });
      this.#closeIdle();
    }
    return slot.handle;
  }

  #closeIdle(): void {
    for (const slot of this.#opened) {
      if (this.#opened.size <= MAX_OPEN) return;
      if (slot.readers === 0) void this.#shut(slot);
    }
  }

  async #shut(slot: Slot): Promise<void> {
    const handle = slot.handle;
    slot.handle = undefined;
    this.#opened.delete(slot);
    if (handle !== undefined) await (await handle).close();
  }

  /** Takes a segment out: no new read finds it. Resolves when the reads that had begun are through and the file is closed. */
  async remove(k: number): Promise<Segment | undefined> {
    const slot = this.#slots.get(k);
    if (slot === undefined) return undefined;
    this.#slots.delete(k);
    if (slot.readers > 0) await new Promise<void>((resolve) => (slot.unread = resolve));
    await this.#shut(slot);
    return slot.segment;
  }

  /** Closes everything, once the reads that had begun are through. */
  async close(): Promise<void> {
    await Promise.all([...this.#slots.keys()].map((k) => this.remove(k)));
  }
}
