// Tells the stories: it asks for a guess, has real processes play both routes, verifies and draws them, and sums up.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { asciiJson } from '../../core/visible.ts';
import { wrap } from '../../core/wrap.ts';
import type { Stage } from '../stage/stage.ts';
import type { Answer } from './keys.ts';
import {
  type Guess,
  introLines,
  type Paint,
  type PlayedScene,
  type Result,
  storyLines,
  tableLines,
} from './page.ts';
import { playScene } from './play.ts';
import { ProgressLine } from './progress-line.ts';
import { STORIES } from './stories.ts';
import type { Scene, Story } from './story.ts';

/** How the demo is told. */
export interface DemoOptions {
  /** The stories, with their numbers. */
  readonly stories: readonly { readonly number: number; readonly story: Story }[];
  readonly columns: number;
  readonly paint: Paint;
  /** Prints a text. */
  readonly write: (text: string) => void;
  /** Asks for one key; undefined if there is nobody to ask. */
  readonly ask?: (() => Promise<Answer>) | undefined;
  /** Prints one line of JSON per route and one at the end, instead of text. */
  readonly json?: boolean | undefined;
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
  let quit = false;
  if (!json) print([...introLines(columns), '']);
  for (const { number, story } of stories) {
    const title = wrap(`STORY ${number} of ${STORIES.length}: ${story.title}`, columns - 2);
    if (!json) print(title.map((line) => paint('bold', ` ${line}`)));
    let guesses: Guesses = {};
    if (asking && options.ask !== undefined) {
      const answer = await askGuesses(story, options.ask, options.write, results.length === 0);
      if (answer === 'quit') {
        quit = true;
        break;
      }
      if (answer === 'silence') asking = false;
      else guesses = answer;
    }
    const progress = new ProgressLine(options.busy);
    const [direct, detour] = await playBoth(story, guesses, stages, options.program, progress).finally(() =>
      progress.end(),
    );
    results.push({ number, story, direct, detour });
    if (json) printJson(story, { direct, detour }, print);
    else print(['', ...storyLines(direct, detour, columns, paint), '']);
  }
  return sumUp(results, stages, quit, options, print);
}

// Plays both routes at the same time: they share nothing but the computer. If one fails, the other is still cleared before this rejects.
async function playBoth(
  { direct, detour }: Story,
  guesses: Guesses,
  stages: Stage[],
  program: DemoOptions['program'],
  progress: ProgressLine,
): Promise<[PlayedScene | undefined, PlayedScene]> {
  const play = (route: 'direct' | 'detour', scene: Scene): Promise<PlayedScene> =>
    playScene(scene, guesses[route], stages, { program, watch: (recorded) => progress.saw(route, recorded) });
  const one = direct === undefined ? undefined : play('direct', direct);
  const other = play('detour', detour);
  await Promise.allSettled([one, other]);
  return [await one, await other];
}

interface Guesses {
  direct?: Guess;
  detour?: Guess;
}

async function askGuesses(
  story: Story,
  ask: () => Promise<Answer>,
  write: (text: string) => void,
  first: boolean,
): Promise<Guesses | 'silence' | 'quit'> {
  write(" What will alice's program say? d delivered/stored · n not delivered · u unknown\n");
  if (first) write('   (one key each; Enter skip · s skip questions · q quit)\n');
  const guesses: Guesses = {};
  const routes = story.direct === undefined ? (['detour'] as const) : (['direct', 'detour'] as const);
  for (const [index, route] of routes.entries()) {
    write(`${index === 0 ? '   ' : '      '}${route}: `);
    const answer = await ask();
    if (answer === 'quit' || answer === 'silence') {
      write('\n');
      return answer;
    }
    write(answer === 'skip' ? '-' : answer);
    if (answer !== 'skip') guesses[route] = answer;
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
  quit: boolean,
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
  const missing = quit ? ` ${stories.length - results.length} not played.` : '';
  if (results.length > 0)
    print([
      ...tableLines(results, columns),
      paint(ok ? 'green' : 'red', ` ${verdicts}; ${others}.${files}${missing}`),
    ]);
  print(yourTurn(columns));
  return ok;
}

// In a clone, npx finds detour only inside that folder. Installed, detour is a command.
function yourTurn(columns: number): string[] {
  const inClone = existsSync(fileURLToPath(new URL('./demo.ts', import.meta.url)));
  const command = inClone ? 'npx detour' : 'detour';
  const [one, other] = [`${command} sync receive`, `${command} sync send hello bob`];
  return [
    ` Your turn, two terminals${inClone ? ' in THIS folder' : ''}:`,
    ...(columns >= 12 + one.length + other.length
      ? [`   ${one}       ${other}`]
      : [`   ${one}`, `   ${other}`]),
    ` Which route when? Measure it: ${command} compare`,
  ];
}
