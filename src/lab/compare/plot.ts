// Draws the two panels with characters, for the terminal. Pure.

import { PLAIN } from '../../core/plain.ts';
import { drawnTime, drawnTimes, isWhole } from './against-theory.ts';
import { NAMES } from './format.ts';
import type { Report } from './run.ts';
import { STRATEGIES, type Strategy } from './sender.ts';
import { waitByRelay, waitByRetry } from './theory.ts';

/** The mark of each strategy; theory is drawn in dots. */
const SIGNS: Readonly<Record<Strategy, string>> = { once: 'o', again: 'x', relay: '#' };
/** The mark for how long the relay's sender is kept. */
const KEPT = '+';
const THEORY = '·';
const ROWS = 12;
/** The width of a panel's scale, in columns. Two panels with their scales fit side by side in 80 columns. */
const SCALE = 6;
const COLUMNS = 31;
const BELOW_EACH_OTHER = 2 * (SCALE + COLUMNS) + 5;

type Grid = string[][];

const column = (share: number): number => Math.round(share * (COLUMNS - 1));

function put(grid: Grid, share: number, height: number, sign: string): void {
  const row = grid[ROWS - 1 - Math.round(Math.min(1, Math.max(0, height)) * (ROWS - 1))];
  if (row !== undefined) row[column(share)] = sign;
}

const empty = (): Grid => Array.from({ length: ROWS }, () => Array.from({ length: COLUMNS }, () => ' '));

function panel(title: string, grid: Grid, scale: (row: number) => string): string[] {
  return [
    `${' '.repeat(SCALE)} ${title}`.padEnd(SCALE + 2 + COLUMNS),
    ...grid.map((row, index) => `${scale(ROWS - 1 - index).padStart(SCALE)} │${row.join('')}`),
    `${' '.repeat(SCALE)} └${'─'.repeat(COLUMNS)}`,
    `${' '.repeat(SCALE)}  0 %${'50 %'.padStart(COLUMNS / 2 - 1)}${'100 %'.padStart(COLUMNS / 2 - 1)}`.padEnd(
      SCALE + 2 + COLUMNS,
    ),
  ];
}

/** The panel for the share of messages handled in the end. */
function handledPanel(report: Report): string[] {
  const grid = empty();
  for (let at = 0; at < COLUMNS; at += 2) {
    const share = at / (COLUMNS - 1);
    put(grid, share, share, THEORY);
    if (at > 0 && isWhole(report)) put(grid, share, 1, THEORY);
  }
  for (const strategy of STRATEGIES)
    for (const row of report.rows)
      if (row.strategy === strategy && row.messages > 0)
        put(grid, row.present, row.handled / row.messages, SIGNS[strategy]);
  return panel('handled in the end', grid, (row) => (row === ROWS - 1 ? '100 %' : row === 0 ? '0 %' : ''));
}

/** The panel for the mean time to handled, on a logarithmic scale. The top row means never. */
function timePanel(report: Report): string[] {
  const { rows, hop, absence, retry } = report;
  const grid = empty();
  const times = drawnTimes(rows);
  const low = Math.floor(Math.log10(Math.max(0.1, Math.min(...times, 1))));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...times, 1))));
  const height = (ms: number): number =>
    ms === Number.POSITIVE_INFINITY
      ? 1
      : (Math.min(1, Math.max(0, (Math.log10(Math.max(ms, 1e-3)) - low) / (high - low))) * (ROWS - 2)) /
        (ROWS - 1);
  if (hop !== undefined && isWhole(report))
    for (let at = 2; at < COLUMNS; at += 2) {
      const share = at / (COLUMNS - 1);
      put(grid, share, height(hop.direct + waitByRetry(share, { absence, retry })), THEORY);
      put(grid, share, height(hop.relay + waitByRelay(share, { absence, retry })), THEORY);
    }
  for (const row of rows)
    if (row.strategy === 'relay' && row.kept.mean !== undefined)
      put(grid, row.present, height(row.kept.mean), KEPT);
  for (const strategy of STRATEGIES)
    for (const row of rows) {
      if (row.strategy !== strategy || row.messages === 0) continue;
      const ms = drawnTime(row);
      if (ms !== undefined) put(grid, row.present, height(ms), SIGNS[strategy]);
    }
  const marks = new Map(
    Array.from({ length: high - low + 1 }, (_, index) => [
      Math.round((index / (high - low)) * (ROWS - 2)),
      round(10 ** (low + index)),
    ]),
  );
  return panel('mean time to handled', grid, (row) => (row === ROWS - 1 ? 'never' : (marks.get(row) ?? '')));
}

// Formats a power of ten.
const round = (ms: number): string => (ms < 1000 ? `${ms}ms` : `${ms / 1000}s`);

/** Both panels, side by side if there is room. None for plain output: all figures of the panels are in the tables. */
export function plotLines(report: Report, columns: number): string[] {
  if (report.rows.length === 0 || columns === PLAIN) return [];
  const [one, other] = [handledPanel(report), timePanel(report)];
  const panels =
    columns >= BELOW_EACH_OTHER
      ? one.map((text, index) => `${text.padEnd(SCALE + 2 + COLUMNS)} ${other[index] ?? ''}`.trimEnd())
      : [...one, '', ...other].map((text) => text.trimEnd());
  const signs = STRATEGIES.map((strategy) => `${SIGNS[strategy]} ${NAMES[strategy]}`).join('  ');
  const kept = `${KEPT} the relay's sender may go`;
  return [
    ...panels,
    `  across: how much of the time bob is there        ${THEORY} theory`,
    ...(columns >= BELOW_EACH_OTHER ? [`  ${signs}  ${kept}`] : [`  ${signs}`, `  ${kept}`]),
  ];
}
