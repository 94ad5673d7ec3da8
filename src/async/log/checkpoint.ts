// Checkpoints: the owner's state as of one LSN in a file of its own, so that opening does not replay everything. This file does not know what
// the state means. README.md draws the format.

import { type OpenFile, withFile, writeAll } from '../../core/files.ts';
import { damagedJournal } from '../../errors/journal.ts';
import type { Folder } from './files.ts';
import type { FileHeader } from './format.ts';
import * as format from './format.ts';
import { type LogId, type Lsn, MAX_CHUNK, type Owner, type Snapshot } from './log.ts';

/** A complete checkpoint under its final name. */
export interface Checkpoint extends LogId {
  /** The LSN as of which the state was taken. */
  readonly lsn: Lsn;
  /** The number of the first commit after it. */
  readonly next: number;
  /** The segments that its state points into, by their first LSN. */
  readonly segments: ReadonlySet<Lsn>;
  readonly path: string;
  /** The size of the file, in bytes. */
  readonly size: number;
}

/** Writes a checkpoint into an open file, durably. @throws RangeError if a chunk is larger than `MAX_CHUNK`; the errno of the file system */
export async function writeCheckpoint(to: OpenFile, header: FileHeader, state: Snapshot): Promise<void> {
  const seed = format.seedOf(header.salt);
  let at = format.FILE_HEADER;
  let index = 0;
  const put = async (bytes: Uint8Array): Promise<void> => {
    if (bytes.length > MAX_CHUNK) throw new RangeError(`a chunk has at most ${MAX_CHUNK} bytes`);
    const piece = Buffer.concat([Buffer.alloc(format.RECORD_HEADER), bytes]);
    piece.writeUInt32LE(bytes.length, 4);
    piece.writeUInt32LE(format.checkOf(piece, index++, seed), 0);
    await writeAll(to, piece, at);
    at += piece.length;
  };
  await writeAll(to, format.encodeFileHeader(header), 0);
  await put(Buffer.from(state.segments.join(',')));
  // An empty chunk marks the end.
  for await (const chunk of state.chunks) if (chunk.length > 0) await put(chunk);
  await put(Buffer.alloc(0));
}

/**
 * Reads the checkpoint of an LSN: its header, and as much of the state as the owner draws. @param id the log that it must belong to
 * @throws DetourError `damaged_journal` if a part is not intact, `new_journal`; the errno of the file system; what the owner throws
 */
export async function readCheckpoint(
  { dir, files }: Pick<Folder, 'dir' | 'files'>,
  lsn: Lsn,
  id?: LogId,
  owner?: Pick<Owner, 'restore'>,
): Promise<Checkpoint> {
  const file = format.filePath(dir, lsn, 'checkpoint');
  return await withFile(files.open(file, 'read'), async (open) => {
    const first = Buffer.alloc(format.FILE_HEADER);
    await open.read(first, 0);
    const header = format.readFileHeader(first, 'CHECKPOINT');
    if (typeof header === 'string') throw damagedJournal(file, 0, header);
    const { store, key, salt, extent: next } = header;
    if (header.lsn !== lsn || store !== (id?.store ?? store))
      throw damagedJournal(file, 0, 'it is the checkpoint of another LSN or journal');
    const chunks = pieces(open, file, format.seedOf(salt));
    const list: string = (await chunks.next()).value?.toString('latin1') ?? '';
    await owner?.restore({ store, key }, chunks);
    const segments = new Set(list.split(',').filter(Boolean).map(Number));
    return { lsn, next, segments, path: file, size: await open.size(), store, key };
  });
}

// The first chunk is the list of segments. It alone may be empty without being the end.
async function* pieces(open: OpenFile, file: string, seed: number): AsyncGenerator<Buffer, undefined> {
  let at = format.FILE_HEADER;
  for (let index = 0; ; index++) {
    const head = Buffer.alloc(format.RECORD_HEADER);
    await open.read(head, at);
    const size = head.readUInt32LE(4);
    const piece = Buffer.alloc(format.RECORD_HEADER + Math.min(size, MAX_CHUNK));
    const read = await open.read(piece, at);
    if (read < piece.length || !format.recordIntact(piece, index, seed))
      throw damagedJournal(file, at, `chunk ${index} of the checkpoint is not intact`);
    if (size === 0 && index > 0) return undefined;
    yield piece.subarray(format.RECORD_HEADER);
    at += piece.length;
  }
}
