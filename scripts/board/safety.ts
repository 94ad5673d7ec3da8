// What nobody may do: command without the token, command from another site's page, or make the page run a text from the network.

import { deepStrictEqual, equal, ok } from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Recorded } from '../../src/core/event.ts';
import { formatJson } from '../../src/trace/line.ts';
import { at, browserPath, type Check, launch, until } from './ground.ts';

/** Texts that a careless page would run, obey, or show as something else. */
const HOSTILE = [
  '<script>window.hit=1</script>',
  '<img src=x onerror="window.hit=1">',
  '<svg/onload=window.hit=1>',
  '"><iframe srcdoc="<script>parent.hit=1</script>">',
  "'-(window.hit=1)-'",
  `$${'{window.hit=1}{{window.hit=1}}'}`,
  'javascript:window.hit=1',
  '</title></style></textarea></script><script>window.hit=1</script>',
  '<a href="javascript:window.hit=1" id="run" name="board">x</a><base href="http://example.org/">',
  '<meta http-equiv="refresh" content="0;url=http://example.org/">',
  '<style>*{display:none}</style><link rel=stylesheet href=http://example.org/x.css>',
  '&lt;script&gt;&#x3c;script&#x3e;',
  '\u202egnp.exe \u2066x\u2069 \u200b\u00ad',
  '\u001b]0;title\u0007\u001b[2J\u001b[31mred\u009b1m',
  '\u0000\u0008\u007f\ud800 \udc00\ufeff',
  `${'\u0301'.repeat(200)}zalgo`,
  'w'.repeat(3000),
] as const;

/**
 * From now on notes everything on the page that a text may have made: elements that its own program never makes, and characters that must not be
 * there. Each state of the page counts, however short.
 */
const WATCH = `(() => {
  window.injected = new Set();
  const look = () => {
    if (window.hit !== undefined) window.injected.add('a script has run');
    for (const one of document.querySelectorAll('script:not([src="page.js"]), iframe, object, embed, base, a[href^="javascript"], img, body style, meta[http-equiv=refresh]'))
      window.injected.add(one.outerHTML);
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode())
      if (/[\\u0000-\\u0008\\u000e-\\u001f\\u007f-\\u009f\\u200b\\u202a-\\u202e\\u2066-\\u2069]/.test(texts.currentNode.data)) window.injected.add(texts.currentNode.data);
  };
  look();
  new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
})()`;
const INJECTED = '[...window.injected]';

/** Hostile texts in a log file, in every field that takes a text. */
export const hostileLogs: Check = {
  title: `${HOSTILE.length} hostile texts in every field of a log`,
  async run(ground) {
    let ms = 0;
    const stamp = (): Pick<Recorded, 'time' | 'actor' | 'pid'> => {
      ms += 1;
      return { time: `2026-01-01T00:00:00.${String(ms).padStart(3, '0')}000000Z`, actor: 'bob', pid: 7 };
    };
    const ends = { conn: 1, local: '127.0.0.1:1', remote: '127.0.0.1:2' };
    const lines = HOSTILE.flatMap((text, index): Recorded[] => [
      { ...stamp(), event: 'started', version: '1', argv: text, system: text, node: '1', host: text },
      { ...stamp(), event: 'accepted', ...ends },
      {
        ...stamp(),
        event: 'sent',
        conn: 1,
        n: index + 1,
        verb: 'READY',
        fields: { as: '<script>hit=1</script>' },
      },
      { ...stamp(), event: 'shown', id: `a${index}`, from: 'alice', size: text.length, text },
      { ...stamp(), event: 'refused', conn: 1, code: 'busy', reason: text },
      { ...stamp(), event: 'unfinished', conn: 1, bytes: 3, start: text },
      { ...stamp(), event: 'broken', conn: 1, code: 'ECONNRESET', syscall: text },
      { ...stamp(), event: 'reconnecting', ms: 1, why: text, text },
      { ...stamp(), event: 'notice', text },
      { ...stamp(), event: 'outcome', verdict: 'UNKNOWN', code: text, id: text, ms: 1 },
    ]);
    const log = join(ground.dir, '<img src=x onerror=hit=1>.log');
    writeFileSync(
      log,
      `${lines.map((line) => formatJson(line)).join('\n')}\n${HOSTILE[0]}\n`.replace(/\n[^\n]*\n$/, '\n'),
    );
    const board = await ground.board([log, join(ground.dir, '<b>not there</b>.log')]);
    const page = await ground.open(board.address);
    await page.evaluate(WATCH);
    await at(page, 'row').first().waitFor();
    await at(page, 'notice').first().waitFor();
    // Each row is shown with its details once.
    for (const row of await at(page, 'row').all())
      await row.dispatchEvent('click', {}, { timeout: 1000 }).catch(() => {});
    await at(page, 'details').waitFor();
    deepStrictEqual(await page.evaluate(INJECTED), []);
  },
};

/** Hostile texts that somebody says. */
export const hostileTalk: Check = {
  title: 'hostile texts that somebody says, by both routes',
  async run(ground) {
    const board = await ground.board();
    const page = await ground.open(board.address);
    await page.evaluate(WATCH);
    await at(page, 'guess-first').setChecked(false);
    await until('bob runs', async () => /running/.test(await at(page, 'actor-detour/bob').innerText()));
    const texts = HOSTILE.filter((text) => text.length < 1000 && !text.includes('\0'));
    // Several in one message: each message is a process that starts.
    const said = texts.flatMap((_, index) =>
      index % 4 === 0 ? [texts.slice(index, index + 4).join(' ')] : [],
    );
    const shown = async (): Promise<number> =>
      (await board.run()).flatMap((one) =>
        one.kind === 'events' ? one.events.filter(({ recorded }) => recorded.event === 'shown') : [],
      ).length;
    for (const [index, text] of said.entries()) {
      await at(page, 'say-text').fill(text);
      await at(page, 'say-both').click();
      await until(`${JSON.stringify(text)} is shown`, async () => (await shown()) === 2 * (index + 1));
    }
    for (const row of await at(page, 'row').all())
      await row.dispatchEvent('click', {}, { timeout: 1000 }).catch(() => {});
    await at(page, 'details').waitFor();
    deepStrictEqual(await page.evaluate(INJECTED), []);
  },
};

/** What a page without the token sees and may do; and one with another token. */
export const watchers: Check = {
  title: 'whoever has no token watches, and cannot command',
  async run(ground) {
    const board = await ground.board();
    const page = await ground.open(board.plain, { expects: /403/ });
    await until('bob runs', async () => /running/.test(await at(page, 'actor-direct/bob').innerText()));
    equal(
      await page.locator('[data-testid^="do-"], [data-testid^="say-"], [data-testid="reset"]').count(),
      0,
    );
    const post = (headers: string): Promise<unknown> =>
      page.evaluate(
        `fetch('commands', { method: 'POST', headers: ${headers}, body: '{"actor":"direct/bob","do":"kill"}' }).then((r) => r.status)`,
      );
    equal(await post("{ 'content-type': 'application/json' }"), 403);
    equal(await post("{ 'content-type': 'application/json', 'x-detour-token': 'x' }"), 403);
    const guesser = await ground.open(`${board.plain}#token=guessed`, { expects: /403/ });
    await at(guesser, 'do-direct/bob-kill').click();
    await until('the page says why not', async () => /token/.test(await guesser.innerText('body')));
    ok(/running/.test(await at(page, 'actor-direct/bob').innerText()));
  },
};

/** A page of another site, in the same browser, which even knows the token; and a name of another site that leads to the board. */
export const otherSites: Check = {
  title: "another site's page can neither command nor watch, by no name",
  async run(ground) {
    const board = await ground.board();
    const token = new URL(board.address).hash.replace('#token=', '');
    const site = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<p>x'));
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    const { port } = site.address() as AddressInfo;
    const path = browserPath() ?? '';
    const browser = await launch(path, ['--host-resolver-rules=MAP evil.test 127.0.0.1']);
    try {
      const page = await browser.newPage();
      const command = (address: string, type: string): Promise<unknown> =>
        page.evaluate(
          `fetch('${address}commands', { method: 'POST', headers: { 'content-type': '${type}', 'x-detour-token': '${token}' }, body: '{"actor":"direct/bob","do":"kill"}' }).then((r) => r.status, () => 'failed')`,
        );
      const watch = (address: string): Promise<unknown> =>
        page.evaluate(
          `new Promise((resolve) => { const s = new EventSource('${address}events'); s.onmessage = () => resolve('seen'); s.onerror = () => resolve('failed'); })`,
        );
      await page.goto(`http://127.0.0.1:${port}/`);
      equal(await command(board.plain, 'application/json'), 'failed');
      equal(await watch(board.plain), 'failed');
      const framed = await page.evaluate(
        `new Promise((resolve) => { const f = document.createElement('iframe'); f.src = '${board.plain}'; f.onload = () => { try { resolve(f.contentDocument?.body?.innerText ?? 'nothing') } catch { resolve('nothing') } }; document.body.append(f); })`,
      );
      equal(framed, 'nothing');
      const evil = `http://evil.test:${board.port}/`;
      equal((await page.goto(evil))?.status(), 403);
      equal(await command(evil, 'application/json'), 403);
      equal(await watch(evil), 'failed');
      equal((await fetch(board.plain)).status, 200);
      const stage = (await board.run()).findLast(({ kind }) => kind === 'stage');
      const bob =
        stage?.kind === 'stage' ? stage.stage.actors.find(({ id }) => id === 'direct/bob') : undefined;
      equal(bob?.state, 'running');
    } finally {
      await browser.close();
      site.close();
    }
  },
};
