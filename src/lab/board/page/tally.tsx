// How the guesses of the class went.

import type { VerdictName } from '../../../core/event.ts';
import { verdictText } from '../../../core/verdicts.ts';
import type { Guess, Route, StoryTitle, Tally } from '../messages.ts';

/** What a guess means: on the direct route `d` is DELIVERED, on the detour it is STORED. */
export const guessText = (guess: Guess, route: Route): string =>
  ({ d: route === 'direct' ? 'DELIVERED' : 'STORED', n: 'NOT DELIVERED', u: 'UNKNOWN' })[guess];

/** One guess, as it stands in the table. */
interface Row {
  readonly name: string;
  readonly route?: Route;
  readonly said: string;
  /** Of a story: how it ended. */
  readonly verdict?: VerdictName;
  readonly right: boolean;
}

/** All guesses: those about stories and free play, then the answers to questions. */
export const guessesIn = ({ stories, questions = [] }: Tally): readonly Row[] => [
  ...stories.map(({ guess, ...one }) => ({ ...one, said: guessText(guess, one.route) })),
  ...questions.map(({ choice, ...one }) => ({ ...one, said: choice.toUpperCase() })),
];

/** The score in a few words: `5 of 8 guesses right`. */
export function score(tally: Tally): string {
  const all = guessesIn(tally);
  return `${all.filter(({ right }) => right).length} of ${all.length} ${all.length === 1 ? 'guess' : 'guesses'} right`;
}

/** A verdict as a word, in its colour. */
export function Verdict({ verdict }: { verdict: VerdictName }) {
  return <b class={`verdict-word ${verdict.toLowerCase()}`}>{verdictText(verdict)}</b>;
}

// The score counts them all.
const MOST_ROWS = 40;

/** The newest guesses, with what really happened. */
export function TallyTable({ tally, stories }: { tally: Tally; stories: readonly StoryTitle[] }) {
  const all = guessesIn(tally).map((one, index) => ({ ...one, number: index + 1 }));
  const rows = all.slice(-MOST_ROWS);
  if (rows.length === 0) return null;
  const titleOf = (name: string): string => {
    const known = stories.find((one) => one.name === name);
    return known === undefined ? 'free play' : `${known.number}. ${known.title}`;
  };
  return (
    <table class="tally">
      <caption>{score(tally)}</caption>
      <thead>
        <tr>
          <th scope="col">no.</th>
          <th scope="col">what</th>
          <th scope="col">route</th>
          <th scope="col">you said</th>
          <th scope="col">it was</th>
          <th scope="col">right?</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ number, name, route, said, verdict, right }) => (
          <tr key={number}>
            <td>{number}</td>
            <td>{titleOf(name)}</td>
            <td>{route}</td>
            <td>{said}</td>
            <td>{verdict === undefined ? null : <Verdict verdict={verdict} />}</td>
            <td>{right ? 'right' : 'wrong'}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
