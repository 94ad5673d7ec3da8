// Files that are allocated and hold nothing: from them segments and checkpoints are made. What they take of the disk is the log's already,
// so no other program can take it away, and a commit need not wait until the file system has found blocks for it.

import { type Folder, noRoom, writeAll } from './files.ts';
import { COMMIT_HEADER, encodeFileHeader, randomToken, spareName } from './format.ts';
import type { LogId, Lsn } from './log.ts';
import { SegmentFile } from './segments.ts';

/** A free file, and its size in bytes, all of them allocated. */
export type FreeFile = { readonly path: string; readonly size: number };

const ZEROS = Buffer.alloc(1024 * 1024);

/** The free files of a log. */
export class Pool {
  /** Smallest first. */
  #free: FreeFile[] = [];
  /** The sizes that should be there, largest first. */
  #wanted: readonly number[] = [];
  /** A file is being made. */
  making: Promise<void> | undefined;

  constructor(readonly folder: Folder) {}

  /** What they take of the disk, in bytes. */
  get size(): number {
    return this.#free.reduce((sum, { size }) => sum + size, 0);
  }

  /** Adds a file. It must be durable that no segment or checkpoint has its name. */
  add(file: FreeFile): void {
    this.#free.push(file);
    this.#free.sort((a, b) => a.size - b.size);
    this.folder.changed();
  }

  /** Takes the smallest file of at least `size` bytes that leaves one for each of the sizes to keep, if there is one. */
  take(size: number, keep: readonly number[] = []): FreeFile | undefined {
    const others = (index: number): number[] => this.#free.toSpliced(index, 1).map((file) => file.size);
    const index = this.#free.findIndex(
      (file, at) => file.size >= size && missing(keep, others(at)) === undefined,
    );
    return index === -1 ? undefined : this.#free.splice(index, 1)[0];
  }

  /** Says which sizes should be there. What is missing is made in the background. @returns is everything there? */
  want(sizes: readonly number[]): boolean {
    this.#wanted = [...sizes].sort((a, b) => b - a);
    if (this.#missing() === undefined) return true;
    if (this.folder.active) this.making ??= this.#make();
    return false;
  }

  #missing(): number | undefined {
    return missing(
      this.#wanted,
      this.#free.map(({ size }) => size),
    );
  }

  async #make(): Promise<void> {
    const { folder } = this;
    // Looked up anew each time: a file that came back may be all that was missing.
    const next = async (): Promise<FreeFile | undefined> => {
      const size = folder.active ? this.#missing() : undefined;
      if (size === undefined) return undefined;
      // Files that are too small for anything give their room to one that is large enough.
      await this.trim();
      return await allocate(folder, size);
    };
    try {
      for (let file = await folder.patiently(next); file; file = await folder.patiently(next)) this.add(file);
    } catch (error) {
      folder.failed(error);
    } finally {
      this.making = undefined;
    }
    // More may have been asked for after the last look.
    this.want(this.#wanted);
  }

  /** Removes the files that nobody wants. */
  async trim(): Promise<void> {
    const kept = this.#wanted.flatMap((size) => this.take(size) ?? []);
    const surplus = this.#free;
    this.#free = kept.sort((a, b) => a.size - b.size);
    for (const { path: file } of surplus) await this.folder.files.unlink(file);
  }
}

// The largest of the sizes for which there is no file. @param wanted largest first. @param left sizes of files, smallest first
function missing(wanted: readonly number[], left: readonly number[]): number | undefined {
  const files = [...left];
  return wanted.find((size) => {
    const index = files.findIndex((file) => file >= size);
    return index === -1 || files.splice(index, 1).length === 0;
  });
}

/** Makes a free file. @throws the errno of the file system */
export async function allocate(folder: Folder, size: number): Promise<FreeFile> {
  const { files } = folder;
  // To fill the last of a disk again and again would help nobody.
  if ((await folder.free()) < size) throw noRoom();
  folder.check();
  const made = folder.path(spareName('new'));
  const free = folder.path(spareName('free'));
  const file = await files.open(made, 'create');
  try {
    // Really written: a file that was only made longer has no blocks, and a full disk would show when it is too late.
    for (let at = 0; at < size; at += ZEROS.length)
      await writeAll(file, ZEROS.subarray(0, Math.min(ZEROS.length, size - at)), at);
    await file.close();
    await files.rename(made, free);
    return { path: free, size };
  } catch (error) {
    await file.close().catch(() => undefined);
    await files.unlink(made).catch(() => undefined);
    throw error;
  }
}

/** Makes a segment of a free file: its header is durable before it has the name, and the name before a commit is written into it. */
export async function claim(folder: Folder, free: FreeFile, lsn: Lsn, id: LogId): Promise<SegmentFile> {
  const header = { ...id, kind: 'SEGMENT', lsn, extent: free.size, salt: randomToken() } as const;
  const bytes = Buffer.concat([encodeFileHeader(header), Buffer.alloc(COMMIT_HEADER)]);
  const segment = new SegmentFile(folder.dir, header);
  const file = await folder.patiently(() => folder.files.open(free.path, 'write'));
  await folder.patiently(() => writeAll(file, bytes, 0)).finally(() => file.close());
  await folder.rename([free.path, segment.path]);
  return segment;
}
