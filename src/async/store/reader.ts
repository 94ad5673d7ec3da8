// Reading messages back while the journal is written: from memory if they are still there, else from their segment, checked.
// It writes nothing.

import path from 'node:path';
import { diskError } from './disk.ts';
import type { Files } from './files.ts';
import { Recent } from './recent.ts';
import { bodyOf } from './record.ts';
import { damaged } from './recover.ts';
import { segmentName } from './segment.ts';
import type { Ref } from './store.ts';

/** How many bytes of recent commits stay in memory. */
const RECENT_BYTES = 16 * 1024 * 1024;

/** So much is read at once when a message is read back: those behind it are asked for next. */
const READ_AHEAD = 128 * 1024;

/** Reads messages of a running journal. */
export class Reader {
  readonly #dir: string;
  readonly #files: Files;
  readonly #recent = new Recent(RECENT_BYTES);

  constructor(dir: string, files: Files) {
    this.#dir = dir;
    this.#files = files;
  }

  /** A commit has been written. */
  written(segment: number, offset: number, bytes: Buffer): void {
    this.#recent.add(segment, offset, bytes);
  }

  /** A body that is in memory. */
  recent(ref: Ref): Buffer | undefined {
    return this.#recent.body(ref);
  }

  /**
   * Reads a body back.
   * @param limit how far the segment holds what was written to it, and not what was in the file before: no further is read ahead
   * @throws DetourError `damaged`, or the errno of the file system
   */
  async read({ segment, offset, length }: Ref, limit: number): Promise<Buffer> {
    const file = this.#files.get(segment)?.path ?? path.join(this.#dir, segmentName(segment));
    let bytes: Buffer | undefined;
    try {
      bytes = await this.#files.read(segment, offset, Math.max(length, Math.min(READ_AHEAD, limit - offset)));
    } catch (error) {
      throw diskError(error, `the journal's file ${file} cannot be read at byte ${offset}`);
    }
    if (bytes === undefined) throw damaged(file, offset, 'the file is gone');
    const body = bytes.length < length ? undefined : bodyOf(bytes.subarray(0, length));
    if (body === undefined)
      throw damaged(file, offset, 'the message that lies there is not what was written');
    this.#recent.addRead(segment, offset, bytes);
    return body;
  }
}
