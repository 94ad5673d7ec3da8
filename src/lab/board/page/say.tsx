// The box to say something by either route or by both, with the guess first.

import { useState } from 'preact/hooks';
import type { Route } from '../messages.ts';
import { attempt } from './notices.tsx';
import type { Step } from './question.tsx';
import { guessesOf, Question, SUCCESS } from './question.tsx';

const TEXT_ID = 'say-text';

/** Puts the cursor into the box. */
export const focusSay = (): void => document.getElementById(TEXT_ID)?.focus();

const stepFor = (route: Route): Step => ({
  route,
  text: "What will alice's program say?",
  answers: [
    { key: 'd', text: SUCCESS[route] },
    { key: 'n', text: 'not delivered' },
    { key: 'u', text: 'unknown' },
  ],
});

interface Said {
  readonly say: string;
  readonly by: Route | 'both';
}

/** The box, its three buttons, and the question before a message is sent. */
export function Say() {
  const [text, setText] = useState('hello bob');
  const [guessFirst, setGuessFirst] = useState(true);
  const [asked, setAsked] = useState<Said>();
  const say = (by: Route | 'both'): void => {
    if (text === '') focusSay();
    else if (guessFirst) setAsked({ say: text, by });
    else void attempt({ say: text, by });
  };
  const routes: readonly Route[] =
    asked?.by === 'both' ? ['direct', 'detour'] : asked ? [asked.by as Route] : [];
  const send = async (given: readonly (string | undefined)[]): Promise<boolean> => {
    if (asked === undefined) return true;
    const done = await attempt({ ...asked, guesses: guessesOf(routes, given) });
    if (done) setAsked(undefined);
    return done;
  };
  return (
    <>
      <form
        class="say"
        onSubmit={(event) => {
          event.preventDefault();
          say('both');
        }}
      >
        <label for={TEXT_ID}>say</label>
        <input
          id={TEXT_ID}
          type="text"
          value={text}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => setText(event.currentTarget.value)}
          data-testid="say-text"
        />
        <button type="button" onClick={() => say('direct')} data-testid="say-direct">
          direct
        </button>
        <button type="button" onClick={() => say('detour')} data-testid="say-detour">
          detour
        </button>
        <button type="submit" class="main" data-testid="say-both">
          both
        </button>
        <label class="check">
          <input
            type="checkbox"
            checked={guessFirst}
            onChange={(event) => setGuessFirst(event.currentTarget.checked)}
            data-testid="guess-first"
          />
          guess first
        </label>
        <button
          type="button"
          class="quiet"
          onClick={() => void attempt({ stage: 'reset' })}
          data-testid="reset"
        >
          reset
        </button>
      </form>
      {asked === undefined ? null : (
        <Question
          title={`alice says: ${asked.say}`}
          steps={routes.map(stepFor)}
          onDone={send}
          onClose={() => setAsked(undefined)}
          closeText="do not send"
        />
      )}
    </>
  );
}
