// Entries made ready to be written: each its header line as text and its body as it came, nothing copied yet. So that a value that
// breaks the grammar is found while the caller is still there, and the size of a commit is known before its buffer is made.
// Where they are written is decided in writer.ts.

import { type JournalEntry, recordLine } from './record.ts';

/** What is written for one record: its header line and, for a message, the body, which a newline follows. */
export interface Piece {
  readonly line: string;
  readonly body: Buffer | undefined;
}

/** The bytes of a piece in a commit. */
export function pieceLength(piece: Piece): number {
  return piece.line.length + (piece.body === undefined ? 0 : piece.body.length + 1);
}

/**
 * Makes entries ready.
 * @returns one piece for each, and the sum of their lengths
 * @throws RangeError if a value would break the grammar: a defect of the caller
 */
export function piecesOf(entries: readonly JournalEntry[]): {
  readonly pieces: readonly Piece[];
  readonly bytes: number;
} {
  let bytes = 0;
  const pieces = entries.map((entry) => {
    const piece: Piece = { line: recordLine(entry), body: entry.kind === 'send' ? entry.body : undefined };
    bytes += pieceLength(piece);
    return piece;
  });
  return { pieces, bytes };
}
