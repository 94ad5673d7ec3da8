// Draws the two panels as a picture. Pure: a report goes in, the text of an SVG file comes out. Strategies differ in shape and dashes as
// well as in colour (Okabe and Ito's, which colour-blind people can tell apart), so the picture can be read in grey, too.

import { type Check, drawnTime, drawnTimes, isWhole, messageCounts, type Row } from './against-theory.ts';
import { shortTime } from './format.ts';
import type { Report } from './run.ts';
import type { Strategy } from './sender.ts';
import { wilson } from './statistics.ts';
import { waitByRelay, waitByRetry } from './theory.ts';

const WIDTH = 1000;
const HEIGHT = 540;
const INK = '#1a1a1a';
const FAINT = '#d5d5d5';
const COLOURS: Readonly<Record<Strategy, string>> = { once: '#c44e00', again: '#0072b2', relay: '#007a5a' };
const DASHES: Readonly<Record<Strategy, string>> = { once: '7 4', again: '2 3', relay: 'none' };
/** The y coordinate of the first line of the legend. */
const FIRST = 16;
/** The y coordinate of the second line of the legend. */
const SECOND = 38;
/** The number of segments of a curve. */
const STEPS = 200;

/** The position of a panel's plot area. */
interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

const LEFT: Frame = { left: 70, right: 460, top: 88, bottom: 416 };
const RIGHT: Frame = { left: 580, right: 960, top: 88, bottom: 416 };
/** The y coordinate of the row for "never", above the scale of the right panel. */
const NEVER = 108;
/** The y coordinate at which the scale of the right panel ends. */
const SCALE_TOP = 134;

const round = (value: number): string => String(Number(value.toFixed(1)));
const escaped = (text: string): string => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
const across = ({ left, right }: Frame, share: number): number => left + share * (right - left);

type Anchor = 'start' | 'middle' | 'end';

function text(
  x: number,
  y: number,
  what: string,
  more: { anchor?: Anchor; size?: number; fill?: string; bold?: boolean } = {},
): string {
  const { anchor = 'start', size = 14, fill = INK, bold = false } = more;
  const weight = bold ? ' font-weight="bold"' : '';
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" font-size="${size}" fill="${fill}"${weight}>${escaped(what)}</text>`;
}

function straight(x1: number, y1: number, x2: number, y2: number, stroke: string, more = ''): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${stroke}"${more}/>`;
}

/** A curve through the heights of the shares from `from` to 1. */
function curve(
  frame: Frame,
  from: number,
  height: (share: number) => number,
  strategy: Strategy,
  width = 2,
): string {
  const points = Array.from({ length: STEPS + 1 }, (_, step) => {
    const share = from + (step / STEPS) * (1 - from);
    return `${round(across(frame, share))},${round(height(share))}`;
  });
  return `<polyline points="${points.join(' ')}" fill="none" stroke="${COLOURS[strategy]}" stroke-width="${width}" stroke-dasharray="${DASHES[strategy]}"/>`;
}

/** A marker. once: a triangle. again: an open square, in which the dot of relay can still be seen. */
function marker(strategy: Strategy, x: number, y: number): string {
  const colour = COLOURS[strategy];
  if (strategy === 'once') return `<path d="M${round(x)} ${round(y - 7)}l7 12h-14z" fill="${colour}"/>`;
  if (strategy === 'again')
    return `<rect x="${round(x - 7)}" y="${round(y - 7)}" width="14" height="14" fill="none" stroke="${colour}" stroke-width="2.5"/>`;
  return `<circle cx="${round(x)}" cy="${round(y)}" r="4.5" fill="${colour}"/>`;
}

/** The bar of a 95 % interval. */
function bar(x: number, low: number, high: number, strategy: Strategy): string {
  const stroke = COLOURS[strategy];
  const wide = ' stroke-width="1.5"';
  return [
    straight(x, low, x, high, stroke, wide),
    straight(x - 5, low, x + 5, low, stroke, wide),
    straight(x - 5, high, x + 5, high, stroke, wide),
  ].join('');
}

/** The sign that theory lies outside the interval: a ring, and the word "off". */
const off = (x: number, y: number): string =>
  `<circle cx="${round(x)}" cy="${round(y)}" r="13" fill="none" stroke="${INK}" stroke-width="1.5"/>${text(x + 15, y - 8, 'off', { size: 12 })}`;

function axes(frame: Frame, title: string): string {
  const { left, right, top, bottom } = frame;
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const x = across(frame, share);
    return (
      straight(x, bottom, x, bottom + 5, INK) + text(x, bottom + 21, `${share * 100} %`, { anchor: 'middle' })
    );
  });
  return [
    straight(left, top, left, bottom, INK),
    straight(left, bottom, right, bottom, INK),
    ...ticks,
    text((left + right) / 2, bottom + 42, 'of the time bob is there (measured)', { anchor: 'middle' }),
    text(left - 8, top - 16, title, { size: 16, bold: true }),
  ].join('');
}

function handledPanel(report: Report): string {
  const { rows, checks } = report;
  const height = (share: number): number => LEFT.bottom - share * (LEFT.bottom - LEFT.top);
  const grid = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      (share > 0 ? straight(LEFT.left, height(share), LEFT.right, height(share), FAINT) : '') +
      text(LEFT.left - 10, height(share) + 5, `${share * 100} %`, { anchor: 'end' }),
  );
  const points = rows.flatMap((row) => {
    if (row.messages === 0) return [];
    const [x, y] = [across(LEFT, row.present), height(row.handled / row.messages)];
    if (row.strategy !== 'once') return [marker(row.strategy, x, y)];
    const { low, high } = wilson(row.handled, row.messages);
    const check = checkOf(checks, row);
    return [
      bar(x, height(low), height(high), 'once'),
      marker('once', x, y),
      check?.off === true ? off(x, y) : '',
    ];
  });
  return [
    axes(LEFT, 'Messages handled in the end'),
    ...grid,
    curve(LEFT, 0, height, 'once'),
    ...(isWhole(report)
      ? [
          curve(LEFT, 0.005, () => height(1) - 2, 'relay'),
          curve(LEFT, 0.005, () => height(1) + 2, 'again'),
          text(across(LEFT, 0.2), height(0.945) + 12, 'sync again, and async by the relay: all'),
        ]
      : []),
    ...points,
    text(across(LEFT, 0.6), height(0.4), 'sync once: only those', { fill: COLOURS.once }),
    text(across(LEFT, 0.6), height(0.4) + 18, 'that find him there', { fill: COLOURS.once }),
  ].join('\n');
}

const checkOf = (checks: readonly Check[], { availability, strategy }: Row): Check | undefined =>
  checks.find((one) => one.availability === availability && one.strategy === strategy);

function timePanel(report: Report): string {
  const { rows, checks, hop, absence, retry } = report;
  const values = drawnTimes(rows);
  const low = Math.floor(Math.log10(Math.max(0.1, Math.min(...values, 1))));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values, absence))));
  const height = (ms: number): number => {
    const part = (Math.log10(Math.max(ms, 1e-6)) - low) / (high - low);
    return RIGHT.bottom - Math.min(1, Math.max(0, part)) * (RIGHT.bottom - SCALE_TOP);
  };
  const grid = Array.from({ length: high - low + 1 }, (_, index) => {
    const ms = 10 ** (low + index);
    const y = height(ms);
    return (
      (index > 0 ? straight(RIGHT.left, y, RIGHT.right, y, FAINT) : '') +
      text(RIGHT.left - 10, y + 5, ms < 1000 ? `${ms} ms` : `${ms / 1000} s`, { anchor: 'end' })
    );
  });
  const setting = { absence, retry };
  const lines =
    hop === undefined || !isWhole(report)
      ? []
      : [
          curve(RIGHT, 0.01, () => height(hop.direct), 'once'),
          curve(RIGHT, 0.02, (share) => height(hop.direct + waitByRetry(share, setting)), 'again'),
          curve(RIGHT, 0.01, (share) => height(hop.relay + waitByRelay(share, setting)), 'relay'),
        ];
  return [
    axes(RIGHT, 'Mean time to handled (log scale)'),
    ...grid,
    text(RIGHT.left - 10, NEVER + 5, 'never', { anchor: 'end' }),
    straight(
      RIGHT.left,
      (NEVER + SCALE_TOP) / 2,
      RIGHT.right,
      (NEVER + SCALE_TOP) / 2,
      INK,
      ' stroke-dasharray="1 4"',
    ),
    ...lines,
    ...rows.map((row) => timePoint(row, checkOf(checks, row), height)),
    ...keptMarks(rows, height),
  ].join('\n');
}

const ASIDE: Readonly<Record<Strategy, number>> = { once: 0, again: -4, relay: 4 };

function timePoint(row: Row, check: Check | undefined, height: (ms: number) => number): string {
  const { present, strategy, messages } = row;
  if (messages === 0) return '';
  // The two that wait would cover each other, so each is moved a little to its side.
  const aside = present > 0 && present < 1 ? ASIDE[strategy] : 0;
  const x = across(RIGHT, present) + aside;
  const ms = drawnTime(row);
  if (ms === undefined) return '';
  if (ms === Number.POSITIVE_INFINITY) return marker(strategy, x, NEVER);
  const y = height(ms);
  const parts = [marker(strategy, x, y)];
  if (check?.what === 'time') {
    parts.unshift(bar(x, height(check.low), Math.max(SCALE_TOP, height(check.high)), strategy));
    parts.push(
      straight(x - 10, height(check.theory), x + 10, height(check.theory), INK, ' stroke-width="1.5"'),
    );
    if (check.off) parts.push(off(x, y));
  }
  return parts.join('');
}

/** Crosses where the relay's sender may go. The sender that tries again must stay until the message is handled, where its squares are. */
function keptMarks(rows: readonly Row[], height: (ms: number) => number): string[] {
  return rows.flatMap(({ strategy, present, kept }) =>
    strategy === 'relay' && kept.mean !== undefined ? [cross(across(RIGHT, present), height(kept.mean))] : [],
  );
}

const cross = (x: number, y: number): string =>
  `<path d="M${round(x - 5)} ${round(y - 5)}l10 10m0 -10l-10 10" stroke="${COLOURS.relay}" stroke-width="2.5" fill="none"/>`;

// Why the report is not whole, if it is not.
function missing(report: Report): string[] {
  if (isWhole(report)) return [];
  const stopped = report.interrupted ? 'STOPPED before its end. ' : '';
  const killed = report.rows.some((row) => row.killed) ? 'The senders were killed half-way. ' : '';
  return [`${stopped}${killed}The waits of what was not handled are missing.`];
}

/** Draws the report. @param command the command that made it, written under the picture */
export function drawSvg(report: Report, command: string): string {
  const { rows, checks, messages, absence, retry } = report;
  const short = checks.some(({ what }) => what === 'time');
  const legend = [
    ['once', 'sync once'],
    ['again', `sync again, every ${shortTime(retry)}`],
    ['relay', 'async by the relay'],
  ] as const;
  const signs = legend.map(([strategy, name], index) => {
    const x = [70, 230, 450][index] ?? 0;
    return (
      `<line x1="${x}" y1="${FIRST}" x2="${x + 34}" y2="${FIRST}" stroke="${COLOURS[strategy]}" stroke-width="2" stroke-dasharray="${DASHES[strategy]}"/>` +
      marker(strategy, x + 17, FIRST) +
      text(x + 42, FIRST + 5, name)
    );
  });
  const under = [
    `Marks: ${messageCounts(rows, messages)} messages each, real processes, really killed; absences of ${shortTime(absence)} on average. Bars: 95 %. Lines: theory${short ? ';' : '.'}`,
    ...(short ? ['short black lines: theory for the actual absences.'] : []),
    ...missing(report),
    command,
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif" role="img">`,
    `<title>${escaped(`A real run of: ${command}`)}</title>`,
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    ...signs,
    cross(87, SECOND),
    text(
      112,
      SECOND + 5,
      'the sender may go: it is at the relay.   The sender of "sync again" must stay until it is handled.',
    ),
    handledPanel(report),
    timePanel(report),
    ...under.map((line, index) =>
      text(70, HEIGHT - 12 - (under.length - 1 - index) * 18, line, { size: 13 }),
    ),
    '</svg>',
    '',
  ].join('\n');
}
