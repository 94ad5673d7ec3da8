// Rows of text in columns, or one below the other in plain output.

import { plainRow } from '../../core/plain.ts';
import { isPlainOutput } from './output.ts';

/** Rows as lines, each column as wide as its widest cell. @param head the titles, in the first row */
export function tableLines(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (isPlainOutput()) return rows.map((row) => plainRow(head, row));
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
