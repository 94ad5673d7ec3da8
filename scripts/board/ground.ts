// What the browser tests of the board share: boards as real processes, pages of a real browser, and what is looked at on a page.

import { deepStrictEqual } from 'node:assert';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { Recorded, VerdictName } from '../../src/core/event.ts';
import type { Message, Route } from '../../src/lab/board/messages.ts';
import { MAIN, Program } from '../lib/process.ts';

/** How long something on a page is waited for, in milliseconds. A story may take a quarter of a minute. */
export const PATIENCE_MS = 45_000;

/** Where Debian puts its browser. */
const DEBIAN = '/usr/bin/chromium';

/** The browser to test with: that of Debian, or the one that CHROMIUM names; undefined if it is not there. */
export function browserPath(): string | undefined {
  const path = process.env.CHROMIUM ?? DEBIAN;
  return existsSync(path) ? path : undefined;
}

/**
 * Starts the browser.
 * @param path its program
 * @param more other options of it
 */
export const launch = (path: string, more: readonly string[] = []): Promise<Browser> =>
  chromium.launch({
    executablePath: path,
    // Its sandbox needs a kernel that lets it make one; in a container that runs as root there is none.
    args: [...(process.getuid?.() === 0 || process.env.CI !== undefined ? ['--no-sandbox'] : []), ...more],
  });

/** A board that runs. */
export class Board {
  readonly process: Program;
  readonly port: number;
  /** The address with the token. */
  readonly address: string;
  /** The address without it. */
  readonly plain: string;

  private constructor(program: Program, port: number, token: string | undefined) {
    this.process = program;
    this.port = port;
    this.plain = `http://127.0.0.1:${port}/`;
    this.address = token === undefined ? this.plain : `${this.plain}#token=${token}`;
  }

  /** Starts one and waits until it listens. @param args log files, and other options than `--port` */
  static async start(args: readonly string[] = [], port = 0): Promise<Board> {
    const program = new Program(MAIN, ['board', '--port', String(port), ...args]);
    const match = await program.says(/open {3}http:\/\/[\d.]+:(\d+)\/(?:#token=([\w-]+))?\n/);
    if (match === undefined) throw new Error(`the board has not started: ${program.stderr}`);
    return new Board(program, Number(match[1]), match[2]);
  }

  /** What a page that connects now gets. */
  async run(): Promise<readonly Message[]> {
    const text = await (await fetch(`${this.plain}export`)).text();
    const [, json = ''] = /id="run">(.*?)<\/script>/s.exec(text) ?? [];
    return (JSON.parse(json) as { readonly messages: readonly Message[] }).messages;
  }

  /** The newest event of a kind that a process with this name has recorded on a route; undefined if there is none. */
  async newest<E extends Recorded['event']>(
    event: E,
    actor: string,
    route: Route,
  ): Promise<Extract<Recorded, { event: E }> | undefined> {
    const all = (await this.run()).flatMap((one) => (one.kind === 'events' ? one.events : []));
    const isIt = (one: (typeof all)[number]): boolean =>
      one.route === route && one.recorded.actor === actor && one.recorded.event === event;
    return all.findLast(isIt)?.recorded as Extract<Recorded, { event: E }> | undefined;
  }

  /** Ends it as Ctrl-C does. */
  async stop(): Promise<void> {
    this.process.child.kill('SIGINT');
    await this.process.ended;
  }
}

/** What a test works with. */
export interface Ground {
  readonly browser: Browser;
  /** A folder of its own. */
  readonly dir: string;
  /** Starts a board, which is ended with the test. */
  board(args?: readonly string[], port?: number): Promise<Board>;
  /** Opens a page, in a browser profile of its own. At the end of the test it must have had no error and loaded nothing from elsewhere. */
  open(address: string, look?: Look): Promise<Page>;
}

/** How a page is shown. */
export interface Look {
  readonly size?: { readonly width: number; readonly height: number };
  readonly scheme?: 'light' | 'dark';
  /** What the page may complain of: it is about that. */
  readonly expects?: RegExp;
}

/** One thing that must hold. */
export interface Check {
  readonly title: string;
  /** @throws Error if it does not hold */
  run(ground: Ground): Promise<void>;
}

/** The size of a projector. */
const PROJECTOR = { width: 1280, height: 720 };

/** Runs one check on ground of its own, and clears that. @throws what the check throws, and for each error on its pages */
export async function runOn(browser: Browser, check: Check): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'detour-board-'));
  const boards: Board[] = [];
  const complaints: string[] = [];
  const closing: (() => Promise<void>)[] = [];
  try {
    await check.run({
      browser,
      dir,
      async board(args, port) {
        const board = await Board.start(args, port);
        boards.push(board);
        return board;
      },
      async open(address, { size = PROJECTOR, scheme = 'light', expects } = {}) {
        const context = await browser.newContext({
          viewport: size,
          colorScheme: scheme,
          acceptDownloads: true,
        });
        closing.push(() => context.close());
        context.setDefaultTimeout(PATIENCE_MS);
        const page = await context.newPage();
        const complain = (text: string): void => {
          if (expects?.test(text) !== true) complaints.push(text);
        };
        page.on('pageerror', ({ message }) => complain(`error: ${message}`));
        page.on('console', (line) => line.type() === 'error' && complain(`console: ${line.text()}`));
        page.on('dialog', (dialog) => complain(`dialog: ${dialog.message()}`));
        page.on('request', (request) => {
          if (new URL(request.url()).origin !== new URL(address).origin) complain(`loads ${request.url()}`);
        });
        await page.goto(address);
        return page;
      },
    });
    deepStrictEqual(complaints, []);
  } finally {
    await Promise.all(closing.map((close) => close()));
    await Promise.all(boards.map((board) => board.stop()));
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The elements with this `data-testid`. */
export const at = (page: Page, id: string) => page.locator(`[data-testid="${id}"]`);

/** The newest verdict of a half, as an event names it, as soon as there is one. */
export async function verdictOf(page: Page, route: Route): Promise<VerdictName> {
  const text = await at(page, `verdict-${route}`).innerText();
  return text.trim().replaceAll(' ', '_') as VerdictName;
}

/** Waits until something holds, and looks at it again and again. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`waited ${PATIENCE_MS / 1000} s until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
