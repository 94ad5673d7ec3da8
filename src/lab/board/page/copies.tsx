// Who has a copy now? One line for each of the last messages of a half, at the time that is shown.

import { useMemo, useState } from 'preact/hooks';
import { visible } from '../../../core/visible.ts';
import { type Copy, copiesOf, type Has } from '../copies.ts';
import type { Half } from '../half.ts';
import { type History, historiesOf } from '../histories.ts';
import type { Route } from '../messages.ts';
import { countUpTo } from '../playback.ts';
import { useView } from './store.ts';

// The last messages can be chosen from a list, this many of them.
const MOST = 50;
const MAX_TEXT = 16;

const SIGNS: Readonly<Record<Has, string>> = { yes: '●', no: '○', unknown: '?' };
const WORDS: Readonly<Record<Has, string>> = { yes: 'yes', no: 'no', unknown: 'nobody knows' };

/** Who has a copy of a message of a half: of the newest one, or of one that was chosen. */
export function Copies({ route }: { readonly route: Route }) {
  const { drawing, playback } = useView();
  const half = drawing.halves.get(route);
  return (
    <section class="copies" data-testid={`copies-${route}`} aria-label={`who has a copy now, ${route} route`}>
      {half === undefined ? null : <Messages half={half} at={playback.at} end={playback.end} />}
    </section>
  );
}

function Messages({ half, at, end }: { readonly half: Half; readonly at: number; readonly end: number }) {
  const { merged, zero, route, earlier } = half;
  const { histories, fates } = useMemo(() => historiesOf(merged), [merged]);
  const numbers = useMemo(() => {
    const all = new Set(earlier);
    for (const { id } of histories) all.add(id);
    return new Map([...all].map((id, index) => [id, index + 1]));
  }, [histories, earlier]);
  const times = useMemo(() => merged.events.map((placed) => placed.at), [merged]);
  const [chosen, setChosen] = useState<string>();
  const [asked, setAsked] = useState<Copy['place']>();
  // The number of the last event that has happened.
  const last = (at >= end ? times.length : countUpTo(times, at + zero + SAME)) - 1;
  const begun = histories.flatMap((history) =>
    history.first <= last ? [{ history, name: nameOf(history, numbers.get(history.id)) }] : [],
  );
  const of = begun.find(({ history }) => history.id === chosen) ?? begun.at(-1);
  if (at < half.since) return <p class="none">too long ago to say</p>;
  if (of === undefined) return <p class="none">no message yet</p>;
  const copies = copiesOf(of.history, fates, route, last);
  const why = copies.find(({ place }) => place === asked);
  return (
    <>
      <h3>
        Who has
        {begun.length === 1 ? (
          <span>{of.name}?</span>
        ) : (
          <select
            aria-label="message"
            value={chosen ?? NEWEST}
            onChange={({ currentTarget: { value } }) => setChosen(value === NEWEST ? undefined : value)}
          >
            <option value={NEWEST}>{begun.at(-1)?.name} (newest)</option>
            {begun
              .slice(-MOST)
              .reverse()
              .map(({ history, name }) => (
                <option key={history.id} value={history.id}>
                  {name}
                </option>
              ))}
          </select>
        )}
        <small>● yes ○ no ? nobody knows</small>
      </h3>
      <div class="places">
        {copies.map((copy) => (
          <Place
            key={copy.place}
            copy={copy}
            open={copy === why}
            onClick={() => setAsked(copy === why ? undefined : copy.place)}
          />
        ))}
      </div>
      {why === undefined ? null : (
        <p role="status">
          {why.name}: {WORDS[why.has]}; {why.why}
        </p>
      )}
    </>
  );
}

// No id: ids have no blanks.
const NEWEST = 'the newest';

// Two times that are the same but for rounding, in milliseconds.
const SAME = 1e-4;

const nameOf = ({ text }: History, number = 1): string =>
  text === undefined
    ? `message ${number}`
    : `“${visible(text, { max: MAX_TEXT }).replace(/\.{3} \(\d+ more .*$/, '…')}”`;

function Place({
  copy: { place, label, name, has, why },
  open,
  onClick,
}: {
  readonly copy: Copy;
  readonly open: boolean;
  readonly onClick: () => void;
}) {
  return (
    <button
      type="button"
      class={`place ${has}`}
      data-place={place}
      data-has={has}
      aria-expanded={open}
      aria-label={`${name}: ${WORDS[has]}`}
      title={`${name}: ${WORDS[has]}; ${why}`}
      onClick={onClick}
    >
      {label} {SIGNS[has]}
    </button>
  );
}
