// Free files: allocated, without content. Segments and checkpoints are made from them. Their room on the disk already belongs to the log,
// so no other program can take it away, and a commit need not wait until the file system has found blocks for it.

import { noRoom, withFile, writeInto, writeZeros } from '../../core/files.ts';
import { match, sizeOf } from '../../core/match.ts';
import type { Folder } from './files.ts';
import { COMMIT_HEADER, encodeFileHeader, randomToken, sparePath } from './format.ts';
import type { LogId, Lsn } from './log.ts';
import { SegmentFile } from './segments.ts';

/** A free file and its size in bytes, all of which are allocated. */
export type FreeFile = { readonly path: string; readonly size: number };

/** The free files of a log. */
export class Pool {
  /** The free files, smallest first. */
  #free: FreeFile[] = [];
  /** The sizes of the files that should be there, the most urgent first. */
  #wanted: readonly number[] = [];
  /** Files are made one after the other: one call may remove files to get room, and another must not count on them. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Pending while missing files are being made. */
  making: Promise<void> | undefined;

  constructor(readonly folder: Folder) {}

  /** Adds a free file. Its name must be durable: after a crash it must not be taken for a segment or a checkpoint. */
  add(file: FreeFile): void {
    this.#free.push(file);
    this.#free.sort((a, b) => a.size - b.size);
    this.folder.changed();
  }

  /** Is there a free file for each of these sizes? */
  covers = (sizes: readonly number[]): boolean => match(sizes, this.#free).missing === undefined;

  /** Takes the smallest file of at least `size` bytes, so that one is left for each size in `keep`; undefined if there is none. */
  take(size: number, keep: readonly number[] = []): FreeFile | undefined {
    const index = this.#free.findIndex(
      (file, at) => file.size >= size && match(keep, this.#free.toSpliced(at, 1)).missing === undefined,
    );
    return index === -1 ? undefined : this.#free.splice(index, 1)[0];
  }

  /** Takes a file as `take` does, or makes one. If that fails, it takes one that was to be kept. @throws the errno of the file system */
  make(size: number, keep: readonly number[] = []): Promise<FreeFile> {
    const kept = async (error: unknown): Promise<FreeFile> => this.take(size) ?? Promise.reject(error);
    // It waits its turn, because a file that is just being made may fit.
    return this.#inTurn(async () => this.take(size, keep) ?? (await this.#allocate(size).catch(kept)));
  }

  /** Makes a file whose room on the disk is not allocated yet: writing into it may fail for lack of room. @throws the errno of the file system */
  blank = (size: number): Promise<FreeFile> => this.#create(size, size - COMMIT_HEADER, 'new');

  /** Sets the sizes that should be there, the most urgent first. What is missing is made in the background. @returns is everything there? */
  want(sizes: readonly number[]): boolean {
    this.#wanted = sizes;
    if (this.covers(sizes)) return true;
    if (this.folder.active) this.making ??= this.#makeMissing();
    return false;
  }

  async #makeMissing(): Promise<void> {
    const { folder } = this;
    // Checked again each time: a recycled file may have filled the need.
    const one = async (): Promise<boolean> => {
      const { missing } = match(this.#wanted, this.#free);
      if (missing === undefined || !folder.active) return false;
      this.add(await this.#allocate(missing));
      return true;
    };
    try {
      while (await folder.patiently(() => this.#inTurn(one)));
      await this.#trim();
    } catch (error) {
      folder.failed(error);
    } finally {
      this.making = undefined;
    }
    // More may have been requested after the last check.
    this.want(this.#wanted);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #allocate(size: number): Promise<FreeFile> {
    const { folder } = this;
    const room = await folder.free();
    const { left } = match(this.#wanted, this.#free);
    // Fail before writing: filling the rest of the disk again and again would help nobody.
    if (room + sizeOf(left) < size) throw noRoom();
    // Files that nobody wants are removed only now, because a checkpoint might still have used them.
    if (room < size) await this.remove(left);
    // Zeros are really written: a file that is only made longer has no blocks, and a full disk would be noticed too late.
    return await this.#create(size, 0, 'free');
  }

  // @param from the offset from which zeros are written, up to the end
  async #create(size: number, from: number, kind: 'free' | 'new'): Promise<FreeFile> {
    const { folder } = this;
    const { files, dir } = folder;
    folder.check();
    const [made, path] = [sparePath(dir, 'new'), sparePath(dir, kind)];
    try {
      await withFile(files.open(made, 'create'), (file) => writeZeros(file, from, size));
      await files.rename(made, path);
    } catch (error) {
      await files.unlink(made).catch(() => undefined);
      throw error;
    }
    folder.used += size;
    return { path, size };
  }

  /** Turns segments or checkpoints into free files. Their new names are durable before anything is written into them. */
  async recycle(gone: readonly FreeFile[]): Promise<void> {
    const { folder } = this;
    const free = gone.map(({ path: from, size }) => ({ from, path: sparePath(folder.dir, 'free'), size }));
    await folder.rename(...free.map(({ from, path: to }) => [from, to] as const));
    for (const file of free) this.add(file);
    await this.#trim();
  }

  // Once everything that is wanted is there, removes the files that nobody wants.
  async #trim(): Promise<void> {
    const { missing, left } = match(this.#wanted, this.#free);
    if (missing === undefined) await this.remove(left);
  }

  /** Removes files of the log, free or just taken. @throws the errno of the file system */
  async remove(files: readonly FreeFile[]): Promise<void> {
    this.#free = this.#free.filter((file) => !files.includes(file));
    for (const { path, size } of files) {
      await this.folder.files.unlink(path);
      this.folder.used -= size;
    }
  }
}

/** Turns a free file into the last segment. Its header is durable before it gets its name, and the name before a commit is written into it. */
export async function claim(folder: Folder, list: SegmentFile[], free: FreeFile, lsn: Lsn, id: LogId) {
  const header = { ...id, kind: 'SEGMENT', lsn, extent: free.size, salt: randomToken() } as const;
  const bytes = Buffer.concat([encodeFileHeader(header), Buffer.alloc(COMMIT_HEADER)]);
  const segment = new SegmentFile(folder.dir, header);
  await folder.patiently(() => writeInto(folder.files.open(free.path, 'write'), bytes, 0));
  await folder.rename([free.path, segment.path]);
  list.push(segment);
  return segment;
}
