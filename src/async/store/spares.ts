// Files prepared for the segments to come: written full of zeros and synced, so that a commit need not wait for the file system
// to find blocks, and so that what a full disk can still take is known. Made in the background; a full disk is no failure here.

import { type FileHandle, open, rename, stat, statfs, unlink } from 'node:fs/promises';
import path from 'node:path';
import type { Clock, Timer } from '../../trace/clock.ts';
import { type Disk, errnoOf, isFull, syncDirectory, writtenDurably } from './disk.ts';
import { asideName } from './segment.ts';

/** How many prepared files there should be: one to go on with, one as the reserve on a full disk. */
const SPARES = 2;

/** How long after the disk was full it is tried again. */
const PROBE_MS = 1000;

const CHUNK = Buffer.alloc(1024 * 1024);

/** A prepared file. */
export interface Spare {
  readonly path: string;
  readonly size: number;
}

/** What the spares need. */
export interface SparesOptions {
  readonly dir: string;
  readonly disk: Disk;
  readonly clock: Clock;
  /** Size of a segment. */
  readonly bytes: number;
  /** The disk failed while a spare was made, and not because it was full. */
  readonly failed: (error: unknown) => void;
  /** The number of spares or `full` changed. */
  readonly changed: () => void;
}

/** The prepared files of a journal. */
export class Spares {
  readonly #options: SparesOptions;
  readonly #ready: Spare[] = [];
  #waiter: { readonly bytes: number; readonly give: (spare: Spare | undefined) => void } | undefined;
  #making: Promise<void> | undefined;
  #probe: Timer | undefined;
  #stopped = false;
  #closing = false;
  #full = false;
  #free = Number.POSITIVE_INFINITY;

  constructor(options: SparesOptions) {
    this.#options = options;
  }

  /** Did the disk have no room when a spare was last made? */
  get full(): boolean {
    return this.#full;
  }

  /** What the disk could still take when a spare was last made, in bytes. */
  get free(): number {
    return this.#free;
  }

  /** Bytes in files that are ready. */
  get bytes(): number {
    return this.#ready.reduce((sum, spare) => sum + spare.size, 0);
  }

  get count(): number {
    return this.#ready.length;
  }

  /** Uses a spare that an earlier life left, if it is certain that it is whole and nothing else; else removes it. */
  async adopt(file: string): Promise<void> {
    // Under a name of one's own first: should two relays get this far at once, only one of them has the file.
    const own = path.join(this.#options.dir, asideName('spare'));
    try {
      await rename(file, own);
      const info = await stat(own);
      // A second name means that the file is a segment: the crash came between the two.
      if (
        info.isFile() &&
        info.nlink === 1 &&
        info.size === this.#options.bytes &&
        this.#ready.length < SPARES
      ) {
        this.#ready.push({ path: own, size: info.size });
      } else {
        await unlink(own);
      }
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }

  /**
   * A file for the first segment of a life. On a disk that is nearly full a smaller one must do.
   * @param least the bytes that it must have
   * @throws the error of the file system, also if the disk is full
   */
  async first(least: number): Promise<Spare> {
    const found = this.#takeReady(least);
    if (found !== undefined) return found;
    for (let size = Math.max(this.#options.bytes, least); ; size = Math.max(least, Math.ceil(size / 2))) {
      try {
        return await this.#make(size);
      } catch (error) {
        if (!isFull(error) || size === least) throw error;
      }
    }
  }

  /**
   * A file of at least `bytes`; on a full disk it waits until there is room. One caller at a time.
   * @returns undefined if `giveUp` was called and there is no room
   */
  take(bytes: number): Promise<Spare | undefined> {
    const found = this.#takeReady(bytes);
    if (found !== undefined) {
      this.fill();
      return Promise.resolve(found);
    }
    return new Promise((give) => {
      this.#waiter = { bytes, give };
      if (this.#closing && this.#full) this.#turnAway();
      else this.fill();
    });
  }

  /** From now on nobody waits for a full disk. */
  giveUp(): void {
    this.#closing = true;
    if (this.#full) this.#turnAway();
  }

  #turnAway(): void {
    this.#waiter?.give(undefined);
    this.#waiter = undefined;
  }

  #takeReady(bytes: number): Spare | undefined {
    const index = this.#ready.findIndex((spare) => spare.size >= bytes);
    return index === -1 ? undefined : this.#ready.splice(index, 1)[0];
  }

  /** Takes back the file of a segment that is gone: as a spare if one is missing, else it is deleted. Durable when it resolves. */
  async recycle(file: string, size: number): Promise<void> {
    const { dir, bytes } = this.#options;
    if (size === bytes && this.#ready.length < SPARES && !this.#stopped) {
      const to = path.join(dir, asideName('spare'));
      await rename(file, to);
      await syncDirectory(dir);
      this.#add({ path: to, size });
    } else {
      await unlink(file);
      await syncDirectory(dir);
    }
    this.fill();
  }

  /** Sees to it that spares are being made if some are missing. */
  fill(): void {
    if (this.#stopped || this.#making !== undefined || !this.#missing()) return;
    this.#probe?.cancel();
    this.#making = this.#fill();
  }

  #missing(): boolean {
    return this.#waiter !== undefined || this.#ready.length < SPARES;
  }

  async #fill(): Promise<void> {
    const { bytes, clock, changed, failed } = this.#options;
    try {
      while (!this.#stopped && this.#missing())
        this.#add(await this.#make(Math.max(bytes, this.#waiter?.bytes ?? 0)));
    } catch (error) {
      if (this.#stopped) return;
      if (!isFull(error)) return failed(error);
      this.#full = true;
      if (this.#closing) return this.#turnAway();
      this.#probe = clock.after(PROBE_MS, () => this.fill());
      changed();
    } finally {
      this.#making = undefined;
    }
  }

  #add(spare: Spare): void {
    const waiter = this.#waiter;
    if (waiter !== undefined && spare.size >= waiter.bytes) {
      this.#waiter = undefined;
      waiter.give(spare);
    } else {
      this.#ready.push(spare);
    }
    if (this.#ready.length >= SPARES) this.#full = false;
    this.#options.changed();
  }

  async #make(size: number): Promise<Spare> {
    const { dir, disk } = this.#options;
    this.#free = await freeBytes(dir);
    // Not even tried: to fill the last of a disk every second would help nobody.
    if (this.#free < size)
      throw Object.assign(new Error('no space left on the disk for another segment'), { code: 'ENOSPC' });
    const file = path.join(dir, asideName('new'));
    const handle = await open(file, 'wx', 0o600);
    try {
      await this.#zero(handle, disk, size);
      await handle.sync();
      await handle.close();
    } catch (error) {
      await handle.close().catch(() => undefined);
      await unlink(file).catch(() => undefined);
      throw error;
    }
    this.#free -= size;
    const ready = path.join(dir, asideName('spare'));
    await rename(file, ready);
    return { path: ready, size };
  }

  // Really written: a file that was only made longer has no blocks yet, and a full disk would show when it is too late.
  async #zero(handle: FileHandle, disk: Disk, size: number): Promise<void> {
    for (let at = 0; at < size; at += CHUNK.length) {
      if (this.#stopped) throw new Error('stopped');
      await writtenDurably(disk, handle.fd, CHUNK.subarray(0, Math.min(CHUNK.length, size - at)), at);
    }
  }

  /** Stops making spares; resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#probe?.cancel();
    await this.#making;
  }
}

// What an ordinary user may still write. Where the system cannot say, writing will show.
async function freeBytes(dir: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(dir);
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
