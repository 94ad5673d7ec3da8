// One row of a diagram: the terminal's row, drawn with lines. Places are in columns of text, as in the terminal. Colour says nothing that
// the text or the shape does not say.

import { visible } from '../../../core/visible.ts';
import { widthOf } from '../../../core/width.ts';
import { type Life, labelOf } from '../../../trace/diagram.ts';
import type { MarkName } from '../../../trace/rows.ts';
import { factsOf } from '../facts.ts';
import type { DrawnRow, Half } from '../half.ts';

interface RowProps {
  readonly drawn: DrawnRow;
  readonly half: Half;
  /** The place of the row, from 0. */
  readonly index: number;
  readonly count: number;
  /** The time that is shown, on the board's axis. */
  readonly at: number;
  readonly active: boolean;
}

/** The id of the element of a row. */
export const rowId = (half: Half, key: string): string => `row-${half.route}-${key}`;

// U+FE0E asks for a plain character instead of a coloured picture.
const GLYPHS: Readonly<Record<MarkName, string>> = {
  begins: '┬',
  killed: '✖\ufe0e',
  gone: '┴',
  shown: '■',
  stored: '■',
  frozen: '❄\ufe0e',
  thawed: '│',
  rung: '+',
  verdict: '=',
  trouble: '!',
};

/** How a mark is coloured: like the terminal's. */
const COLOURS: Readonly<Partial<Record<MarkName, string>>> = {
  killed: 'bad',
  trouble: 'bad',
  shown: 'good',
  stored: 'good',
  frozen: 'cold',
  verdict: 'strong',
};

/** A row. */
export function RowView({ drawn, half, index, count, at, active }: RowProps) {
  const { row, key } = drawn;
  return (
    <div
      class={active ? 'row active' : 'row'}
      role="option"
      tabIndex={-1}
      id={rowId(half, key)}
      aria-selected={active}
      aria-setsize={count}
      aria-posinset={index + 1}
      data-testid="row"
      data-key={key}
      style={{ '--row': index }}
    >
      <span class="unseen">{`${drawn.time} ms, ${factsOf(drawn).title}`}</span>
      <span aria-hidden="true">
        <span class="time">{drawn.time}</span>
        {half.lanes.map(({ name, column }) => (
          <i
            key={name}
            class={`life ${LIVES[drawn.lives.get(name) ?? 'before']}`}
            style={{ left: `${column}ch` }}
          />
        ))}
        {row.kind === 'mark' ? <Mark drawn={drawn} half={half} /> : null}
        {row.kind === 'cable' ? <Cable drawn={drawn} half={half} /> : null}
        {row.kind === 'arrow' ? <Arrow drawn={drawn} half={half} at={at} /> : null}
      </span>
    </div>
  );
}

const LIVES: Readonly<Record<Life, string>> = {
  before: 'before',
  alive: 'alive',
  frozen: 'frozen',
  ended: 'ended',
};

type PartProps = Pick<RowProps, 'drawn' | 'half'>;

const columnOf = (half: Half, name: string): number => half.layout.columns.get(name) ?? 0;

function Mark({ drawn: { row }, half }: PartProps) {
  if (row.kind !== 'mark') return null;
  const label = labelOf(row, half.layout);
  const column = columnOf(half, row.lane);
  const text = visible(label.text);
  const left = label.left === true ? column - 1 - widthOf(text) : column + 2;
  const colour = COLOURS[row.mark] ?? '';
  return (
    <>
      <b
        class={
          row.mark === 'begins' || row.mark === 'gone' || row.mark === 'thawed'
            ? 'mark line'
            : `mark ${colour}`
        }
        style={{ left: `${column}ch` }}
      >
        {GLYPHS[row.mark]}
      </b>
      <span class={`text ${colour}`} style={{ left: `${left}ch` }}>
        {text}
      </span>
    </>
  );
}

const MANY = 200;

function Cable({ drawn: { row }, half }: PartProps) {
  if (row.kind !== 'cable') return null;
  const label = labelOf(row, half.layout);
  const [from, to] = [columnOf(half, row.from), columnOf(half, row.to)];
  const style = { left: `${Math.min(from, to) + 1}ch`, width: `${Math.abs(to - from) - 1}ch` };
  return (
    <span class={row.sign === '×' ? 'cable bad' : 'cable cold'} style={style}>
      <span class="fill">{row.sign.repeat(MANY)}</span>
      <span class="label">{visible(label.text)}</span>
    </span>
  );
}

function Arrow({ drawn: { row, from, to }, half, at }: PartProps & { readonly at: number }) {
  if (row.kind !== 'arrow') return null;
  const label = labelOf(row, half.layout);
  const [a, b] = [columnOf(half, row.from), columnOf(half, row.to)];
  const left = Math.min(a, b);
  const underWay = at < to;
  const known = underWay ? 'under-way' : row.known;
  const way = underWay ? Math.max(0.05, (at - from) / (to - from)) : 1;
  return (
    <>
      <span
        class={`arrow ${known} ${a < b ? 'right' : 'left'}${row.head ? ' head' : ''}`}
        style={{ left: `${left + 0.5}ch`, width: `${Math.abs(a - b)}ch`, '--way': way }}
      >
        <i class="shaft" />
        {known === 'sent' || known === 'received' ? <i class="open">…</i> : null}
        <i class="point" />
        <span class="label">{visible(label.text)}</span>
      </span>
      {label.note === undefined ? null : (
        <span class="text" style={{ left: `${Math.max(a, b) + 2}ch` }}>
          {visible(label.note)}
        </span>
      )}
    </>
  );
}
