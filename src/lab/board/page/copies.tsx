// Who has a copy now? One line for each of the last messages of a half, at the time that is shown.

import { useMemo, useState } from 'preact/hooks';
import { visible } from '../../../core/visible.ts';
import { type Copy, copiesOf, type Has } from '../copies.ts';
import { historiesOf } from '../histories.ts';
import type { Route } from '../messages.ts';
import type { Half } from '../model.ts';
import { countUpTo } from '../playback.ts';
import { useView } from './store.ts';

// As many messages as fit above a diagram.
const MOST = 2;
const MAX_TEXT = 16;

const SIGNS: Readonly<Record<Has, string>> = { yes: '●', no: '○', unknown: '?' };
const WORDS: Readonly<Record<Has, string>> = { yes: 'yes', no: 'no', unknown: 'nobody knows' };

/** Who has a copy of the last messages of a half. */
export function Copies({ route }: { readonly route: Route }) {
  const { drawing, playback } = useView();
  const half = drawing.halves.get(route);
  return (
    <section class="copies" data-testid={`copies-${route}`} aria-label={`who has a copy now, ${route} route`}>
      <h3>
        Who has a copy? <small>● yes ○ no ? nobody knows</small>
      </h3>
      {half === undefined ? null : <Messages half={half} at={playback.at} end={playback.end} />}
    </section>
  );
}

function Messages({ half, at, end }: { readonly half: Half; readonly at: number; readonly end: number }) {
  const { merged, zero, route } = half;
  const { histories, fates } = useMemo(() => historiesOf(merged), [merged]);
  const times = useMemo(() => merged.events.map((placed) => placed.at), [merged]);
  const [chosen, setChosen] = useState<string>();
  // The number of the last event that has happened.
  const last = (at >= end ? times.length : countUpTo(times, at + zero + SAME)) - 1;
  const begun = histories.flatMap((history, index) => (history.first <= last ? [{ history, index }] : []));
  if (begun.length === 0) return <p class="none">no message yet</p>;
  return (
    <ul>
      {begun.slice(-MOST).map(({ history, index }) => {
        const copies = copiesOf(history, fates, route, last);
        const why = copies.find(({ place }) => chosen === `${history.id} ${place}`);
        return (
          <li key={history.id}>
            <b>{history.text === undefined ? `message ${index + 1}` : quoted(history.text)}</b>
            {copies.map((copy) => (
              <Place
                key={copy.place}
                copy={copy}
                open={copy === why}
                onClick={() => setChosen(copy === why ? undefined : `${history.id} ${copy.place}`)}
              />
            ))}
            {why === undefined ? null : (
              <p role="status">
                {why.name}: {WORDS[why.has]}; {why.why}
              </p>
            )}
          </li>
        );
      })}
    </ul>
  );
}

// Two times that are the same but for rounding, in milliseconds.
const SAME = 1e-4;

const quoted = (text: string): string =>
  `“${visible(text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text)}”`;

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
      {label} <b>{SIGNS[has]}</b>
    </button>
  );
}
