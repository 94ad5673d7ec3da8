// Below each half: what alice's program has concluded, and whether the class had guessed it.

import type { Recorded, VerdictName } from '../../../core/event.ts';
import type { DrawnRow } from '../half.ts';
import type { Guess, Outcome, Route } from '../messages.ts';
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
function newestIn({ drawing, playback: { at, end } }: View, route: Route): Newest | undefined {
  const rows = drawing.halves.get(route)?.rows ?? [];
  const shows = ({ from, row }: DrawnRow): boolean =>
    (at >= end || from <= at + SAME) && row.placed.some(({ recorded }) => isVerdict(recorded));
  const drawn = rows.findLast(shows);
  const recorded = drawn?.row.placed.map((placed) => placed.recorded).find(isVerdict);
  if (drawn === undefined || recorded === undefined) return undefined;
  const { verdict, code, pid, id } = recorded;
  // A row shows when the verdict on a message was known; with which code the process ended is another event.
  const ended = drawn.merged.events.findLast(
    (one) => one.recorded.event === 'verdict' && one.recorded.pid === pid && one.recorded.id === id,
  )?.recorded;
  return { verdict, code, pid, exit: ended?.event === 'verdict' ? ended.exit : undefined };
}

const isVerdict = (recorded: Recorded): recorded is Extract<Recorded, { event: 'verdict' | 'outcome' }> =>
  recorded.event === 'verdict' || recorded.event === 'outcome';

/** What alice may conclude on this route, in one line; of a story that is over, with its lesson. */
export function VerdictStrip({ route }: { route: Route }) {
  const view = useView();
  const newest = newestIn(view, route);
  const outcome = view.story?.routes.find((one) => one.route === route)?.outcome;
  if (outcome !== undefined)
    return <Over route={route} outcome={outcome} code={codeOf(view, newest, outcome.verdict)} />;
  const guess = newest && view.tally.stories.findLast((one) => one.route === route && one.pid === newest.pid);
  const alice = view.stage?.actors.find((actor) => actor.route === route && actor.name === 'alice');
  const waits =
    view.playback.live &&
    (alice?.state === 'running' || alice?.state === 'frozen') &&
    alice.pid !== newest?.pid;
  return (
    <section class="strip" aria-label={`the verdict of the ${route} route`} aria-live="polite">
      {waits ? <span class="none">alice waits{newest === undefined ? '' : '; before that:'}</span> : null}
      {newest === undefined ? (
        waits ? null : (
          <span class="none">no verdict yet</span>
        )
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
