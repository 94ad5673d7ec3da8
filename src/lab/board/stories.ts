// What can be chosen from the menu: the stories of the demo and the questions of the class plan. Each is played as the demo plays it, after
// it was answered.

import { DetourError, reasonOf } from '../../core/error.ts';
import type { Recorded, VerdictName } from '../../core/event.ts';
import { numbered } from '../demo/demo.ts';
import { ANSWERS, isRight, type PlayedScene, QUESTION } from '../demo/page.ts';
import { playScene } from '../demo/play.ts';
import type { Stage } from '../stage/stage.ts';
import { CLASS_PLAN, type PlanQuestion } from './class-plan.ts';
import type { Guess, Outcome, Route, StoryState, StoryTitle } from './messages.ts';

/** One thing that can be chosen. */
export interface Choice {
  readonly title: StoryTitle;
  readonly question: string;
  readonly answers: StoryState['answers'];
  readonly scenes: PlanQuestion['scenes'];
  /** Of a question: finds the right answer in what was recorded. */
  readonly conclude?: PlanQuestion['conclude'];
}

/** Everything that can be chosen: the stories with the numbers that they have in the demo, then the questions. */
export const CHOICES: readonly Choice[] = [
  ...numbered().map(({ number, story: { name, title, direct, detour } }) => ({
    title: { name, number, title, kind: 'story' as const },
    question: QUESTION,
    answers: ANSWERS,
    scenes: { ...(direct && { direct }), detour },
  })),
  ...CLASS_PLAN.map(({ name, title, question, answers, scenes, conclude }, index) => ({
    title: { name, number: numbered().length + 1 + index, title, kind: 'question' as const },
    question,
    answers,
    scenes,
    conclude,
  })),
];

/** What was answered: a guess for each route of a story, or the key of an answer to a question. */
export interface Answer {
  readonly guesses: Readonly<Partial<Record<Route, Guess>>>;
  readonly choice?: string | undefined;
}

/** What a run tells. */
export interface RunOptions {
  /** The program of the actors, as for a `Stage`. */
  readonly program?: readonly string[] | undefined;
  readonly event: (recorded: Recorded, route: Route) => void;
  /** `state` has changed. */
  readonly changed: () => void;
  /** A guess was right or wrong. */
  readonly judged: (route: Route, guess: Guess, verdict: VerdictName, right: boolean) => void;
  /** The answer to a question was right or wrong. */
  readonly answered: (choice: string, right: boolean) => void;
}

/** A story that was chosen: its question, and later its run. */
export class StoryRun {
  readonly #choice: Choice;
  readonly #options: RunOptions;
  readonly #stages: Stage[] = [];
  readonly #routes: readonly Route[];
  readonly #outcomes: Partial<Record<Route, Outcome>> = {};
  readonly #played: Partial<Record<Route, PlayedScene>> = {};
  #state: StoryState['state'] = 'asks';
  #failure: string | undefined;
  #chosen: string | undefined;
  #right: Pick<StoryState, 'rightAnswer' | 'because'> = {};
  #closed = false;
  #over: Promise<void> = Promise.resolve();

  constructor(choice: Choice, options: RunOptions) {
    this.#choice = choice;
    this.#options = options;
    this.#routes = (['direct', 'detour'] as const).filter((route) => choice.scenes[route] !== undefined);
  }

  /** The story as the page shows it. */
  state(): StoryState {
    const { title, question, answers, scenes } = this.#choice;
    return {
      ...title,
      state: this.#state,
      question,
      answers,
      routes: this.#routes.map((route) => {
        const places = this.#played[route]?.places;
        const outcome = this.#outcomes[route];
        return {
          route,
          lanes: scenes[route]?.lanes ?? [],
          ...(places !== undefined && { places: Object.fromEntries(places) }),
          ...(outcome !== undefined && { outcome }),
        };
      }),
      ...(this.#chosen !== undefined && { choice: this.#chosen }),
      ...this.#right,
      ...(this.#failure !== undefined && { failure: this.#failure }),
    };
  }

  /**
   * Begins to play it, all its routes at the same time.
   * @param begins is called before the first process is started
   * @throws DetourError `usage` if it is not asking, or has no such answer
   */
  play({ guesses, choice }: Answer, begins: () => void): void {
    const { title, answers, conclude } = this.#choice;
    if (this.#state !== 'asks')
      throw new DetourError(
        'usage',
        `"${title.title}" was answered before.`,
        'Choose it again to play it again.',
      );
    if (choice !== undefined && (conclude === undefined || !answers.some(({ key }) => key === choice)))
      throw new DetourError('usage', `"${title.title}" has no such answer.`);
    begins();
    this.#state = 'plays';
    this.#chosen = choice;
    this.#over = this.#playAll(guesses);
    this.#options.changed();
  }

  /** Resolves when it has been played, has failed, or was closed. */
  over(): Promise<void> {
    return this.#over;
  }

  /** Ends its processes, and removes their files. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#stages.map((stage) => stage.close()));
    await this.#over;
  }

  async #playAll(guesses: Answer['guesses']): Promise<void> {
    const results = await Promise.allSettled(
      this.#routes.map((route) => this.#playOne(route, guesses[route])),
    );
    if (this.#closed) return;
    const failures = results.flatMap((result) =>
      result.status === 'rejected' ? [reasonOf(result.reason)] : [],
    );
    if (failures.length > 0) this.#failure = failures.join('\n');
    else this.#conclude();
    this.#state = 'over';
    this.#options.changed();
  }

  async #playOne(route: Route, guess: Guess | undefined): Promise<void> {
    const { [route]: scene } = this.#choice.scenes;
    if (scene === undefined) return;
    const played = await playScene(scene, guess, this.#stages, {
      program: this.#options.program,
      // Ctrl-C is for the board: it closes this.
      onInterrupt: () => {},
      watch: (recorded) => {
        if (!this.#closed) this.#options.event(recorded, route);
      },
    });
    if (this.#closed) return;
    const { verdict, exit, faults } = played.verification;
    const right = guess === undefined ? undefined : isRight(guess, verdict);
    this.#played[route] = played;
    this.#outcomes[route] = {
      verdict,
      exit,
      lesson: scene.lesson(played.verification),
      faults,
      ...(guess !== undefined && { guess }),
      ...(right !== undefined && { right }),
    };
    if (guess !== undefined && right !== undefined) this.#options.judged(route, guess, verdict, right);
    this.#options.changed();
  }

  #conclude(): void {
    const { conclude } = this.#choice;
    if (conclude === undefined) return;
    const { answer, because } = conclude(this.#played);
    this.#right = { because, ...(answer !== undefined && { rightAnswer: answer }) };
    if (this.#chosen !== undefined && answer !== undefined)
      this.#options.answered(this.#chosen, this.#chosen === answer);
  }
}
