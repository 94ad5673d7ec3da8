// Does the board's page stay smooth on a long run? Scrolls and scrubs through 2,000 frames in a real browser, and measures the time between two
// frames of the screen. Not a part of `npm run bench`, which compares relays:
//
//   npx tsx scripts/bench/board.ts
//
// It fails if the 95th percentile is above 50 ms.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { quantile } from '../../src/lab/compare/statistics.ts';
import { at, Board, browserPath, launch } from '../board/ground.ts';
import { FRAMES, recordLongRun } from '../board/recorded.ts';

/** The 95th percentile that is still smooth for a class that looks, in milliseconds. */
const MOST_MS = 50;
/** How long each is done, in milliseconds, and how often in that time. */
const DURATION_MS = 6000;
const STEP_MS = 40;
/** How long the page is given to draw everything at first. */
const SETTLE_MS = 5000;

// Notes the time of each frame of the screen, and which rows were in view.
const WATCH = `(() => {
  window.frames_ = [];
  window.seen_ = new Set();
  const note = (at) => {
    window.frames_.push(at);
    for (const row of document.querySelectorAll('[data-testid=row]')) window.seen_.add(row.dataset.key);
    requestAnimationFrame(note);
  };
  requestAnimationFrame(note);
})()`;

async function measure(page: Page, title: string, act: (part: number) => Promise<void>): Promise<boolean> {
  await page.evaluate('window.frames_.length = 0; window.seen_.clear()');
  const began = performance.now();
  for (let part = 0; part < 1; part = (performance.now() - began) / DURATION_MS) {
    await act(part);
    await page.waitForTimeout(STEP_MS);
  }
  const frames = (await page.evaluate('window.frames_')) as readonly number[];
  const rows = (await page.evaluate('window.seen_.size')) as number;
  const gaps = frames.slice(1).map((time, index) => time - (frames[index] ?? time));
  const sorted = gaps.sort((a, b) => a - b);
  const [half, most, all] = [0.5, 0.95, 1].map((part) => quantile(sorted, part) ?? Number.POSITIVE_INFINITY);
  console.log(
    `${title}: ${gaps.length} frames, median ${half?.toFixed(1)} ms, p95 ${most?.toFixed(1)} ms, longest ${all?.toFixed(1)} ms; ${rows} rows were seen`,
  );
  return (most ?? 0) <= MOST_MS;
}

const path = browserPath();
if (path === undefined) {
  console.error('There is no browser: apt-get install chromium, or name one in CHROMIUM.');
  process.exit(1);
}
const dir = mkdtempSync(join(tmpdir(), 'detour-bench-'));
const browser = await launch(path);
try {
  await recordLongRun(dir);
  const board = await Board.start(['alice', 'bob'].map((name) => join(dir, `recorded-${name}.log`)));
  const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
  await page.goto(board.address);
  await at(page, 'row').first().waitFor();
  await page.waitForTimeout(SETTLE_MS);
  await page.evaluate(WATCH);
  const box = await at(page, 'row').last().boundingBox();
  await page.mouse.move((box?.x ?? 0) + 100, (box?.y ?? 0) + 5);
  console.log(`a run with ${FRAMES} frames, 1280×720`);
  const smooth = [
    await measure(page, 'nothing happens', async () => {}),
    await measure(page, 'scrolling', (part) => page.mouse.wheel(0, part < 0.5 ? -300 : 300)),
    await measure(page, 'scrubbing', async (part) => {
      const scrub = at(page, 'scrub');
      const most = Number(await scrub.getAttribute('max'));
      await scrub.fill(String(Math.round(most * Math.abs(1 - 2 * part))));
    }),
  ];
  await board.stop();
  process.exitCode = smooth.every(Boolean) ? 0 : 1;
} finally {
  await browser.close();
  rmSync(dir, { recursive: true, force: true });
}
