// Stories and questions: the menu, the question before, and what to do after.

import { useEffect, useRef, useState } from 'preact/hooks';
import type { StoryState, StoryTitle } from '../messages.ts';
import { useLeave } from './leave.ts';
import { attempt, mayCommand } from './notices.tsx';
import type { Step } from './question.tsx';
import { guessesOf, Question, SUCCESS } from './question.tsx';
import { useView } from './store.ts';
import { guessesIn, score, TallyTable } from './tally.tsx';

/** Shows the question of a story or of the class plan. */
export const choose = (name: string): Promise<boolean> => attempt({ story: name, do: 'choose' });

/** Ends everything that runs, and starts free play afresh. */
const freePlay = (): Promise<boolean> => attempt({ stage: 'reset' });

const isQuestion = (stories: readonly StoryTitle[], { name }: StoryState): boolean =>
  stories.some((one) => one.name === name && one.kind === 'question');

/** The question of the story that was chosen, in the middle of the page. A story asks for each route, a question of the class plan once. */
export function StoryQuestion({ story }: { story: StoryState }) {
  const { stories } = useView();
  const { name, question: text, answers, routes } = story;
  const once = isQuestion(stories, story);
  const steps: readonly Step[] = once
    ? [{ text, answers }]
    : routes.map(({ route }) => {
        const named = answers.map((one) => (one.key === 'd' ? { key: 'd', text: SUCCESS[route] } : one));
        return { route, text, answers: named };
      });
  const answer = (given: readonly (string | undefined)[]): Promise<boolean> => {
    const [choice] = given;
    if (once)
      return attempt({ story: name, do: 'answer', guesses: {}, ...(choice !== undefined && { choice }) });
    return attempt({
      story: name,
      do: 'answer',
      guesses: guessesOf(
        routes.map(({ route }) => route),
        given,
      ),
    });
  };
  return (
    <Question
      key={name}
      title={headline(story)}
      steps={steps}
      onDone={answer}
      onClose={() => void freePlay()}
      closeText="free play"
    />
  );
}

/** The same question for those who watch: they see it, and say their guess aloud. */
export function StoryAsked({ story }: { story: StoryState }) {
  return (
    <section class="asked" aria-label="the question" data-testid="asked">
      <h2>{headline(story)}</h2>
      <p class="ask">{story.question}</p>
      <ul>
        {story.answers.map(({ key, text }) => (
          <li key={key}>
            <kbd>{key.toUpperCase()}</kbd> {text}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The number and the title of a story or question. */
export const headline = ({ number, title }: Pick<StoryTitle, 'number' | 'title'>): string =>
  `${number}. ${title}`;

const KINDS = [
  ['story', 'stories of the demo'],
  ['question', 'questions of the class plan'],
] as const;

/** The menu of everything that can be played, with the tally below. It stays open until something is chosen or Esc is pressed. */
export function Menu({ open, onOpen }: { open: boolean; onOpen: (open: boolean) => void }) {
  const view = useView();
  const { stories, story, tally } = view;
  const may = mayCommand(view);
  const menu = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useLeave(menu, open, () => onOpen(false));
  useEffect(() => {
    if (open) menu.current?.querySelector<HTMLElement>('.item:not(:disabled)')?.focus();
  }, [open]);
  const run = (start: Promise<boolean>): void => {
    onOpen(false);
    button.current?.focus();
    void start;
  };
  return (
    <div class="menu" ref={menu}>
      <button
        ref={button}
        type="button"
        aria-expanded={open}
        onClick={() => onOpen(!open)}
        data-testid="story-menu"
      >
        {story === undefined ? 'free play' : headline(story)} <span aria-hidden="true">▾</span>
      </button>
      {open ? (
        <div class="menu-panel">
          {may ? (
            <button type="button" class="item" onClick={() => run(freePlay())} data-testid="story-free">
              free play
            </button>
          ) : null}
          {KINDS.map(([kind, title]) => {
            const some = stories.filter((one) => one.kind === kind);
            return some.length === 0 ? null : (
              <section key={kind}>
                <h2>{title}</h2>
                <ul>
                  {some.map((one) => (
                    <li key={one.name}>
                      <button
                        type="button"
                        class="item"
                        disabled={!may}
                        aria-current={one.name === story?.name}
                        onClick={() => run(choose(one.name))}
                        data-testid={`story-${one.name}`}
                      >
                        <span class="number">{one.number}</span> {one.title}
                      </button>
                    </li>
                  ))}
                </ul>
              </section>
            );
          })}
          <TallyTable tally={tally} stories={stories} />
        </div>
      ) : null}
    </div>
  );
}

/** What comes after a story in the menu; undefined after the last. */
export function nextOf(stories: readonly StoryTitle[], { name }: StoryState): StoryTitle | undefined {
  const at = stories.findIndex((one) => one.name === name);
  return at < 0 ? undefined : stories[at + 1];
}

const PROGRESS: Readonly<Record<StoryState['state'], string>> = {
  asks: 'The class guesses first.',
  plays: 'It happens now …',
  over: 'It is over.',
};

/** Below the halves while a story is chosen: how far it is, and what comes next. */
export function StoryBar({ story }: { story: StoryState }) {
  const view = useView();
  const { stories, tally } = view;
  const may = mayCommand(view);
  const [showTally, setShowTally] = useState(false);
  const over = story.state === 'over';
  const following = nextOf(stories, story);
  return (
    <div class="story-bar" data-testid="playing" data-state={story.state}>
      {over && story.because !== undefined ? (
        <Conclusion story={story} because={story.because} />
      ) : (
        <p class="progress" role="status">
          {story.failure === undefined ? PROGRESS[story.state] : `This could not be played: ${story.failure}`}
        </p>
      )}
      {guessesIn(tally).length === 0 ? null : (
        <button
          type="button"
          class="quiet"
          aria-expanded={showTally}
          onClick={() => setShowTally(!showTally)}
          data-testid="tally"
        >
          {score(tally)}
        </button>
      )}
      {may ? (
        <p class="choices">
          <button type="button" disabled={!over} onClick={() => void choose(story.name)} data-testid="again">
            again
          </button>
          {following === undefined ? null : (
            <button type="button" class="main" onClick={() => void choose(following.name)} data-testid="next">
              next: {headline(following)}
            </button>
          )}
          <button type="button" class="quiet" onClick={() => void freePlay()} data-testid="reset">
            free play
          </button>
        </p>
      ) : null}
      {showTally ? (
        <div class="tally-panel">
          <TallyTable tally={tally} stories={stories} />
        </div>
      ) : null}
    </div>
  );
}

// The right answer to a question of the class plan, as this run has shown it.
function Conclusion({ story, because }: { story: StoryState; because: string }) {
  const { choice, rightAnswer, answers } = story;
  const textOf = (key: string): string => answers.find((one) => one.key === key)?.text ?? key;
  return (
    <p class="conclusion" role="status" data-testid="conclusion">
      {rightAnswer === undefined ? 'This run does not show it: ' : <b>{textOf(rightAnswer)}: </b>}
      {because}
      {choice === undefined || rightAnswer === undefined ? null : (
        <span class={choice === rightAnswer ? 'guessed right' : 'guessed wrong'}>
          {' '}
          You said “{textOf(choice)}”: <b>{choice === rightAnswer ? 'right' : 'wrong'}</b>
        </span>
      )}
    </p>
  );
}
