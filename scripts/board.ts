// The board in a real browser: every story with its guess, every button with what follows from it, and what nobody may do.
//
//   npx tsx scripts/board.ts [--only WORD] [--pictures DIR]
//
// It takes Debian's chromium, or the browser that CHROMIUM names. --only runs the tests with this word in their title. --pictures takes pictures
// of every story for a person to look at, and tests nothing.

import { parseArgs } from 'node:util';
import { exports, follow, logFiles, restart } from './board/files.ts';
import { browserPath, type Check, launch, runOn } from './board/ground.ts';
import { accessibility, pictures, touched } from './board/look.ts';
import { hostileLogs, hostileTalk, otherSites, watchers } from './board/safety.ts';
import { freePlay, guessing } from './board/stage.ts';
import { questions, stories } from './board/stories.ts';

const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, pictures: { type: 'string' } },
});

/** What takes a minute by itself, and everything else: one after the other each, at the same time, on two processors. */
const LANES: readonly (readonly Check[])[] = [
  [stories, questions, restart, follow],
  [
    freePlay,
    guessing,
    hostileTalk,
    hostileLogs,
    watchers,
    otherSites,
    exports,
    logFiles,
    ...accessibility,
    touched,
  ],
];

const path = browserPath();
if (path === undefined) {
  console.error('There is no browser: apt-get install chromium, or name one in CHROMIUM.');
  process.exit(1);
}
const browser = await launch(path);
let passed = 0;
let failed = 0;

async function runAll(checks: readonly Check[]): Promise<void> {
  for (const check of checks) {
    if (!check.title.includes(values.only)) continue;
    const began = performance.now();
    try {
      await runOn(browser, check);
      passed += 1;
      console.log(`ok      ${check.title} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${check.title}\n${error instanceof Error ? error.stack : String(error)}`);
    }
  }
}

await Promise.all((values.pictures === undefined ? LANES : [[pictures(values.pictures)]]).map(runAll));
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
