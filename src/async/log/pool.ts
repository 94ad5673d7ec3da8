// Files that are allocated and hold nothing: from them segments and checkpoints are made. What they take of the disk is the log's already,
// so no other program can take it away, and a commit need not wait until the file system has found blocks for it.

import { noRoom, withFile, writeInto, writeZeros } from '../../core/files.ts';
import { match, sizeOf } from '../../core/match.ts';
import type { Folder } from './files.ts';
import { COMMIT_HEADER, encodeFileHeader, randomToken, sparePath } from './format.ts';
import type { LogId, Lsn } from './log.ts';
import { SegmentFile } from './segments.ts';

/** A free file, and its size in bytes, all of them allocated. */
export type FreeFile = { readonly path: string; readonly size: number };

/** The free files of a log. */
export class Pool {
  /** Smallest first. */
  #free: FreeFile[] = [];
  /** The sizes that should be there, the most urgent first. */
  #wanted: readonly number[] = [];
  /** Files are made one after the other: what one gives up for the room must not be what another looks for. */
  #turn: Promise<unknown> = Promise.resolve();
  /** What is wanted is being made. */
  making: Promise<void> | undefined;

  constructor(readonly folder: Folder) {}

  /** Adds a file. It must be durable that no segment or checkpoint has its name. */
  add(file: FreeFile): void {
    this.#free.push(file);
    this.#free.sort((a, b) => a.size - b.size);
    this.folder.changed();
  }

  /** Is there a file for each of these sizes? */
  covers = (sizes: readonly number[]): boolean => match(sizes, this.#free).missing === undefined;

  /** Takes the smallest file of at least `size` bytes that leaves one for each of the sizes to keep, if there is one. */
  take(size: number, keep: readonly number[] = []): FreeFile | undefined {
    const index = this.#free.findIndex(
      (file, at) => file.size >= size && match(keep, this.#free.toSpliced(at, 1)).missing === undefined,
    );
    return index === -1 ? undefined : this.#free.splice(index, 1)[0];
  }

  /** As `take`, or makes a file; if that fails, one that was to be kept will do. @throws the errno of the file system */
  make(size: number, keep: readonly number[] = []): Promise<FreeFile> {
    const kept = async (error: unknown): Promise<FreeFile> => this.take(size) ?? Promise.reject(error);
    // In its turn: one that was just being made may do.
    return this.#inTurn(async () => this.take(size, keep) ?? (await this.#allocate(size).catch(kept)));
  }

  /** A file that takes no room on the disk yet: writing into it may fail for lack of room. @throws the errno of the file system */
  blank = (size: number): Promise<FreeFile> => this.#create(size, size - COMMIT_HEADER, 'new');

  /** Says which sizes should be there, the most urgent first. What is missing is made in the background. @returns is everything there? */
  want(sizes: readonly number[]): boolean {
    this.#wanted = sizes;
    if (this.covers(sizes)) return true;
    if (this.folder.active) this.making ??= this.#makeMissing();
    return false;
  }

  async #makeMissing(): Promise<void> {
    const { folder } = this;
    // Looked up anew each time: a file that came back may be all that was missing.
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
    // More may have been asked for after the last look.
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
    // To fill the last of a disk again and again would help nobody.
    if (room + sizeOf(left) < size) throw noRoom();
    // What nobody wants goes only now: until then a checkpoint of today may have needed it.
    if (room < size) await this.remove(left);
    // Really written: a file that was only made longer has no blocks, and a full disk would show when it is too late.
    return await this.#create(size, 0, 'free');
  }

  // @param from zeros are written from here to the end
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

  /** Makes free files of segments or checkpoints. Their names must be durable before anything is written into them. */
  async recycle(gone: readonly FreeFile[]): Promise<void> {
    const { folder } = this;
    const free = gone.map(({ path: from, size }) => ({ from, path: sparePath(folder.dir, 'free'), size }));
    await folder.rename(...free.map(({ from, path: to }) => [from, to] as const));
    for (const file of free) this.add(file);
    await this.#trim();
  }

  // Removes the files that nobody wants, once everything is there that is wanted.
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

/** Makes the last segment of a free file: its header is durable before it has the name, and the name before a commit is written into it. */
export async function claim(folder: Folder, list: SegmentFile[], free: FreeFile, lsn: Lsn, id: LogId) {
  const header = { ...id, kind: 'SEGMENT', lsn, extent: free.size, salt: randomToken() } as const;
  const bytes = Buffer.concat([encodeFileHeader(header), Buffer.alloc(COMMIT_HEADER)]);
  const segment = new SegmentFile(folder.dir, header);
  await folder.patiently(() => writeInto(folder.files.open(free.path, 'write'), bytes, 0));
  await folder.rename([free.path, segment.path]);
  list.push(segment);
  return segment;
}
