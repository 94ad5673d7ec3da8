// The stage of the board: free play, or a story with its question first. It carries out the commands of the page, and tells what happens.

import { systemClock, type Timer } from '../../core/clock.ts';
import { DetourError } from '../../core/error.ts';
import { visible } from '../../core/visible.ts';
import { isRight } from '../demo/page.ts';
import { FreePlay } from './free-play.ts';
import type { Command, Message, Route, StageState, StoryTitle, Tally } from './messages.ts';
import type { Audience, Source } from './source.ts';
import { CHOICES, StoryRun } from './stories.ts';

/** How a stage is set up. */
export interface PlayOptions {
  /** The program that every actor runs, and its first arguments. Default: the compiled detour. */
  readonly program?: readonly string[] | undefined;
}

/** The name of free play in the tally. */
const FREE = 'free';
/** How many guesses the tally keeps: those of some hundred lessons. */
const MOST_GUESSES = 5000;
/** Changes of the stage within this time are told together, in milliseconds: a process may say many lines at once. */
const TOGETHER_MS = 50;

const EMPTY: StageState = { actors: [], lines: [] };

/**
 * Real processes on both routes. It begins with free play; a story takes its place, and `reset` brings it back. Ctrl-C (SIGINT) does not end
 * it: whoever made it closes it then. SIGTERM and SIGHUP end this process, and the processes and files of the stage with it.
 */
export class Play implements Source {
  readonly mode = 'stage';
  readonly stories: readonly StoryTitle[] = CHOICES.map(({ title }) => title);
  readonly #audience: Audience;
  readonly #options: PlayOptions;
  #free: FreePlay | undefined;
  #run: StoryRun | undefined;
  #tally: Required<Tally> = { stories: [], questions: [] };
  #timer: Timer | undefined;
  #closed = false;
  /** What replaces the stage is done one after the other: two may press `reset` together. */
  #turn: Promise<void> = Promise.resolve();

  /** @throws DetourError `not_built` if there is no compiled program */
  constructor(audience: Audience, options: PlayOptions = {}) {
    this.#audience = audience;
    this.#options = options;
    this.#free = this.#freePlay();
  }

  present(): readonly Message[] {
    const story = this.#run?.state();
    return [
      { kind: 'stage', stage: this.#free?.state() ?? EMPTY },
      { kind: 'story', ...(story && { story }) },
      { kind: 'tally', tally: this.#tally },
    ];
  }

  command(command: Command): Promise<void> {
    if (this.#closed) return Promise.reject(new DetourError('usage', 'The board has ended.'));
    if ('stage' in command) return this.#inTurn(() => this.#reset());
    if ('story' in command && command.do === 'choose') return this.#inTurn(() => this.#choose(command.story));
    if ('story' in command) return this.#inTurn(async () => this.#answer(command));
    if (this.#free === undefined)
      return Promise.reject(
        new DetourError('usage', 'A story is on the stage, not free play.', 'Reset the stage first.'),
      );
    if ('actor' in command) return this.#free.act(command.actor, command.do);
    if ('line' in command) return this.#free.strike(command.line, command.do);
    return this.#say(this.#free, command);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#inTurn(() => this.#leave());
    this.#timer?.cancel();
  }

  #inTurn(act: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(act);
    this.#turn = done.catch(() => {});
    return done;
  }

  async #reset(): Promise<void> {
    await this.#leave();
    if (this.#closed) return;
    this.#audience.clear();
    this.#audience.send({ kind: 'story' });
    this.#free = this.#freePlay();
    this.#tellStage();
  }

  async #choose(name: string): Promise<void> {
    const choice = CHOICES.find(({ title }) => title.name === name);
    if (choice === undefined)
      throw new DetourError('usage', `There is no story "${visible(name, { max: 40 })}".`);
    await this.#leave();
    if (this.#closed) return;
    this.#audience.clear();
    this.#tellStage();
    const run = new StoryRun(choice, {
      program: this.#options.program,
      event: (recorded, route) => this.#audience.event(recorded, route),
      changed: () => this.#audience.send({ kind: 'story', story: run.state() }),
      judged: (route, guess, verdict, right) =>
        this.#count({ stories: [{ name, route, guess, verdict, right }], questions: [] }),
      answered: (chosen, right) => this.#count({ stories: [], questions: [{ name, choice: chosen, right }] }),
    });
    this.#run = run;
    this.#audience.send({ kind: 'story', story: run.state() });
  }

  #answer({ story, guesses, choice }: Extract<Command, { do: 'answer' }>): void {
    const run = this.#run;
    if (run === undefined || run.state().name !== story)
      throw new DetourError('usage', 'That story is not on the stage.', 'Choose it first.');
    run.play({ guesses, choice }, () => this.#audience.clear());
  }

  #say(free: FreePlay, { say, by, guesses = {} }: Extract<Command, { say: string }>): Promise<void> {
    const routes: readonly Route[] = by === 'both' ? ['direct', 'detour'] : [by];
    return free.say(say, routes, (route, verdict, pid) => {
      const { [route]: guess } = guesses;
      if (guess === undefined) return;
      const right = isRight(guess, verdict);
      this.#count({ stories: [{ name: FREE, route, guess, verdict, right, pid }], questions: [] });
    });
  }

  #freePlay(): FreePlay {
    return new FreePlay({
      program: this.#options.program,
      event: (recorded, route) => this.#audience.event(recorded, route),
      changed: () => this.#soon(),
      notice: (text) => this.#audience.send({ kind: 'notice', text }),
    });
  }

  // Ends what is on the stage.
  async #leave(): Promise<void> {
    const [free, run] = [this.#free, this.#run];
    this.#free = undefined;
    this.#run = undefined;
    await Promise.all([free?.close(), run?.close()]);
  }

  #count({ stories, questions }: Required<Tally>): void {
    this.#tally = {
      stories: [...this.#tally.stories, ...stories].slice(-MOST_GUESSES),
      questions: [...this.#tally.questions, ...questions].slice(-MOST_GUESSES),
    };
    this.#audience.send({ kind: 'tally', tally: this.#tally });
  }

  #soon(): void {
    this.#timer ??= systemClock.after(TOGETHER_MS, () => this.#tellStage());
  }

  #tellStage(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (!this.#closed) this.#audience.send({ kind: 'stage', stage: this.#free?.state() ?? EMPTY });
  }
}
