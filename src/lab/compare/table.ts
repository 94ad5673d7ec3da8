// The two tables: what happened, and how it stands to the theory. Pure: a report comes in, lines of text go out.

import type { Check, Row } from './against-theory.ts';
import { aboardByTheory, messageCounts } from './against-theory.ts';
import { indented, NAMES, percent, shortTime } from './format.ts';
import type { Report } from './run.ts';

const time = (ms: number | undefined): string => (ms === undefined ? '-' : shortTime(ms));

// Columns: title, width, and what stands in it. The first is aligned left.
const HEADS = [
  ['THERE', 'ROUTE', '1st', 'in', 'NOT', 'UN-', '', '', '', 'SENDER', ''],
  ['', '', 'try', 'all', 'DELIV', 'KNOWN', 'p50', 'p95', 'max', 'KEPT', 'TWICE'],
] as const;
const WIDTHS = [7, 11, 5, 5, 6, 6, 7, 7, 7, 7, 6] as const;

function line(cells: readonly string[]): string {
  return cells
    .map((cell, index) => (index < 2 ? cell.padEnd(WIDTHS[index] ?? 0) : cell.padStart(WIDTHS[index] ?? 0)))
    .join('')
    .trimEnd();
}

/** What happened: a line for each strategy at each availability. */
export function resultLines(report: Report): string[] {
  const { rows, killSender } = report;
  const lost = (text: string): string => (killSender ? text.padStart(5) : '');
  const lostOf = ({ killed, lost: count }: Row): string => (killed ? String(count) : '-');
  return [
    ` ${'HANDLED BY BOB'.padStart(7 + 11 + 10 + 1)}${'TIME TO HANDLED'.padStart(31)}`,
    ...HEADS.map((head, index) => ` ${line(head)}${lost(index === 1 ? 'LOST' : '')}`.trimEnd()),
    ...rows.flatMap((row, index) => [
      ...(index > 0 && row.strategy === 'once' ? [''] : []),
      ` ${line(cellsOf(row))}${lost(lostOf(row))}`,
    ]),
  ];
}

function cellsOf(row: Row): string[] {
  const { present, strategy, first, handled, notDelivered, unknown, time: times, kept, twice } = row;
  // Whoever is still kept when it ends was kept for longer than that.
  const open = strategy === 'again' && handled + row.lost < row.messages;
  return [
    percent(present),
    NAMES[strategy],
    String(first),
    String(handled),
    String(notDelivered),
    String(unknown),
    time(times.p50),
    time(times.p95),
    time(times.max),
    (open ? '>' : '') + time(kept.mean),
    String(twice),
  ];
}

/** What the columns mean, and what else must be known. */
export function noteLines(report: Report): string[] {
  const { messages, rows, killSender, interrupted, retry, absence, hop, late } = report;
  const unknown = rows.reduce((sum, row) => sum + row.unknownTries, 0);
  const unknownHandled = rows.reduce((sum, row) => sum + row.unknownHandled, 0);
  const notes = [
    `${interrupted ? 'Stopped early: ' : ''}${messageCounts(rows, messages)} messages a line. THERE: so much of the time bob was there, measured; planned were absences of ${shortTime(absence)} on average. sync again tries every ${shortTime(retry)}. 1st try: handled, and the sender sent it only once. KEPT: so long the sender had to stay for a message, on average. TWICE: bob handled it more than once. Handled is what bob's own log says.`,
    `UNKNOWN: a try ended so. There were ${unknown} such tries, and ${unknownHandled} of them bob had handled.`,
  ];
  if (killSender) {
    const again = rows
      .filter(({ strategy, killed }) => killed && strategy === 'again')
      .map((row) => `${aboardByTheory(row, report).toFixed(0)} (at ${percent(row.present)})`);
    notes.push(
      again.length === 0
        ? 'LOST: nobody had been killed yet when it was stopped.'
        : `LOST: went with the sender, who was killed half-way. Theory expects of sync again ${again.join(', ')}; of the relay only what is not STORED yet. Waits are not held against theory: those of the lost are missing.`,
    );
  }
  if (hop !== undefined)
    notes.push(
      `If bob is always there the relay costs ${hop.extra.mean.toFixed(1)} ms more a message (${hop.extra.low.toFixed(1)} to ${hop.extra.high.toFixed(1)}): once more through a program, and the disk.`,
    );
  if (late > absence / MUCH)
    notes.push(
      `THIS COMPUTER WAS BUSY: bob came ${shortTime(late)} late on average, and points can lie off for that alone. Close other programs, or give a longer --cycle.`,
    );
  return notes.flatMap((note) => indented(note, LINE));
}

const LINE = 78;

// He should be late by less than this part of an absence.
const MUCH = 20;

/** Each figure that theory foretells, with its interval. */
export function theoryLines({ checks }: Report): string[] {
  if (checks.length === 0) return [];
  const share = (value: number): string => String(Math.round(value * 100));
  const first = (check: Check): string =>
    `${share(check.measured)} (${share(check.low)}-${share(check.high)})`.padEnd(13) +
    `${share(check.theory)} %`;
  const wait = (check: Check): string =>
    `${shortTime(check.measured)} (${shortTime(check.low)}-${shortTime(check.high)}) ${shortTime(check.theory)}`;
  const marked = (check: Check | undefined, write: (check: Check) => string): string =>
    check === undefined ? '' : `${write(check)}${check.off ? '!' : ''}`;
  const levels = [...new Set(checks.map(({ availability }) => availability))];
  const of = (availability: number, strategy: string): Check | undefined =>
    checks.find((one) => one.availability === availability && one.strategy === strategy);
  const cells = (plan: string, one: string, two: string, three: string): string =>
    ` ${plan.padEnd(5)} ${one.padEnd(19)} ${two.padEnd(26)} ${three}`.trimEnd();
  const off = checks.filter((check) => check.off).length;
  // Where he is always there, or never, nothing is left to chance.
  const chancy = checks.filter(({ present }) => present > 0 && present < 1).length;
  return [
    cells('PLAN', 'sync, first try', 'sync again, mean time', 'async relay, mean time'),
    cells('', 'measured    theory', 'measured (95 %)     theory', 'measured (95 %)     theory'),
    ...levels.map((level) =>
      cells(
        percent(level),
        marked(of(level, 'once'), first),
        marked(of(level, 'again'), wait),
        marked(of(level, 'relay'), wait),
      ),
    ),
    ...indented(
      `Figures: ${checks.length}, their 95 % intervals, and the theory for the time that bob really was there. Off (!): ${off}. By chance alone about 1 of 20 of those between 0 % and 100 % lies off: here ${(chancy / 20).toFixed(1)}. How it is derived: detour compare --why`,
      LINE,
    ),
  ];
}
