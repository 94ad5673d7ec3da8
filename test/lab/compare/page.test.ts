// How a comparison looks: whatever the figures, it fits in 80 columns, everything is in its place, and no figure is nonsense.

import { describe, expect, it } from 'vitest';
import { PLAIN } from '../../../src/core/plain.ts';
import { prng } from '../../../src/core/prng.ts';
import { compareToTheory, type Row } from '../../../src/lab/compare/against-theory.ts';
import { derivationLines } from '../../../src/lab/compare/derivation.ts';
import { indented, percent, shortTime } from '../../../src/lab/compare/format.ts';
import { plotLines } from '../../../src/lab/compare/plot.ts';
import type { Report } from '../../../src/lab/compare/run.ts';
import { STRATEGIES } from '../../../src/lab/compare/sender.ts';
import { drawSvg } from '../../../src/lab/compare/svg.ts';
import { noteLines, resultLines, theoryLines } from '../../../src/lab/compare/table.ts';
import { waitByRelay, waitByRetry } from '../../../src/lab/compare/theory.ts';
import { ALL } from '../../cases.ts';

const SETTING = { absence: 1000, retry: 250 };
const HOP = { direct: 1.5, relay: 4.5, extra: { mean: 3, low: 2.7, high: 3.3 } };

const made = new Map<string, Report>();

/** A report that agrees with theory, with its times stretched by a factor. Each is made once, because it is compared with many simulations. */
function report(stretch: number, more: Partial<Report> = {}): Report {
  const key = JSON.stringify([stretch, more, 'hop' in more]);
  const found = made.get(key) ?? make(stretch, more);
  made.set(key, found);
  return found;
}

function make(stretch: number, more: Partial<Report>): Report {
  const size = { ...SETTING, messages: 1000, tail: 4000, killSender: false, ...more };
  const levels: readonly [planned: number, present: number][] = [
    [1, 1],
    [0.9, 0.995],
    [0.75, 0.75],
    [0.5, 0.5],
    [0.1, 0.1],
    [0, 0],
  ];
  const rows = levels.flatMap(([availability, present]) =>
    STRATEGIES.map((strategy): Row => {
      const handled = strategy === 'once' ? Math.round(1000 * present) : present > 0 ? 1000 : 0;
      const wait = { once: 0, again: waitByRetry(present, SETTING), relay: waitByRelay(present, SETTING) }[
        strategy
      ];
      const mean =
        handled === 0 ? undefined : (wait + (strategy === 'relay' ? HOP.relay : HOP.direct)) * stretch;
      const time = { mean, p50: mean, p95: mean, max: mean };
      const kept =
        strategy === 'again' && mean === undefined
          ? 13_000 * stretch
          : strategy === 'again'
            ? mean
            : 3 * stretch;
      return {
        messages: 1000,
        first: Math.round(1000 * present),
        handled,
        notDelivered: 1000 - handled,
        unknown: 10,
        unknownHandled: 1,
        unknownTries: 10,
        tries: 1000,
        verdicts: 1000,
        twice: 123,
        each: [],
        time,
        kept: { mean: kept, p50: kept, p95: kept, max: kept },
        lost: 500,
        faults: [],
        availability,
        present,
        absences: [1000],
        strategy,
        killed: more.killSender === true,
        settled: availability > 0,
      };
    }),
  );
  return {
    ...size,
    seed: 999_999_999,
    rows,
    checks: compareToTheory(rows, { ...size, messages: 100 }, prng(1)),
    hop: HOP,
    faults: [],
    interrupted: false,
    leftOver: [],
    late: 10,
    ...more,
  };
}

const all = (of: Report, columns = 80): string[] => [
  ...resultLines(of),
  ...noteLines(of),
  ...theoryLines(of),
  ...plotLines(of, columns),
];

describe('on the terminal', () => {
  it.each(ALL ? [1, 0.01, 30, 900] : [900])('fits in 80 columns, with times stretched by %d', (stretch) => {
    for (const more of [{}, { killSender: true, late: 99_999 }, { hop: undefined }])
      for (const line of [...all(report(stretch, more)), ...derivationLines(SETTING)]) {
        expect(line.length, line).toBeLessThanOrEqual(80);
        expect(line).not.toMatch(/NaN|undefined|Infinity|\s$/);
      }
  });

  it('puts the panels below each other where there is no room', () => {
    for (const line of plotLines(report(1), 60)) expect(line.length, line).toBeLessThanOrEqual(60);
    expect(plotLines(report(1), 60).length).toBeGreaterThan(plotLines(report(1), 80).length + 10);
  });

  it('marks what is off, and says how many are expected by chance', () => {
    const fine = theoryLines(report(1)).join('\n').replaceAll(/\s+/g, ' ');
    // Of six first tries, those at 100 % and at 0 % cannot be off, and there are two waits at each of four availabilities.
    expect(fine).toMatch(/^.*Figures: 14, .* Off \(!\): 0\. .* is off: here 0\.6\./);
    const [, , , near] = theoryLines(report(30));
    expect(near).toMatch(/!.*!/);
  });

  it('says LOST only when the senders were killed, and warns of a busy computer', () => {
    expect(all(report(1)).join('\n')).not.toMatch(/LOST|BUSY/);
    expect(all(report(1, { killSender: true })).join('\n')).toMatch(/LOST.* 500\n/s);
    expect(all(report(1, { late: 51 })).join('\n')).toMatch(/BUSY: bob came 51ms late/);
  });

  it('says how far a stopped run came, and that nobody was killed if nobody was', () => {
    const whole = report(1, { killSender: true, interrupted: true, messages: 1000 });
    const rows = whole.rows.map((row, index) => ({
      ...row,
      ...(index < 6 ? {} : { messages: 7 + index, handled: 3, lost: 0, killed: false }),
    }));
    const said = all({ ...whole, rows })
      .join('\n')
      .replaceAll(/\s+/g, ' ');
    expect(said).toContain('Stopped early: 13 to 1000 of 1000 messages a line.');
    expect(said).toMatch(/predicts 0 \(at 100 %\), \d+ \(at 99.5 %\) for sync again; for the relay/);
    expect(resultLines({ ...whole, rows }).filter((text) => text.endsWith('    -'))).toHaveLength(12);
    expect(resultLines({ ...whole, rows }).filter((text) => text.endsWith('  500'))).toHaveLength(6);
    const none = rows.map((row) => ({ ...row, killed: false }));
    expect(all({ ...whole, rows: none }).join('\n')).toContain('no sender had been killed yet');
  });

  it('draws no theory of how everything ends over a run that was killed or stopped', () => {
    const theory = (of: Report): number => plotLines(of, 80).join('').split('·').length;
    for (const more of [{ killSender: true }, { interrupted: true }]) {
      expect(theory(report(1, more))).toBeLessThan(theory(report(1)) - 20);
      const svg = drawSvg(report(1, more), 'detour compare');
      expect(svg).not.toContain('async by the relay: all');
      expect(svg.match(/<polyline/g)).toHaveLength(1);
      expect(svg).toContain('The waits of what was not handled are missing.');
      expect(svg.includes('STOPPED before its end')).toBe('interrupted' in more);
      expect(svg.includes('short black lines')).toBe('interrupted' in more);
    }
    expect(drawSvg(report(1), 'detour compare')).toContain('async by the relay: all');
  });

  it('does not call it never if the run was only stopped', () => {
    const stopped = report(1, { interrupted: true });
    const rows = stopped.rows
      .filter(({ availability }) => availability > 0)
      .map((row) => ({ ...row, settled: false, time: { ...row.time, mean: undefined } }));
    const [, top = ''] = plotLines({ ...stopped, rows }, 80);
    expect(top).toMatch(/never │$/);
    expect(drawSvg({ ...stopped, rows }, '')).not.toMatch(/<circle[^>]*cy="108"/);
  });

  it('keeps the columns apart, whatever is in them', () => {
    const fine = report(1);
    const long = { low: 12_345_678, measured: 12_345_678, high: Number.POSITIVE_INFINITY, off: true };
    const checks = fine.checks.map((check) => ({ ...check, ...long, theory: Number.POSITIVE_INFINITY }));
    const lines = theoryLines({ ...fine, checks }).filter((text) => text.includes('never!'));
    expect(lines.length).toBeGreaterThan(2);
    for (const text of lines) expect(text).not.toMatch(/never![^ ]/);
  });

  it('draws handled on the left, time on the right, and never on top', () => {
    const [, top = '', second = ''] = plotLines(report(1), 80);
    // At 0 % nothing is ever handled by either of those that wait.
    expect(top).toMatch(/^ 100 % │.*never │#/);
    expect(second).toContain('10s');
  });

  it('has no table and no plot in plain output, and every figure of the table', () => {
    const figures = (lines: readonly string[]): string[] =>
      lines.flatMap((text) => text.match(/\d[\w.]*/g) ?? []);
    const killed = { killSender: true, rows: report(1).rows.map((row) => ({ ...row, killed: true })) };
    for (const one of [report(1), { ...report(1), ...killed }]) {
      const told = resultLines(one, PLAIN);
      expect(told).toHaveLength(one.rows.length);
      expect(told[0]).toMatch(/^ THERE 100 %, sync once, handled at the 1st try 1000, in all 1000, NOT /);
      const table = figures(resultLines(one).slice(3));
      expect(figures(told.map((text) => text.replaceAll(/p50|p95|1st/g, '')))).toEqual(table);
      expect(plotLines(one, PLAIN)).toEqual([]);
    }
    const [first, ...theory] = theoryLines(report(1), PLAIN);
    expect(first).toMatch(/^ PLAN 100 %, sync, first try: measured \(95 %\) 100 \(100-100\), theory 100 %$/);
    for (const text of [...theory, ...noteLines(report(1), PLAIN)]) expect(text).toMatch(/^[\x20-\x7e]*$/);
    expect(noteLines(report(1), PLAIN).length).toBeLessThan(noteLines(report(1)).length);
  });

  it('says nothing about what was not measured', () => {
    expect(plotLines({ ...report(1), rows: [] }, 80)).toEqual([]);
    expect(theoryLines({ ...report(1), checks: [] })).toEqual([]);
  });

  it('writes times in six characters, and shares without false precision', () => {
    expect(
      [0.04, 9.94, 9.96, 999.4, 999.6, 9994, 9996, 99_949, 99_951, Number.POSITIVE_INFINITY].map(shortTime),
    ).toEqual(['0.0ms', '9.9ms', '10ms', '999ms', '1.00s', '9.99s', '10.0s', '99.9s', '100s', 'never']);
    expect([0, 0.004, 0.0094, 0.5, 0.987, 0.996, 1].map(percent)).toEqual([
      '0 %',
      '0.4 %',
      '0.9 %',
      '50 %',
      '99 %',
      '99.6 %',
      '100 %',
    ]);
    expect(indented('a bb ccc dddd', 6)).toEqual([' a bb', ' ccc', ' dddd']);
  });
});

describe('as a picture', () => {
  it.each(ALL ? [1, 0.01, 900] : [900])(
    'has only numbers, all within the picture, with times stretched by %d',
    (stretch) => {
      for (const more of [{}, { hop: undefined }]) {
        const svg = drawSvg(report(stretch, more), 'detour compare --seed 1 <&"');
        expect(svg).not.toMatch(/NaN|Infinity|undefined|<&/);
        for (const [, name = '', value = ''] of svg.matchAll(/ (c?[xy][12]?)="([^"]*)"/g)) {
          expect(value).toMatch(/^-?\d+(?:\.\d+)?$/);
          expect(Number(value), name).toBeGreaterThanOrEqual(0);
          expect(Number(value), name).toBeLessThanOrEqual(name.includes('x') ? 1000 : 540);
        }
        // It is complete: each strategy has its marks at each availability.
        expect(svg.match(/<circle[^>]*r="4.5"/g)?.length).toBe(2 * 6 + 1);
        expect(svg.match(/<rect[^>]*stroke-width="2.5"/g)?.length).toBe(2 * 6 + 1);
      }
    },
  );
});
