// How the demo looks: within its columns at every width, side by side if there is room, with colour as an extra.

import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { PLAIN } from '../../../src/core/plain.ts';
import {
  type Guess,
  introLines,
  type Paint,
  type PlayedScene,
  pagesOf,
  pauseLine,
  questionLines,
  storyLines,
  tableLines,
} from '../../../src/lab/demo/page.ts';
import { ProgressLine } from '../../../src/lab/demo/progress-line.ts';
import { STORIES } from '../../../src/lab/demo/stories.ts';
import type { Scene, Story } from '../../../src/lab/demo/story.ts';
import { type ProcessRecord, verifyScene } from '../../../src/lab/demo/verify.ts';
import { yourTurn } from '../../../src/lab/demo/your-turn.ts';
import { Actor, detourKill, directKill } from '../../trace/histories.ts';

const killed = STORIES.find(({ name }) => name === 'killed') as Story & { direct: Scene };
const plain: Paint = (_, text) => text;
const loud: Paint = (_, text) => `\u001b[31m${text}\u001b[39m`;

function playedScene(scene: Scene, actors: readonly Actor[], exit: number, guess?: Guess): PlayedScene {
  const all = actors.map(
    ({ actor, log }): ProcessRecord => ({ name: actor, recorded: log, printed: log, exit }),
  );
  return { scene, verification: verifyScene(scene, all[0] as ProcessRecord, all), places: undefined, guess };
}

const direct = playedScene(killed.direct, directKill(), 20, 'd');
const detour = playedScene(killed.detour, detourKill(), 0, 'u');

describe('a page', () => {
  for (const columns of [60, 80, 120]) {
    it(`of the third story, ${columns} columns`, () => {
      expect(`\n${storyLines(direct, detour, columns, plain).join('\n')}\n`).toMatchSnapshot();
    });
  }

  it('keeps to its columns, with and without colours', () => {
    const result = { number: 3, story: killed, direct, detour };
    for (let columns = 40; columns <= 140; columns += 2) {
      const lines = [
        ...introLines(columns),
        ...questionLines(columns, true),
        pauseLine('next story', columns),
        ...progressTexts(columns),
        ...storyLines(direct, detour, columns, plain),
        ...tableLines([result], columns),
      ];
      for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(columns);
      const painted = storyLines(direct, detour, columns, loud).map(stripVTControlCharacters);
      expect(painted.map((line) => line.trimEnd())).toEqual(
        storyLines(direct, detour, columns, plain).map((line) => line.trimEnd()),
      );
    }
  });

  it('counts the times of both routes from the first event of alice', () => {
    const early = detourKill();
    const carol = new Actor('carol', 99);
    carol.at(-40, { event: 'connecting', conn: 1, host: '127.0.0.1', port: 4100 });
    carol.at(-39, { event: 'broken', conn: 1, code: 'ECONNREFUSED', syscall: 'connect' });
    const late = playedScene(
      { ...killed.detour, lanes: ['alice', 'carol', 'relay', 'bob'] },
      [...early, carol],
      0,
    );
    const text = storyLines(direct, late, 132, plain).join('\n');
    expect(text).toMatch(/ -38\.7 .*ECONNREFUSED/);
    expect(text).toMatch(/^ {3}0\.3 .*connected/m);
    expect(text).toMatch(/│ {3}0\.3 .*connected/);
    expect(text).toContain('ms < 0: before alice began');
    expect(storyLines(direct, detour, 132, plain).join('\n')).not.toContain('ms < 0');
  });

  it('is told in lines without a picture for plain output, first the direct route', () => {
    const lines = [
      ...introLines(PLAIN),
      ...questionLines(PLAIN, true),
      pauseLine('next story', PLAIN),
      ...storyLines(direct, detour, PLAIN, plain),
      ...tableLines([{ number: 3, story: killed, direct, detour }], PLAIN),
      ...yourTurn(PLAIN),
    ];
    // The folder of a clone may have any name.
    const own = lines.map((line) => line.replace(/'.*detour\.mjs'/, 'PROGRAM'));
    for (const line of own) expect(line).toMatch(/^[\x20-\x7e]*$/);
    const story = storyLines(direct, detour, PLAIN, plain);
    expect(
      story.filter((line) => /DIRECT|DETOUR|KILLED|, exit|you said|Nobody has a copy/.test(line)),
    ).toEqual([
      ' DIRECT  synchronous',
      ' 5.6 ms, bob: KILLED',
      ' UNKNOWN, exit 20',
      ' Before or after reading: same FIN. Nobody has a copy.',
      ' you said DELIVERED: no',
      ' DETOUR  asynchronous',
      ' 46.0 ms, bob: KILLED',
      ' STORED, exit 0',
      ' you said UNKNOWN: no',
    ]);
    expect(tableLines([{ number: 3, story: killed, direct, detour }], PLAIN)).toEqual([
      ' STORY 3 bob killed: shown, not answered, DIRECT UNKNOWN, DETOUR STORED, twice, YOU 0/2',
    ]);
    // Its lines are longer than the terminal is wide, which the pages take into account.
    for (const rows of [10, 24])
      for (const page of pagesOf(story, rows, 40)) {
        const taken = page.map((line) => Math.max(1, Math.ceil(line.length / 40)));
        expect(taken.reduce((sum, one) => sum + one)).toBeLessThan(rows);
      }
  });

  it('is cut into pages that fit the terminal, between the routes if it can', () => {
    const lines = storyLines(direct, detour, 60, plain);
    for (let rows = 10; rows <= 60; rows += 1) {
      const pages = pagesOf(lines, rows);
      expect(pages.flat()).toEqual(lines);
      for (const page of pages) expect(page.length).toBeLessThan(rows);
    }
    expect(pagesOf(lines, 30).map(([first]) => first)).toEqual([
      ' DIRECT  synchronous',
      ' DETOUR  asynchronous',
    ]);
    expect(pagesOf(lines, Number.POSITIVE_INFINITY)).toEqual([lines]);
  });

  it('says in words whether a guess was right, and sums up', () => {
    const lines = storyLines(direct, detour, 80, plain).join('\n');
    expect(lines).toContain('you said DELIVERED: no');
    expect(lines).toContain('you said UNKNOWN: no');
    expect(tableLines([{ number: 3, story: killed, direct, detour }], 80)[1]).toMatch(
      /^ 3 bob killed.* UNKNOWN +STORED, twice +0\/2$/,
    );
    const silent = { ...direct, guess: undefined };
    expect(
      tableLines(
        [{ number: 3, story: killed, direct: silent, detour: { ...detour, guess: undefined } }],
        80,
      )[0],
    ).not.toContain('YOU');
  });

  it('says what is not as expected', () => {
    const wrong = playedScene(
      { ...killed.direct, expect: { verdict: 'DELIVERED', shown: 1 } },
      directKill(),
      20,
    );
    const lines = storyLines(wrong, detour, 80, plain).join('\n');
    expect(lines).toContain('NOT AS EXPECTED: alice says UNKNOWN,');
  });
});

/** The longest texts of the progress line. */
function progressTexts(columns: number): string[] {
  const texts: string[] = [];
  const at = { time: '2026-01-31T14:02:11.000000000Z', actor: 'bob', pid: 1 };
  const line = new ProgressLine(
    (text) => texts.push(text),
    () => columns,
  );
  for (const route of ['direct', 'detour'] as const) {
    line.saw(route, { ...at, event: 'arriving', conn: 1, have: 100, size: 100 });
    line.saw(route, { ...at, event: 'stopping', why: 'kill' });
  }
  return texts;
}

describe('the stories', () => {
  it('have names and texts that fit their places', () => {
    expect(new Set(STORIES.map(({ name }) => name)).size).toBe(STORIES.length);
    for (const { name, title, short, direct: one, detour: other } of STORIES) {
      expect(name).toMatch(/^[a-z-]+$/);
      expect(title.length).toBeLessThanOrEqual(60);
      expect(short.length).toBeLessThanOrEqual(34);
      for (const scene of [one, other]) {
        for (const shown of [0, 1]) {
          const lines = scene?.lesson({ verdict: 'UNKNOWN', shown, kept: 1234.5, took: 12_345.6 }) ?? [];
          for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(scene === other ? 39 : 36);
        }
      }
    }
  });
});
