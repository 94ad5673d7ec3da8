// Going on to a new segment: a prepared file becomes the newest of the journal. How that is made durable is segment.ts.
// What is written to it is none of its business.

import { open } from 'node:fs/promises';
import path from 'node:path';
import { MAX_LINE } from '../../wire/frame.ts';
import { END_MARK } from './commit.ts';
import type { Disk } from './disk.ts';
import type { Files } from './files.ts';
import { alreadyTaken, beginSegment, hasName, randomToken, segmentName } from './segment.ts';
import type { Spare, Spares } from './spares.ts';
import type { Active } from './writer.ts';

/** Begins segments. */
export class Roller {
  readonly #dir: string;
  readonly #disk: Disk;
  readonly #files: Files;
  readonly #spares: Spares;
  readonly #token: string;

  /** @param token of the journal */
  constructor(options: { dir: string; disk: Disk; files: Files; spares: Spares; token: string }) {
    this.#dir = options.dir;
    this.#disk = options.disk;
    this.#files = options.files;
    this.#spares = options.spares;
    this.#token = options.token;
  }

  /**
   * The first segment of a life.
   * @param first the number of its first commit
   * @throws DetourError `locked` if another relay begins it, too; the error of the file system
   */
  async firstOf(spare: Spare, first: number): Promise<Active> {
    const active = await this.#begin(spare, first);
    if (active === undefined) throw alreadyTaken(this.#dir);
    return active;
  }

  /**
   * The next segment.
   * @param first the number of its first commit
   * @param room bytes of commits that must fit
   * @returns undefined if there is no room and the journal is being closed
   */
  async next(first: number, room: number): Promise<Active | undefined> {
    for (;;) {
      const spare = await this.#spares.take(fileSize(room));
      if (spare === undefined) return undefined;
      const active = await this.#begin(spare, first);
      // The prepared file may have been removed by hand; another one will do.
      if (active !== undefined) return active;
    }
  }

  async #begin(spare: Spare, first: number): Promise<Active | undefined> {
    const k = (this.#files.newest ?? 0) + 1;
    const header = { k, salt: randomToken(), first, oldest: this.#files.oldest ?? k, token: this.#token };
    const start = await beginSegment(this.#disk, this.#dir, spare.path, header);
    if (start === undefined) return undefined;
    const file = path.join(this.#dir, segmentName(k));
    const handle = await open(file, 'r+');
    const segment = { header, path: file, start, size: spare.size };
    this.#files.add(segment);
    return { segment, handle, named: hasName(handle, file) };
  }
}

/** The size of a segment for so many bytes of commits: its header and the mark behind it come on top. */
export function fileSize(room: number): number {
  return MAX_LINE + END_MARK + room;
}
