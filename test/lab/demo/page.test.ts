// How the demo looks: within its columns at every width, side by side if there is room, with colour as an extra.

import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  type Guess,
  introLines,
  type Paint,
  type PlayedScene,
  storyLines,
  tableLines,
} from '../../../src/lab/demo/page.ts';
import { STORIES } from '../../../src/lab/demo/stories.ts';
import type { Scene, Story } from '../../../src/lab/demo/story.ts';
import { type ProcessRecord, verifyScene } from '../../../src/lab/demo/verify.ts';
import { type Actor, detourKill, directKill } from '../../trace/histories.ts';

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
    for (let columns = 50; columns <= 140; columns += 3) {
      const lines = [
        ...introLines(columns),
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
