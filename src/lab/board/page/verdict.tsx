// Below each half: what alice's program has concluded, and whether the class had guessed it.

import { useMemo } from 'preact/hooks';
import type { VerdictName } from '../../../core/event.ts';
import type { Guess, Outcome, Route } from '../messages.ts';
import type { Half } from '../model.ts';
import type { View } from './store.ts';
import { explain, useView } from './store.ts';
import { guessText, Verdict } from './tally.tsx';

/** A verdict that a process recorded. */
interface Newest {
  readonly verdict: VerdictName;
  readonly code: string;
  readonly pid: number;
  /** Only with the verdict of a whole process. */
  readonly exit: number | undefined;
}

// Two times that are the same but for rounding, in milliseconds.
const SAME = 1e-4;

/** The newest verdict of a half, at the time that is shown. */
function useNewest({ drawing, playback: { at, end } }: View, route: Route): Newest | undefined {
  const half = drawing.halves.get(route);
  const verdicts = useMemo(() => (half === undefined ? [] : verdictsOf(half)), [half?.merged]);
  const zero = half?.zero ?? 0;
  return verdicts.findLast((one) => at >= end || one.at - zero <= at + SAME);
}

function verdictsOf({ merged }: Half): readonly (Newest & { readonly at: number })[] {
  return merged.events.flatMap(({ at, recorded }) => {
    if (recorded.event !== 'verdict' && recorded.event !== 'outcome') return [];
    const { verdict, code, pid } = recorded;
    return [{ at, verdict, code, pid, exit: recorded.event === 'verdict' ? recorded.exit : undefined }];
  });
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
          {newest.exit === undefined ? null : <span>exit {newest.exit}</span>}
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
