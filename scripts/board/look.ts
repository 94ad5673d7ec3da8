// How the page looks and how much it costs to keep it up to date: accessibility in every state, in both themes; and what is touched by an event.

import { deepStrictEqual, ok } from 'node:assert/strict';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { STORIES } from '../../src/lab/demo/stories.ts';
import { at, type Check, type Look, until } from './ground.ts';
import { recordLongRun } from './recorded.ts';
import { say } from './stage.ts';
import { choose, untilOver } from './stories.ts';

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

// What axe finds on a page, as far as it is serious. The page's policy does not hold for what the browser's driver runs.
async function seriousOn(page: Page, state: string): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = (await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")) as {
    readonly violations: readonly Violation[];
  };
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${state}: ${id}: ${html} ${failureSummary}`),
    );
}

const accessible = (scheme: 'light' | 'dark', size: { width: number; height: number }): Check => ({
  title: `axe finds nothing serious: ${scheme}, ${size.width}×${size.height}`,
  async run(ground) {
    const board = await ground.board();
    const page = await ground.open(board.address, { scheme, size });
    const found: string[] = [];
    const look = async (state: string): Promise<void> => {
      found.push(...(await seriousOn(page, state)));
    };
    await until('bob runs', async () => /running/.test(await at(page, 'actor-detour/bob').innerText()));
    await look('at first');
    await say(page, board, 'direct', 'hello');
    await say(page, board, 'detour', 'hello');
    await at(page, 'row').first().click();
    await look('free play, with details');
    await page.keyboard.press('Escape');
    await at(page, 'do-direct/bob-freeze').click();
    await at(page, 'do-direct/line-cut').click();
    await until('bob is frozen', async () => /frozen/.test(await at(page, 'actor-direct/bob').innerText()));
    await look('frozen and cut');
    await at(page, 'help').click();
    await look('help');
    await page.keyboard.press('Escape');
    await at(page, 'story-menu').click();
    await look('menu');
    await page.keyboard.press('Escape');
    await choose(page, 'absent');
    await look('question');
    for (const _ of ['direct', 'detour']) await page.keyboard.press('d');
    await untilOver(page);
    await at(page, 'pause').click();
    await look('story, paused');
    const watcher = await ground.open(board.plain, { scheme, size });
    await at(watcher, 'row').first().waitFor();
    found.push(...(await seriousOn(watcher, 'watching')));
    deepStrictEqual(found, []);
  },
});

/** In each theme, at the two sizes of projectors; and on a phone. */
export const accessibility: readonly Check[] = [
  accessible('light', { width: 1280, height: 720 }),
  accessible('dark', { width: 1024, height: 768 }),
  accessible('light', { width: 390, height: 844 }),
];

/** How many elements may change because of one event, however many rows there are. */
const MOST_TOUCHED = 200;

// Collects every element that is changed, added or removed.
const COUNT = `(() => {
  window.touched = new Set();
  const add = (node) => {
    const element = node.nodeType === 1 ? node : node.parentElement;
    if (element !== null) window.touched.add(element);
  };
  new MutationObserver((changes) => {
    for (const { type, target, addedNodes, removedNodes } of changes) {
      if (type !== 'childList') add(target);
      for (const node of [...addedNodes, ...removedNodes]) {
        add(node);
        if (node.nodeType === 1) for (const inner of node.querySelectorAll('*')) add(inner);
      }
    }
  }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
})()`;

/** How many lines are added at the end, one at a time. */
const ADDED = 8;
/** If nothing has changed for this long, in milliseconds, the page has drawn everything that it knows. */
const QUIET_MS = 1200;

/** What an event costs on a page with 2,000 frames. */
export const touched: Check = {
  title: `with 2,000 frames an event touches at most ${MOST_TOUCHED} elements`,
  async run(ground) {
    const { alice, bob } = await recordLongRun(ground.dir);
    const logs = [join(ground.dir, 'alice.log'), join(ground.dir, 'bob.log')] as const;
    writeFileSync(logs[0], alice.slice(0, -ADDED).join(''));
    writeFileSync(logs[1], bob.join(''));
    const board = await ground.board([...logs]);
    const page = await ground.open(board.address);
    // The page draws a long run only from time to time, because that takes a while.
    const settled = async (): Promise<void> => {
      let before = '';
      await until('nothing moves', async () => {
        await page.waitForTimeout(QUIET_MS);
        const now = await page.innerText('body');
        const same = now === before;
        before = now;
        return same;
      });
    };
    await at(page, 'row').first().waitFor();
    await settled();
    await settled();
    await page.evaluate(COUNT);
    const counts: number[] = [];
    for (const line of alice.slice(-ADDED)) {
      await page.evaluate('window.touched.clear()');
      appendFileSync(logs[0], line);
      await settled();
      counts.push((await page.evaluate('window.touched.size')) as number);
    }
    console.log(`    elements touched by each of ${ADDED} events: ${counts.join(' ')}`);
    ok(Math.max(...counts) > 0, 'nothing was touched: the events have not come');
    ok(Math.max(...counts) <= MOST_TOUCHED, `at most ${MOST_TOUCHED}, but it was ${Math.max(...counts)}`);
  },
};

const LOOKS: readonly (Required<Omit<Look, 'expects'>> & { readonly name: string })[] = [
  { name: '1280-light', size: { width: 1280, height: 720 }, scheme: 'light' },
  { name: '1280-dark', size: { width: 1280, height: 720 }, scheme: 'dark' },
  { name: '1024-light', size: { width: 1024, height: 768 }, scheme: 'light' },
  { name: '1024-dark', size: { width: 1024, height: 768 }, scheme: 'dark' },
];

/** Pictures of every story, for a person to look at. @param dir where they go */
export const pictures = (dir: string): Check => ({
  title: `pictures of ${STORIES.length} stories in ${LOOKS.length} looks: ${dir}`,
  async run(ground) {
    mkdirSync(dir, { recursive: true });
    const board = await ground.board();
    const pages: [string, Page][] = [];
    for (const { name, ...look } of LOOKS) pages.push([name, await ground.open(board.address, look)]);
    const shoot = async (state: string): Promise<void> => {
      for (const [name, page] of pages) {
        await page.waitForTimeout(300);
        await page.screenshot({ path: join(dir, `${state}-${name}.png`) });
      }
    };
    const [, first] = pages[0] ?? [];
    if (first === undefined) return;
    for (const [index, story] of STORIES.entries()) {
      await choose(first, story.name);
      await shoot(`${index + 1}-${story.name}-asks`);
      const routes = story.direct === undefined ? 1 : 2;
      for (let step = 0; step < routes; step += 1) await first.keyboard.press('u');
      for (const [, page] of pages) await untilOver(page);
      await shoot(`${index + 1}-${story.name}-over`);
    }
  },
});
