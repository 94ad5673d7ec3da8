// Tells a merge in lines of text, for plain output: the rows of the diagram (rows.ts), each as one line that needs no picture. Pure.
//
//     alice: pid 4711
//     bob: pid 4720, listens on port 4101
//     0.6 ms, alice -> bob: SEND 6f-1 size=5 (sent at 0.5 ms)
//     0.8 ms, bob: shown 6f-1

import { lanesIn } from './lanes.ts';
import type { Merged } from './merge.ts';
import { NOBODY } from './names.ts';
import { listenerOf, pidOf, type Row, type RowOptions, rowsOf, zeroOf } from './rows.ts';

/** What to tell. */
export interface PlainOptions extends RowOptions {
  /** Names that are always told of, in this order, even if no such process ever ran. */
  readonly lanes?: readonly string[] | undefined;
  /** The actor whose first event is time 0. Earlier events have negative times. Default: the first row. */
  readonly zero?: string | undefined;
}

/** A merge as text. */
export interface PlainDiagram {
  /** A line for each actor: its pid and port, or that it was not there. */
  readonly heading: readonly string[];
  /** A line for each row of the diagram, with the same facts. */
  readonly rows: readonly string[];
}

/** Tells a merge in lines of any length. */
export function plainDiagram(merged: Merged, options: PlainOptions = {}): PlainDiagram {
  const drawn = rowsOf(merged, options);
  const zero = zeroOf(merged, drawn, options.zero);
  let at = options.zero === undefined ? 0 : Number.NEGATIVE_INFINITY;
  const rows = drawn.map((row) => {
    // As in the diagram, no row is earlier than the one before it.
    at = Math.max(at, row.at - zero);
    return `${time(at)}, ${textOf(row, at, zero)}`;
  });
  const names = new Set([...(options.lanes ?? []), ...drawn.flatMap(lanesIn)]);
  return { heading: [...names].map((name) => headingOf(merged, name)), rows };
}

const time = (ms: number): string => `${ms.toFixed(1)} ms`;

function headingOf(merged: Merged, name: string): string {
  const pid = pidOf(merged, name);
  const port = listenerOf(merged, name);
  if (pid !== undefined) return `${name}: pid ${pid}${port === undefined ? '' : `, listens on port ${port}`}`;
  if (name === NOBODY) return `${name}: a peer whose name is not known`;
  const named = merged.events.some(({ recorded }) => 'fields' in recorded && recorded.fields.as === name);
  return named ? `${name}: no log of it is here` : `${name}: not there`;
}

function textOf(row: Row, at: number, zero: number): string {
  const text = row.long[0] ?? row.short[0] ?? '';
  switch (row.kind) {
    case 'mark':
      // Who begins is in the text: `new bob comes, pid 4711`.
      return row.mark === 'begins' ? text : `${row.lane}: ${text}`;
    case 'cable': {
      const recorded = row.placed[0]?.recorded;
      if (recorded?.event !== 'arriving') return `between ${row.from} and ${row.to}: ${text}`;
      const { have, size } = recorded;
      return `${row.to} has read ${have} of ${size} bytes from ${row.from} (${Math.floor((100 * have) / size)}%)`;
    }
    case 'arrow':
      return `${row.from} -> ${row.to}: ${[text, ...noteOf(row, text)].join(', ')}${knownBy(row, at, zero)}`;
  }
}

// A note that is not in the text, as `attempt 2` is in `attempt=2`.
const noteOf = ({ note: [note = ''] }: Row & { readonly kind: 'arrow' }, text: string): string[] =>
  note === '' || text.includes(note.replace(' ', '=')) ? [] : [note];

// In the diagram the line itself shows how an arrow is known.
function knownBy(
  { known, head, placed }: Row & { readonly kind: 'arrow' },
  at: number,
  zero: number,
): string {
  if (known === 'socket') return ' (seen on the socket only)';
  if (known !== 'both') return known === 'sent' ? ' (sent)' : ' (arrived)';
  const sent = time((placed[0]?.at ?? zero) - zero);
  return head && sent !== time(at) ? ` (sent at ${sent})` : '';
}
