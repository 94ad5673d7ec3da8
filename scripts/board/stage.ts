// Free play by clicks: what was done to a process or a line, and the verdict that follows from it, which must be the one in alice's log.

import { deepStrictEqual, equal, match, ok } from 'node:assert/strict';
import type { Page } from 'playwright-core';
import type { Route } from '../../src/lab/board/messages.ts';
import { at, type Board, type Check, until, verdictOf } from './ground.ts';

/** Says something by a route, without a guess, and returns the verdict when the page and the log of that alice have it. */
export async function say(page: Page, board: Board, route: Route, text: string): Promise<string> {
  const before = (await board.newest('verdict', 'alice', route))?.pid;
  await at(page, 'guess-first').setChecked(false);
  await at(page, 'say-text').fill(text);
  await at(page, `say-${route}`).click();
  let logged: string | undefined;
  await until(`alice has a verdict on the route ${route}`, async () => {
    const verdict = await board.newest('verdict', 'alice', route);
    if (verdict === undefined || verdict.pid === before) return false;
    logged = verdict.verdict;
    const card = await at(page, `actor-${route}/alice`).innerText();
    return card.includes(`pid ${verdict.pid}`) && card.includes(`exit ${verdict.exit}`);
  });
  await until(`the page says ${logged}`, async () => (await verdictOf(page, route)) === logged);
  return logged ?? '';
}

const press = (page: Page, what: string): Promise<void> => at(page, `do-${what}`).click();

async function becomes(page: Page, what: string, state: RegExp): Promise<void> {
  await until(`${what} is ${state}`, async () => state.test(await at(page, what).innerText()));
}

/** Kill, freeze, thaw, stop, cut and heal on both routes. */
export const freePlay: Check = {
  title: 'free play: kill, freeze, cut, and the verdict of the log each time',
  async run(ground) {
    const board = await ground.board();
    const page = await ground.open(board.address);
    for (const who of ['direct/bob', 'detour/relay', 'detour/bob'])
      await becomes(page, `actor-${who}`, /running/);
    equal(await say(page, board, 'direct', 'hello'), 'DELIVERED');
    equal(await say(page, board, 'detour', '--hello <b>'), 'STORED');
    match(await at(page, 'copies-direct').innerText(), /hello/);

    await press(page, 'direct/bob-freeze');
    await becomes(page, 'actor-direct/bob', /frozen/);
    const frozen = await say(page, board, 'direct', 'are you there?');
    ok(['NOT_DELIVERED', 'UNKNOWN'].includes(frozen), frozen);
    await press(page, 'direct/bob-thaw');
    await becomes(page, 'actor-direct/bob', /running/);

    await press(page, 'direct/line-cut');
    await becomes(page, 'line-direct/line', /cut/);
    ok(['NOT_DELIVERED', 'UNKNOWN'].includes(await say(page, board, 'direct', 'cut')));
    await press(page, 'direct/line-heal');
    await becomes(page, 'line-direct/line', /up/);

    await press(page, 'direct/bob-kill');
    await becomes(page, 'actor-direct/bob', /killed|SIGKILL/);
    equal(await say(page, board, 'direct', 'nobody listens'), 'NOT_DELIVERED');
    await press(page, 'direct/bob-start');
    await becomes(page, 'actor-direct/bob', /running/);
    equal(await say(page, board, 'direct', 'again'), 'DELIVERED');

    // bob is not there, and the relay is killed and started again: the message is kept.
    await press(page, 'detour/bob-kill');
    await becomes(page, 'actor-detour/bob', /killed|SIGKILL/);
    equal(await say(page, board, 'detour', 'for later'), 'STORED');
    await press(page, 'detour/relay-kill');
    await becomes(page, 'actor-detour/relay', /killed|SIGKILL/);
    await press(page, 'detour/relay-start');
    await becomes(page, 'actor-detour/relay', /running/);
    await press(page, 'detour/bob-start');
    await until('bob shows it', async () =>
      /for later/.test(JSON.stringify(await board.newest('shown', 'bob', 'detour'))),
    );

    await at(page, 'reset').click();
    await until(
      'the stage is cleared',
      async () => (await board.newest('shown', 'bob', 'detour')) === undefined,
    );
    await until('its rows are gone', async () => !(await page.innerText('body')).includes('for later'));
  },
};

/** The guess comes before the message, and the answer by the keyboard. */
export const guessing: Check = {
  title: 'the guess comes before the message is sent',
  async run(ground) {
    const board = await ground.board();
    const page = await ground.open(board.address);
    await becomes(page, 'actor-direct/bob', /running/);
    await at(page, 'say-text').fill('du bist dran');
    await at(page, 'say-direct').click();
    await at(page, 'question').waitFor();
    equal(await board.newest('verdict', 'alice', 'direct'), undefined);
    await page.keyboard.press('n');
    await until('alice has a verdict', async () => (await at(page, 'verdict-direct').count()) === 1);
    await until('the guess is judged', async () => /you said .*: wrong/s.test(await page.innerText('body')));
    const tally = (await board.run()).findLast(({ kind }) => kind === 'tally');
    deepStrictEqual(
      tally?.kind === 'tally' && tally.tally.stories.map(({ guess, right }) => [guess, right]),
      [['n', false]],
    );
  },
};
