// Reads parts of files that are written once and read in order: one read brings many parts, and its bytes are kept for a while.

import { type FileSystem, readPart } from './files.ts';

/** How many bytes a read brings that does not follow an earlier one. */
const FIRST = 8 * 1024;
/** How many bytes a read brings that goes on near an earlier one. */
const NEXT = 256 * 1024;
/** How many reads are kept: 4 MiB in all. */
const KEPT = 16;

interface Chunk {
  readonly file: string;
  readonly at: number;
  readonly bytes: Buffer;
}

const NOTHING = Buffer.alloc(0);

/** Reads files and keeps what was read recently. The bytes kept may be older than those in the file. */
export class ReadAhead {
  /** The reads that are kept, newest first. */
  #chunks: Chunk[] = [];

  constructor(private readonly files: FileSystem) {}

  /** The bytes of a file from `at` on, as far as one read is kept that has them; empty if there is none. */
  kept(file: string, at: number): Buffer {
    const chunk = this.#chunks.find((each) => within(each, file, at, each.bytes.length - 1));
    return chunk?.bytes.subarray(at - chunk.at) ?? NOTHING;
  }

  /** Reads at least `size` bytes of a file from `at` on; fewer if the file ends earlier. @throws the errno */
  async read(file: string, at: number, size: number): Promise<Buffer> {
    const goesOn = this.#chunks.some((each) => within(each, file, at, 2 * each.bytes.length));
    const most = Math.max(size, goesOn ? NEXT : FIRST);
    const bytes = await readPart(this.files, file, at, most);
    if (most <= NEXT) this.#chunks = [{ file, at, bytes }, ...this.#chunks.slice(0, KEPT - 1)];
    return bytes;
  }
}

const within = (chunk: Chunk, file: string, at: number, length: number): boolean =>
  chunk.file === file && at >= chunk.at && at <= chunk.at + length;
