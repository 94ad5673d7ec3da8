// The question before something is shown: who predicts first learns more from what comes (Crouch 2004).

import { useEffect, useLayoutEffect, useState } from 'preact/hooks';
import type { Guess, Route } from '../messages.ts';
import { Dialog } from './dialog.tsx';
import { keyAction } from './keys.ts';

/** One thing that is asked. */
export interface Step {
  /** The route that it is about; undefined if it is about both. */
  readonly route?: Route;
  readonly text: string;
  /** The answers: the key to press, and the words. */
  readonly answers: readonly { readonly key: string; readonly text: string }[];
}

interface QuestionProps {
  readonly title: string;
  /** Asked one after the other. */
  readonly steps: readonly Step[];
  /** Called with the key of the answer to each step; undefined where it was skipped. Resolves to false if that failed: then it asks again. */
  readonly onDone: (given: readonly (string | undefined)[]) => Promise<boolean>;
  readonly onClose: () => void;
  readonly closeText: string;
}

/** How a route is named in a question. */
const ROUTE_TEXT: Readonly<Record<Route, string>> = {
  direct: 'the direct route',
  detour: 'the detour',
};

/** What alice's program says on a route when all went well. */
export const SUCCESS: Readonly<Record<Route, string>> = { direct: 'delivered', detour: 'stored' };

/** The guesses for the routes that were asked about; a route that was skipped has none. */
export function guessesOf(
  routes: readonly Route[],
  given: readonly (string | undefined)[],
): Readonly<Partial<Record<Route, Guess>>> {
  const made = routes.map((route, index) => [route, given[index]] as const);
  return Object.fromEntries(made.filter(([, key]) => key !== undefined));
}

/** Asks one thing after the other, by buttons and by keys. Nothing is shown before the last one is answered or skipped. */
export function Question({ title, steps, onDone, onClose, closeText }: QuestionProps) {
  const [given, setGiven] = useState<readonly (string | undefined)[]>([]);
  const step = steps[given.length];
  const answer = (key: string | undefined): void => {
    const all = [...given, key];
    setGiven(all);
    if (all.length === steps.length) void onDone(all).then((done) => done || setGiven([]));
  };
  // Before the first drawing: whoever knows the keys does not wait for it.
  useLayoutEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      const modified = event.ctrlKey || event.altKey || event.metaKey;
      // A key that is held down answers one question, not two.
      if (event.repeat || step === undefined) return;
      const action = keyAction(
        { key: event.key, modified, focus: 'page' },
        step.answers.map(({ key }) => key),
      );
      if (action?.do === 'answer') answer(action.key);
      else if (action?.do === 'skip') answer(undefined);
    };
    document.addEventListener('keydown', pressed);
    return () => document.removeEventListener('keydown', pressed);
  });
  useEffect(() => {
    // Then the run is what matters: space pauses it, and does not press the button that had the focus before.
    const away = (): void => {
      if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    };
    return () => queueMicrotask(away);
  }, []);
  return (
    <Dialog title={title} testId="question" onClose={onClose} closeText={closeText}>
      {step === undefined ? (
        <p class="ask">It begins …</p>
      ) : (
        <div key={given.length} aria-live="polite">
          <p class="ask">
            {step.route === undefined ? null : <b>{ROUTE_TEXT[step.route]}: </b>}
            {step.text}
          </p>
          <p class="answers">
            {step.answers.map(({ key, text }) => (
              <button
                key={key}
                type="button"
                class="answer"
                onClick={() => answer(key)}
                data-testid={`answer-${key}`}
              >
                <kbd>{key.toUpperCase()}</kbd>
                <span>{text}</span>
              </button>
            ))}
          </p>
          <p class="below">
            {steps.length > 1 ? `question ${given.length + 1} of ${steps.length}` : ''}
            <button type="button" class="quiet" onClick={() => answer(undefined)} data-testid="skip">
              skip, just show it <kbd>S</kbd>
            </button>
          </p>
        </div>
      )}
    </Dialog>
  );
}
