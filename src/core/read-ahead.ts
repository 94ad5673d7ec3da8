// Reads parts of files that are written once and read in order: one read brings many parts, and what it brought is kept for a while.

import { type FileSystem, readPart } from './files.ts';

/** Bytes that one read brings: the first of a file, and one that goes on where another was. */
const FIRST = 8 * 1024;
const NEXT = 256 * 1024;
/** So many reads are kept, 4 MiB in all. */
const KEPT = 16;

interface Chunk {
  readonly file: string;
  readonly at: number;
  readonly bytes: Buffer;
}

const NOTHING = Buffer.alloc(0);

/** Files, and what was read of them lately. What is kept may be older than what is in the file. */
export class ReadAhead {
  /** The newest first. */
  #chunks: Chunk[] = [];

  constructor(private readonly files: FileSystem) {}

  /** What is kept of a file from `at` on, in one piece; empty if nothing is. */
  kept(file: string, at: number): Buffer {
    const chunk = this.#chunks.find((each) => within(each, file, at, each.bytes.length - 1));
    return chunk?.bytes.subarray(at - chunk.at) ?? NOTHING;
  }

  /** Reads at least `size` bytes of a file from `at` on; fewer if it ends before. @throws the errno */
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
