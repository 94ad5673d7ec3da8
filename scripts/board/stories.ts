// Every story and every question, played through the page, each with a guess first.

import { deepStrictEqual, equal, match, ok } from 'node:assert/strict';
import type { Page } from 'playwright-core';
import type { VerdictName } from '../../src/core/event.ts';
import { CHOICES } from '../../src/lab/board/stories.ts';
import { STORIES } from '../../src/lab/demo/stories.ts';
import { at, type Board, type Check, verdictOf } from './ground.ts';

const KEY: Readonly<Record<VerdictName, string>> = {
  DELIVERED: 'd',
  STORED: 'd',
  NOT_DELIVERED: 'n',
  UNKNOWN: 'u',
};
const ROUTES = ['direct', 'detour'] as const;

/** Opens the question of a story by the menu. */
export async function choose(page: Page, name: string): Promise<void> {
  await at(page, 'story-menu').click();
  await at(page, `story-${name}`).click();
  await at(page, 'question').waitFor();
}

/** Waits until what was chosen has been played. */
export const untilOver = (page: Page): Promise<void> =>
  page.locator('[data-testid="playing"][data-state="over"]').waitFor();

// Nothing of what will happen can be seen, or has happened, before the question is answered.
async function isHidden(page: Page, board: Board): Promise<void> {
  equal(await at(page, 'row').count(), 0);
  for (const route of ROUTES) equal(await at(page, `verdict-${route}`).count(), 0);
  deepStrictEqual(
    (await board.run()).filter(({ kind }) => kind === 'events'),
    [],
  );
}

// How wide what is in an element is, and how wide the element is, in pixels.
async function widthsOf(page: Page, id: string): Promise<readonly [number, number]> {
  const find = `document.querySelector('[data-testid="${id}"]')`;
  return (await page.evaluate(`[${find}.scrollWidth, ${find}.clientWidth]`)) as [number, number];
}

/** Plays every story on one board, by the keyboard, with one right guess and one wrong one. */
export const stories: Check = {
  title: `${STORIES.length} stories, each with its guess first`,
  async run(ground) {
    const board = await ground.board();
    const page = await ground.open(board.address);
    for (const story of STORIES) {
      await choose(page, story.name);
      await isHidden(page, board);
      const routes = ROUTES.filter((route) => story[route] !== undefined);
      for (const route of routes) {
        const right = KEY[story[route]?.expect.verdict ?? 'UNKNOWN'];
        // The guess for the detour is wrong.
        const said = route === 'direct' ? right : right === 'n' ? 'u' : 'n';
        await at(page, `answer-${said}`).waitFor();
        await page.keyboard.press(said);
      }
      await untilOver(page);
      for (const route of routes) {
        const name = `${story.name}, ${route}`;
        const expected = story[route]?.expect.verdict;
        equal(await verdictOf(page, route), expected, name);
        // The first alice's: a second one may have repeated the message.
        const events = (await board.run()).flatMap((one) => (one.kind === 'events' ? one.events : []));
        const logged = events.find(
          (one) => one.route === route && one.recorded.actor === 'alice' && one.recorded.event === 'verdict',
        );
        equal(logged?.recorded.event === 'verdict' && logged.recorded.verdict, expected, `${name}: its log`);
        const outcome = await at(page, `outcome-${route}`).innerText();
        match(outcome, route === 'direct' ? /right/ : /wrong/, name);
        ok((await at(page, 'row').count()) > 3, name);
        const [inner, outer] = await widthsOf(page, `copies-${route}`);
        ok(inner <= outer, `${name}: who has a copy takes ${inner} px, and there are ${outer}`);
      }
    }
    match(await at(page, 'tally').innerText(), /\d+ of \d+/);
  },
};

/** Plays the questions of the class plan, by clicks; every other one is skipped. */
export const questions: Check = {
  title: 'the questions of the class plan, each answered or skipped',
  async run(ground) {
    const board = await ground.board();
    const page = await ground.open(board.address);
    const names = CHOICES.map(({ title }) => title).filter(({ kind }) => kind === 'question');
    ok(names.length >= 4);
    for (const [index, { name }] of names.entries()) {
      await choose(page, name);
      await isHidden(page, board);
      if (index % 2 === 0) await page.locator('[data-testid^="answer-"]').first().click();
      else await at(page, 'skip').click();
      await untilOver(page);
      match(
        await at(page, 'conclusion').innerText(),
        index % 2 === 0 ? /You said/ : /^(?!.*You said)/s,
        name,
      );
    }
  },
};
