// A run as a file, a page whose board goes and comes back, and logs that grow.

import { deepStrictEqual, equal, ok } from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { readLog } from '../../src/trace/read.ts';
import { at, type Check, until } from './ground.ts';
import { say } from './stage.ts';
import { choose, untilOver } from './stories.ts';

// What each row says, first in full; how much of that fits into the drawing depends on the width.
const namesOf = async (page: Page): Promise<string[]> =>
  (await at(page, 'row').allInnerTexts()).map((text) => text.split('\n')[0] ?? '');

/** The exported file opens without a server, shows the same rows, and scrubs. */
export const exports: Check = {
  title: 'the export opens from a file, shows the same rows, and scrubs',
  async run(ground) {
    const board = await ground.board();
    const page = await ground.open(board.address);
    await choose(page, 'killed');
    for (const _ of ['direct', 'detour']) await at(page, 'skip').click();
    await untilOver(page);
    const rows = await namesOf(page);
    const coming = page.waitForEvent('download');
    await at(page, 'export').click();
    const file = join(ground.dir, 'run.html');
    await (await coming).saveAs(file);
    await page.close();
    await board.stop();
    ok(!readFileSync(file, 'utf8').includes(new URL(board.address).hash.slice(7)), 'the token is not in it');
    const kept = await ground.open(pathToFileURL(file).href);
    await at(kept, 'row').first().waitFor();
    deepStrictEqual(await namesOf(kept), rows);
    equal(await kept.locator('[data-testid^="do-"], [data-testid="say-text"]').count(), 0);
    await at(kept, 'scrub').fill('0');
    await until('only the first rows are shown', async () => (await at(kept, 'row').count()) < rows.length);
    await at(kept, 'step').click();
    await at(kept, 'live').click();
    await until('all rows are shown again', async () => (await at(kept, 'row').count()) === rows.length);
  },
};

/** The logs of a run that the page offers. */
export const logFiles: Check = {
  title: 'the log of a process is the one that detour trace reads',
  async run(ground) {
    const board = await ground.board();
    const page = await ground.open(board.address);
    await until('bob runs', async () => /running/.test(await at(page, 'actor-direct/bob').innerText()));
    await say(page, board, 'direct', 'hello');
    await at(page, 'logs').click();
    const coming = page.waitForEvent('download');
    await page.locator('a[href^="logs/alice-"]').first().click();
    const file = join(ground.dir, 'alice.log');
    await (await coming).saveAs(file);
    const { events } = readLog(file);
    ok(events.some(({ event }) => event === 'verdict'));
    deepStrictEqual([...new Set(events.map(({ actor }) => actor))], ['alice']);
  },
};

/** The board is killed and started again at the same port. */
export const restart: Check = {
  title: 'a page notices that the board is gone, and that another one has come',
  async run(ground) {
    const board = await ground.board();
    const page = await ground.open(board.address, { expects: /ERR_|Failed to load|403/ });
    await until('bob runs', async () => /running/.test(await at(page, 'actor-direct/bob').innerText()));
    await say(page, board, 'direct', 'the old board');
    const state = (): Promise<string> => at(page, 'connection').innerText();
    equal(await state(), 'live');
    await board.process.kill();
    await until('the page has lost it', async () => (await state()) !== 'live');
    const next = await ground.board([], board.port);
    await until('the page is live again', async () => (await state()) === 'live');
    await until('what was there is forgotten', async () => (await at(page, 'verdict-direct').count()) === 0);
    // The new board has a new token, so this page can only watch it.
    await until('the page says how to command', async () =>
      /open the address that it has printed/.test(await page.innerText('body')),
    );
    await until('no buttons', async () => (await at(page, 'do-direct/bob-kill').count()) === 0);
    await next.stop();
    await until('the page says that it has gone', async () => /gone/.test(await state()));
  },
};

/** Logs that do not exist yet, and then grow, by two ordinary processes. */
export const follow: Check = {
  title: 'logs that grow are shown as they grow',
  async run(ground) {
    const [one, two] = [join(ground.dir, 'a.log'), join(ground.dir, 'b.log')];
    writeFileSync(one, '');
    const board = await ground.board([one, two]);
    const page = await ground.open(board.address);
    const story = await ground.board();
    const played = await ground.open(story.address);
    await until('bob runs', async () => /running/.test(await at(played, 'actor-direct/bob').innerText()));
    await say(played, story, 'direct', 'hello');
    const events = (await story.run()).flatMap((all) => (all.kind === 'events' ? all.events : []));
    const logOf = async (name: string): Promise<string> => {
      const pid = events.find(({ recorded, route }) => recorded.actor === name && route === 'direct')
        ?.recorded.pid;
      return await (await fetch(`${story.plain}logs/${name}-${pid}.log`)).text();
    };
    writeFileSync(two, await logOf('bob'));
    const alice = await logOf('alice');
    // A line comes in two parts.
    appendFileSync(one, alice.slice(0, alice.length / 2));
    await at(page, 'row').first().waitFor();
    appendFileSync(one, alice.slice(alice.length / 2));
    await until('the verdict is shown', async () => (await at(page, 'verdict-direct').count()) === 1);
    equal(await at(page, 'verdict-direct').innerText(), 'DELIVERED');
  },
};
