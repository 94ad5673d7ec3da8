// Stories and questions: the menu, the question before, and what to do after.

import { useEffect, useRef, useState } from 'preact/hooks';
import type { StoryState, StoryTitle } from '../messages.ts';
import { attempt, mayCommand } from './notices.tsx';
import type { Step } from './question.tsx';
import { Question } from './question.tsx';
import { useView } from './store.ts';
import { score, TallyTable } from './tally.tsx';

/** Shows the question of a story or of the class plan. */
export const choose = (name: string): Promise<boolean> => attempt({ story: name, do: 'choose' });

/** Ends everything that runs, and starts free play afresh. */
export const freePlay = (): Promise<boolean> => attempt({ stage: 'reset' });

/** What is asked before a story is played: one thing for each route. */
const stepsOf = ({ question: text, answers, routes }: StoryState): readonly Step[] =>
  routes.map(({ route }) => ({ route, text, answers }));

/** The question of the story that was chosen, in the middle of the page. */
export function StoryQuestion({ story }: { story: StoryState }) {
  return (
    <Question
      key={story.name}
      title={headline(story)}
      steps={stepsOf(story)}
      onDone={(given) => {
        const guesses = Object.fromEntries(
          story.routes.flatMap(({ route }, index) =>
            given[index] === undefined ? [] : [[route, given[index]]],
          ),
        );
        return attempt({ story: story.name, do: 'answer', guesses });
      }}
      onClose={() => void freePlay()}
      closeText="free play"
    />
  );
}

const headline = ({ number, title }: Pick<StoryTitle, 'number' | 'title'>): string => `${number}. ${title}`;

const KINDS = [
  ['story', 'stories of the demo'],
  ['question', 'questions of the class plan'],
] as const;

/** The menu of everything that can be played, with the tally below. It stays open until something is chosen or Esc is pressed. */
export function Menu({ open, onOpen }: { open: boolean; onOpen: (open: boolean) => void }) {
  const view = useView();
  const { stories, story, tally } = view;
  const may = mayCommand(view);
  const panel = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!open) return;
    panel.current?.querySelector('button')?.focus();
    const away = (event: Event): void => {
      const target = event.target as Node;
      if (panel.current?.contains(target) || button.current?.contains(target)) return;
      onOpen(false);
    };
    const leave = (event: KeyboardEvent): void => {
      if (event.key !== 'Escape') return;
      onOpen(false);
      button.current?.focus();
    };
    document.addEventListener('keydown', leave);
    document.addEventListener('focusin', away);
    document.addEventListener('pointerdown', away);
    return () => {
      document.removeEventListener('keydown', leave);
      document.removeEventListener('focusin', away);
      document.removeEventListener('pointerdown', away);
    };
  }, [open]);
  const run = (start: Promise<boolean>): void => {
    onOpen(false);
    button.current?.focus();
    void start;
  };
  return (
    <div class="menu">
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
        <div ref={panel} class="menu-panel">
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

/** Below the halves while a story is chosen: how far it is, and what comes next. */
export function StoryBar({ story }: { story: StoryState }) {
  const view = useView();
  const { stories, tally } = view;
  const may = mayCommand(view);
  const [showTally, setShowTally] = useState(false);
  const next = useRef<HTMLButtonElement>(null);
  const over = story.state === 'over';
  const at = stories.findIndex(({ name }) => name === story.name);
  const following = at < 0 ? undefined : stories[at + 1];
  // The next thing to do is what a teacher with one finger on Enter does next.
  useEffect(() => {
    if (over && document.activeElement === document.body) next.current?.focus({ preventScroll: true });
  }, [over, story.name]);
  return (
    <div class="story-bar" data-testid="story-bar" data-state={story.state}>
      <p class="progress" role="status">
        {story.failure !== undefined
          ? `This could not be played: ${story.failure}`
          : { asks: 'The class guesses first.', plays: 'It happens now …', over: 'It is over.' }[story.state]}
      </p>
      {tally.stories.length === 0 ? null : (
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
            <button
              ref={next}
              type="button"
              class="main"
              onClick={() => void choose(following.name)}
              data-testid="next"
            >
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
