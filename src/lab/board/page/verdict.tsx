// Below each half: what alice's program has concluded, and whether the class had guessed it.

import { useRef } from 'preact/hooks';
import type { VerdictName } from '../../../core/event.ts';
import type { Guess, Outcome, Route } from '../messages.ts';
import type { View } from './store.ts';
import { explain, useView } from './store.ts';
import { guessText, Verdict } from './tally.tsx';

/** A verdict that a process recorded. */
interface Newest {
  readonly verdict: VerdictName;
  readonly exit: number;
  readonly code: string;
  readonly pid: number;
}

interface Kept {
  run: number;
  /** The number of the last event that was looked at. */
  upTo: number;
  newest: Newest | undefined;
}

/** The newest verdict of a half. Each event is looked at once. @param routeOf the half of an event */
function useNewest({ run, events }: View, route: Route): Newest | undefined {
  const kept = useRef<Kept>({ run, upTo: 0, newest: undefined }).current;
  if (kept.run !== run) Object.assign(kept, { run, upTo: 0, newest: undefined });
  for (let at = events.length - 1; at >= 0; at -= 1) {
    const event = events[at];
    if (event === undefined || event.n <= kept.upTo) break;
    if (event.route !== route || event.recorded.event !== 'verdict') continue;
    const { verdict, exit, code, pid } = event.recorded;
    kept.newest = { verdict, exit, code, pid };
    break;
  }
  kept.upTo = events.at(-1)?.n ?? kept.upTo;
  return kept.newest;
}

/** What alice may conclude on this route, in one line; of a story that is over, with its lesson. */
export function VerdictStrip({ route }: { route: Route }) {
  const view = useView();
  const newest = useNewest(view, route);
  const outcome = view.story?.routes.find((one) => one.route === route)?.outcome;
  if (outcome !== undefined)
    return <Over route={route} outcome={outcome} code={codeOf(view, newest, outcome.verdict)} />;
  const guess = newest && view.tally.stories.findLast((one) => one.route === route && one.pid === newest.pid);
  return (
    <section class="strip" aria-label={`the verdict of the ${route} route`} aria-live="polite">
      {newest === undefined ? (
        <span class="none">no verdict yet</span>
      ) : (
        <>
          <span data-testid={`verdict-${route}`}>
            <Verdict verdict={newest.verdict} />
          </span>
          <span>exit {newest.exit}</span>
          <Why code={codeOf(view, newest, newest.verdict)} />
          {guess === undefined ? null : <Guessed guess={guess.guess} right={guess.right} route={route} />}
        </>
      )}
    </section>
  );
}

/** What `explain` knows about a verdict: its own code, else the verdict. */
function codeOf(
  { explanations }: View,
  newest: Newest | undefined,
  verdict: VerdictName,
): string | undefined {
  return [newest?.code, verdict].find((code) => code !== undefined && explanations.has(code));
}

function Why({ code }: { code: string | undefined }) {
  if (code === undefined) return null;
  return (
    <button type="button" class="quiet why" onClick={() => explain(code)}>
      why?
    </button>
  );
}

function Guessed({ guess, right, route }: { guess: Guess; right: boolean; route: Route }) {
  return (
    <span class={right ? 'guessed right' : 'guessed wrong'}>
      you said {guessText(guess, route)}: <b>{right ? 'right' : 'wrong'}</b>
    </span>
  );
}

function Over({ route, outcome, code }: { route: Route; outcome: Outcome; code: string | undefined }) {
  const { verdict, exit, lesson, faults, guess, right } = outcome;
  return (
    <section class="strip over" aria-label={`how the ${route} route ended`} data-testid={`outcome-${route}`}>
      <p>
        <span data-testid={`verdict-${route}`}>
          <Verdict verdict={verdict} />
        </span>
        <span>exit {exit}</span>
        <Why code={code} />
        {guess === undefined || right === undefined ? null : (
          <Guessed guess={guess} right={right} route={route} />
        )}
      </p>
      <p class="lesson">{lesson.join(' ')}</p>
      {faults.map((fault) => (
        <p class="fault" key={fault}>
          Not as expected: {fault}
        </p>
      ))}
    </section>
  );
}
