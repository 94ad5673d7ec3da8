// How the roster of `detour trace --roster` looks: a table for people, CSV for a spreadsheet, lines of JSON for programs. Pure. What a log
// says may be hostile to a terminal or to a spreadsheet, so every cell is made harmless.

import type { VerdictName } from '../../core/event.ts';
import { PLAIN, plainRow } from '../../core/plain.ts';
import { verdictText } from '../../core/verdicts.ts';
import { asciiJson, visible } from '../../core/visible.ts';
import { padTo, widthOf } from '../../core/width.ts';
import { hanging } from '../../core/wrap.ts';
import type { Guessed, RosterRow, Standing } from '../../trace/roster.ts';

/** Is there something about this row that its owner should explain? */
export const isSuspect = ({ standing, also }: RosterRow): boolean =>
  also.length > 0 || standing === 'differs' || standing === 'unseen' || standing === 'unreadable';

const STANDING: Readonly<Record<Standing, string>> = {
  agrees: 'agrees',
  differs: 'differs',
  unseen: 'never saw it',
  uncertain: 'not in what was read',
  direct: '- (direct)',
  none: '-',
  missing: 'no log',
  unreadable: 'not a log',
};

/** The most characters of a cell, and of a path or a sentence, which is shown whole. */
const MOST = 60;
const MOST_WHOLE = 600;

const HEADING = ['session', 'name', 'from', 'messages', 'guesses', 'relay', 'log'];
const FILE = HEADING.indexOf('log');

/** The table, and the sentence that sums it up. @param columns the width, to which remarks are wrapped; plain output has no table */
export function rosterLines(rows: readonly RosterRow[], columns: number): string[] {
  const table = rows.map((row) => [
    row.session ?? '-',
    row.name ?? '',
    row.address ?? '',
    messagesText(row),
    guessesText(row.guesses),
    STANDING[row.standing],
    row.file ?? '',
  ]);
  const cells = [HEADING, ...table].map((line) =>
    line.map((cell, at) => visible(cell, { max: at === FILE ? MOST_WHOLE : MOST })),
  );
  const summed = hanging(' ', summary(rows), columns);
  if (columns === PLAIN)
    return [
      ...cells
        .slice(1)
        .flatMap((line, index) => [` ${plainRow(HEADING, line)}`, ...remarkLines(rows[index], columns)]),
      ...summed,
    ];
  const widths = HEADING.map((_, index) => Math.max(...cells.map((line) => widthOf(line[index] ?? ''))));
  const lines = cells.map((line) => ` ${line.map((cell, at) => padTo(cell, widths[at] ?? 0)).join('  ')}`);
  const [heading = '', ...body] = lines.map((line) => line.trimEnd());
  return [
    heading,
    ...body.flatMap((line, index) => [line, ...remarkLines(rows[index], columns)]),
    '',
    ...summed,
  ];
}

function remarkLines(row: RosterRow | undefined, columns: number): string[] {
  if (row === undefined) return [];
  const also = row.also.length === 0 ? [] : [`it is there again: ${row.also.join(', ')}`];
  return [...row.remarks, ...also].flatMap((text) =>
    hanging('     ! ', visible(text, { max: MOST_WHOLE }), columns),
  );
}

const VERDICT_NAMES = ['DELIVERED', 'STORED', 'NOT_DELIVERED', 'UNKNOWN'] as const satisfies VerdictName[];

function messagesText({ verdicts, shown }: RosterRow): string {
  const parts = VERDICT_NAMES.filter((name) => verdicts[name] > 0).map(
    (name) => `${verdicts[name]} ${verdictText(name)}`,
  );
  return [...parts, ...(shown > 0 ? [`${shown} shown`] : [])].join(', ');
}

function guessesText(guesses: readonly Guessed[]): string {
  return guesses.length === 0 ? '' : `${rightIn(guesses)} of ${guesses.length} right`;
}

const rightIn = (guesses: readonly Guessed[]): number =>
  guesses.filter(({ guess, verdict }) => guess === verdict).length;

function summary(rows: readonly RosterRow[]): string {
  const count = (...standings: Standing[]): number =>
    rows.filter(({ standing }) => standings.includes(standing)).length;
  const again = rows.filter(({ also }) => also.length > 0).length;
  const parts = [
    `${count('agrees')} ${count('agrees') === 1 ? 'agrees' : 'agree'} with the relay's log`,
    ...some(count('differs'), 'differs', 'differ'),
    ...some(count('unseen'), 'was never seen by the relay', 'were never seen by the relay'),
    ...some(count('uncertain'), 'may be in the part of its log that was not read'),
    ...some(again, 'is there more than once', 'are there more than once'),
    ...some(count('missing'), 'is without a log', 'are without a log'),
    ...some(count('unreadable'), 'file is not a log', 'files are not logs'),
  ];
  return `${parts.join('; ')}.`;
}

const some = (count: number, one: string, many = one): string[] =>
  count === 0 ? [] : [`${count} ${count === 1 ? one : many}`];

/** One row as a line of JSON, with the same names as the columns of the CSV. */
export function rosterJson(row: RosterRow): string {
  const { session, name, file, standing: relay, also: again_in, remarks, address: from, start } = row;
  const { host, version, node, system, argv } = row.started ?? {};
  const { verdicts, shown, guesses } = row;
  const who = { session, name, file, relay, again_in, remarks, from, start };
  return asciiJson(JSON.stringify({ ...who, host, version, node, system, argv, verdicts, shown, guesses }));
}

const CSV_HEADING = [
  ...['session', 'name', 'file', 'relay', 'again_in', 'remarks', 'from', 'start', 'host', 'version'],
  ...[
    'node',
    'system',
    'argv',
    'delivered',
    'stored',
    'not_delivered',
    'unknown',
    'shown',
    'guesses',
    'right',
  ],
];

/** The roster as CSV (RFC 4180), with a heading. */
export function rosterCsv(rows: readonly RosterRow[]): string {
  const records = rows.map((row) => {
    const { started, verdicts, guesses } = row;
    return [
      ...[row.session, row.name, row.file, row.standing, row.also.join(' '), row.remarks.join('; ')],
      ...[row.address, row.start, started?.host, started?.version, started?.node, started?.system],
      ...[started?.argv, ...VERDICT_NAMES.map((name) => verdicts[name]), row.shown],
      ...[guesses.length, rightIn(guesses)],
    ];
  });
  return [CSV_HEADING, ...records].map((cells) => `${cells.map(csvCell).join(',')}\r\n`).join('');
}

// A spreadsheet runs a cell that begins with one of these as a formula, in full width, too. In some countries it also splits lines at `;`.
const FORMULA = /(^|[;,\t])(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20])/g;

// Quotes are needed only around some texts; around all of them nobody has to think about which.
function csvCell(value: string | number | undefined): string {
  if (value === undefined || value === '') return '';
  if (typeof value === 'number') return String(value);
  const harmless = visible(value, { max: CSV_MOST }).replace(FORMULA, "$1'");
  return `"${harmless.replaceAll('"', '""')}"`;
}

/** The most characters in a cell. Excel takes 32,767. */
const CSV_MOST = 4000;
