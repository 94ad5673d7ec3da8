// The two tables: what happened, and how it compares with the theory. Pure: a report comes in, lines of text go out.

import { asTyped } from '../../core/command-name.ts';
import { PLAIN, plainRow } from '../../core/plain.ts';
import type { Check, Row } from './against-theory.ts';
import { aboardByTheory, messageCounts } from './against-theory.ts';
import { indented, NAMES, percent, shortTime } from './format.ts';
import type { Report } from './run.ts';

const time = (ms: number | undefined): string => (ms === undefined ? '-' : shortTime(ms));

// The columns: the two lines of their titles, and their widths. The first two are aligned left.
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

/** The headings of the columns, each in one piece: plain output says them in every line. */
const IN_FULL = [
  ...['THERE', '', 'handled at the 1st try', 'in all', 'NOT DELIVERED', 'UNKNOWN'],
  ...['time to handled: p50', 'p95', 'max', 'SENDER KEPT', 'TWICE', 'LOST'],
];

/** What happened: a line for each strategy at each availability. @param columns the width; plain output has no table */
export function resultLines(report: Report, columns = LINE): string[] {
  const { rows, killSender } = report;
  const lost = (text: string): string => (killSender ? text.padStart(5) : '');
  const lostOf = ({ killed, lost: count }: Row): string => (killed ? String(count) : '-');
  if (columns === PLAIN)
    return rows.map((row) => ` ${plainRow(IN_FULL, [...cellsOf(row), killSender ? lostOf(row) : ''])}`);
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
  // A sender that still has to stay at the end would have stayed longer.
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

/** What the columns mean, and what else a reader must know. */
export function noteLines(report: Report, columns = LINE): string[] {
  const { messages, rows, killSender, interrupted, retry, absence, hop, late } = report;
  const unknown = rows.reduce((sum, row) => sum + row.unknownTries, 0);
  const unknownHandled = rows.reduce((sum, row) => sum + row.unknownHandled, 0);
  const notes = [
    `${interrupted ? 'Stopped early: ' : ''}${messageCounts(rows, messages)} messages a line. THERE: how much of the time bob was there, as measured; absences of ${shortTime(absence)} on average were planned. sync again tries every ${shortTime(retry)}. 1st try: handled, and sent only once. KEPT: how long the sender had to stay for a message, on average. TWICE: bob handled it more than once. Handled means that bob's own log says so.`,
    `UNKNOWN: messages with a try that ended UNKNOWN. There were ${unknown} such tries, and bob had handled ${unknownHandled} of them.`,
  ];
  if (killSender) {
    const again = rows
      .filter(({ strategy, killed }) => killed && strategy === 'again')
      .map((row) => `${aboardByTheory(row, report).toFixed(0)} (at ${percent(row.present)})`);
    notes.push(
      again.length === 0
        ? 'LOST: no sender had been killed yet when it was stopped.'
        : `LOST: lost with the sender, which was killed half-way. Theory predicts ${again.join(', ')} for sync again; for the relay only what is not STORED yet. Waits are not compared with theory: those of the lost messages are missing.`,
    );
  }
  if (hop !== undefined)
    notes.push(
      `If bob is always there, the relay costs ${hop.extra.mean.toFixed(1)} ms more per message (${hop.extra.low.toFixed(1)} to ${hop.extra.high.toFixed(1)}): one more program, and the disk.`,
    );
  if (late > absence / MUCH)
    notes.push(
      `THIS COMPUTER WAS BUSY: bob came ${shortTime(late)} late on average, and that alone can put points off. Close other programs, or use a longer --cycle.`,
    );
  return notes.flatMap((note) => indented(note, widthOfNotes(columns)));
}

/** Notes are as wide as the tables. */
const LINE = 78;
const widthOfNotes = (columns: number): number => (columns === PLAIN ? PLAIN : LINE);

// The receiver should be late by less than this fraction (1/20) of an absence.
const MUCH = 20;

/** Each figure that theory predicts, with its interval. @param columns the width; plain output has no table */
export function theoryLines({ checks }: Report, columns = LINE): string[] {
  if (checks.length === 0) return [];
  const share = (value: number): string => String(Math.round(value * 100));
  const plain = columns === PLAIN;
  const theory = plain ? ', theory ' : ' ';
  const first = (check: Check): string =>
    `${share(check.measured)} (${share(check.low)}-${share(check.high)})`.padEnd(plain ? 0 : 12) +
    `${theory}${share(check.theory)} %`;
  const wait = (check: Check): string =>
    `${shortTime(check.measured)} (${shortTime(check.low)}-${shortTime(check.high)})${theory}${shortTime(check.theory)}`;
  const marked = (check: Check | undefined, write: (check: Check) => string): string =>
    check === undefined ? '' : `${write(check)}${check.off ? '!' : ''}`;
  const levels = [...new Set(checks.map(({ availability }) => availability))];
  const of = (availability: number, strategy: string): Check | undefined =>
    checks.find((one) => one.availability === availability && one.strategy === strategy);
  const cells = (plan: string, one: string, two: string, three: string): string =>
    ` ${plan.padEnd(5)} ${one.padEnd(19)} ${two.padEnd(26)} ${three}`.trimEnd();
  const table = levels.map((level) => [
    percent(level),
    marked(of(level, 'once'), first),
    marked(of(level, 'again'), wait),
    marked(of(level, 'relay'), wait),
  ]);
  const off = checks.filter((check) => check.off).length;
  // Where the receiver is always there, or never, nothing is left to chance.
  const chancy = checks.filter(({ present }) => present > 0 && present < 1).length;
  return [
    ...(plain
      ? table.map((row) => ` ${plainRow(THEORY_IN_FULL, row)}`)
      : [
          cells('PLAN', 'sync, first try', 'sync again, mean time', 'async relay, mean time'),
          cells('', 'measured    theory', 'measured (95 %)     theory', 'measured (95 %)     theory'),
          ...table.map(([plan = '', one = '', two = '', three = '']) => cells(plan, one, two, three)),
        ]),
    ...indented(
      asTyped`Figures: ${checks.length}, with 95 % intervals and the theory for the time that bob really was there. Off (!): ${off}. By chance alone about 1 in 20 of those between 0 % and 100 % is off: here ${(chancy / 20).toFixed(1)}. How it is derived: detour compare --why`,
      widthOfNotes(columns),
    ),
  ];
}

const THEORY_IN_FULL = [
  ...['PLAN', 'sync, first try: measured (95 %)'],
  ...['sync again, mean time: measured (95 %)', 'async relay, mean time: measured (95 %)'],
];
