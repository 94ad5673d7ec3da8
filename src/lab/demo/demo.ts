// Tells the stories: it asks for a guess, has real processes play both routes, verifies and draws them, and sums up.

import { existsSync } from 'node:fs';
import type { Emit } from '../../core/event.ts';
import { asciiJson } from '../../core/visible.ts';
import { hanging, wrap } from '../../core/wrap.ts';
import type { Stage } from '../stage/stage.ts';
import type { Answer } from './keys.ts';
import {
  type Guess,
  guessedVerdict,
  introLines,
  type Paint,
  type PlayedScene,
  pagesOf,
  pauseLine,
  questionLines,
  type Result,
  storyLines,
  tableLines,
} from './page.ts';
import { playScene } from './play.ts';
import { ProgressLine } from './progress-line.ts';
import { STORIES } from './stories.ts';
import type { Scene, Story } from './story.ts';
import { yourTurn } from './your-turn.ts';

/** How the demo is told. */
export interface DemoOptions {
  /** The stories, with their numbers. */
  readonly stories: readonly { readonly number: number; readonly story: Story }[];
  /** The current width of the output: a window may be resized between two stories. `PLAIN` for plain output. */
  readonly columns: () => number;
  /** The current height of the terminal. Needed only with `ask`. Default: no limit. */
  readonly rows?: (() => number) | undefined;
  /** Where the terminal breaks a line that is longer than `columns`, as those of plain output may be. Default: nowhere. */
  readonly breaksAt?: (() => number) | undefined;
  readonly paint: Paint;
  /** Prints a text. */
  readonly write: (text: string) => void;
  /**
   * Asks for one key, and waits for it. Undefined if nobody can be asked: then the demo never waits.
   * @param fresh ignore keys that were typed before this call
   */
  readonly ask?: ((fresh: boolean) => Promise<Answer>) | undefined;
  /** Prints one line of JSON per route and one at the end, instead of text. */
  readonly json?: boolean | undefined;
  /** Is given each guess as soon as it is made, and each verdict. */
  readonly emit?: Emit | undefined;
  /** Shows the progress in place of what it showed before; an empty text clears it. Only on a terminal. */
  readonly busy?: ((text: string) => void) | undefined;
  /** Another program for the actors (see Stage). */
  readonly program?: readonly string[] | undefined;
}

/** Finds a story by name or number; undefined if there is none. */
export function findStory(wanted: string): { number: number; story: Story } | undefined {
  return numbered().find(({ number, story }) => story.name === wanted || String(number) === wanted);
}

/** All stories with their numbers. */
export const numbered = (): { number: number; story: Story }[] =>
  STORIES.map((story, index) => ({ number: index + 1, story }));

/**
 * Tells the stories.
 * @returns true if every verdict is as expected and no process and no folder is left over
 */
export async function runDemo(options: DemoOptions): Promise<boolean> {
  const { stories, columns, paint, json } = options;
  const print = (lines: readonly string[]): void => options.write(`${lines.join('\n')}\n`);
  const stages: Stage[] = [];
  const results: Result[] = [];
  let asking = options.ask !== undefined;
  if (!json) print([...introLines(columns()), '']);
  for (const { number, story } of stories) {
    const title = wrap(`STORY ${number} of ${STORIES.length}: ${story.title}`, columns() - 2);
    if (!json) print(title.map((line) => paint('bold', ` ${line}`)));
    let guesses: Guesses = {};
    if (asking && options.ask !== undefined) {
      print(questionLines(columns(), results.length === 0));
      const answer = await askGuesses(story, options.ask, options);
      if (answer === 'quit') break;
      if (answer === 'silence') asking = false;
      else guesses = answer;
    }
    const progress = new ProgressLine(options.busy, columns);
    const [direct, detour] = await playBoth(story, guesses, stages, options.program, progress).finally(() =>
      progress.end(),
    );
    results.push({ number, story, direct, detour });
    for (const [route, one] of Object.entries({ direct, detour }) as [Route, PlayedScene | undefined][]) {
      if (one === undefined) continue;
      options.emit?.({ event: 'scene', story: story.name, route, verdict: one.verification.verdict });
    }
    if (json) {
      printJson(story, { direct, detour }, print);
      continue;
    }
    const next = results.length < stories.length ? 'next story' : 'the results';
    const lines = storyLines(direct, detour, columns(), paint);
    if (!(await turnPages(lines, next, options, print))) break;
    print(['']);
  }
  return sumUp(results, stages, options, print);
}

// Prints a story, and waits for Enter before anything scrolls away unread. Returns false if the person wants to quit.
async function turnPages(
  lines: readonly string[],
  next: string,
  options: DemoOptions,
  print: (lines: readonly string[]) => void,
): Promise<boolean> {
  print(['']);
  const pages = pagesOf(lines, options.rows?.() ?? Number.POSITIVE_INFINITY, options.breaksAt?.());
  for (const [index, page] of pages.entries()) {
    print(page);
    if (!(await goesOn(index + 1 < pages.length ? 'more' : next, options))) return false;
  }
  return true;
}

// Waits for Enter, if somebody is there to press it. Returns false if the person wants to quit.
async function goesOn(next: string, { ask, busy, write, columns }: DemoOptions): Promise<boolean> {
  if (ask === undefined) return true;
  const hint = pauseLine(next, columns());
  if (busy === undefined) write(hint);
  else busy(hint);
  let answer = await ask(true);
  while (answer !== 'skip' && answer !== 'quit') answer = await ask(true);
  if (busy === undefined) write('\n');
  else busy('');
  return answer === 'skip';
}

// Plays both routes at the same time: they share nothing but the computer. If one fails, the other is still cleared before this rejects.
async function playBoth(
  { direct, detour }: Story,
  guesses: Guesses,
  stages: Stage[],
  program: DemoOptions['program'],
  progress: ProgressLine,
): Promise<[PlayedScene | undefined, PlayedScene]> {
  const play = (route: Route, scene: Scene): Promise<PlayedScene> =>
    playScene(scene, guesses[route], stages, { program, watch: (recorded) => progress.saw(route, recorded) });
  const one = direct === undefined ? undefined : play('direct', direct);
  const other = play('detour', detour);
  await Promise.allSettled([one, other]);
  return [await one, await other];
}

type Route = keyof Guesses;

interface Guesses {
  direct?: Guess;
  detour?: Guess;
}

async function askGuesses(
  story: Story,
  ask: (fresh: boolean) => Promise<Answer>,
  { write, emit }: DemoOptions,
): Promise<Guesses | 'silence' | 'quit'> {
  const guesses: Guesses = {};
  const routes = story.direct === undefined ? (['detour'] as const) : (['direct', 'detour'] as const);
  for (const [index, route] of routes.entries()) {
    write(`${index === 0 ? '   ' : '      '}${route}: `);
    const answer = await ask(index === 0);
    if (answer === 'quit' || answer === 'silence') {
      write('\n');
      return answer;
    }
    write(answer === 'skip' ? '-' : answer);
    if (answer === 'skip') continue;
    guesses[route] = answer;
    emit?.({ event: 'guess', story: story.name, route, guess: guessedVerdict(answer, route) });
  }
  write('\n');
  return guesses;
}

function printJson(
  story: Story,
  played: Record<'direct' | 'detour', PlayedScene | undefined>,
  print: (lines: string[]) => void,
): void {
  for (const [route, one] of Object.entries(played)) {
    if (one === undefined) continue;
    const { verdict, exit, shown, faults } = one.verification;
    const expected = one.scene.expect.verdict;
    print([
      asciiJson(
        JSON.stringify({ event: 'scene', story: story.name, route, verdict, expected, exit, shown, faults }),
      ),
    ]);
  }
}

function sumUp(
  results: readonly Result[],
  stages: readonly Stage[],
  { columns, paint, json, stories }: DemoOptions,
  print: (lines: readonly string[]) => void,
): boolean {
  const faults = results.flatMap(({ direct, detour }) => [
    ...(direct?.verification.faults ?? []),
    ...detour.verification.faults,
  ]);
  const left = stages.flatMap((stage) => stage.leftOver());
  const dirs = stages.map(({ dir }) => dir).filter((dir) => existsSync(dir));
  const ok = faults.length === 0 && left.length === 0 && dirs.length === 0;
  if (json) {
    print([asciiJson(JSON.stringify({ event: 'demo', ok, stories: results.length, left }))]);
    return ok;
  }
  const verdicts =
    faults.length === 0 ? 'All verdicts as expected' : `${faults.length} not as expected (see above)`;
  const others = left.length === 0 ? 'no process left over' : `left over: pid ${left.join(', ')}`;
  const files = dirs.length === 0 ? '' : ` Files left over: ${dirs.join(', ')}`;
  const unplayed = stories.length - results.length;
  const missing = unplayed === 0 ? '' : ` ${unplayed} not played.`;
  const width = columns();
  const all = hanging(' ', `${verdicts}; ${others}.${files}${missing}`, width);
  if (results.length > 0)
    print([...tableLines(results, width), ...all.map((line) => paint(ok ? 'green' : 'red', line))]);
  print(yourTurn(width));
  return ok;
}
