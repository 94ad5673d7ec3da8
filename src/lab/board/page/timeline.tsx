// Time under control: stop, go step by step, go back, go slowly, and return to what happens now.

import { formatMs } from '../../../trace/diagram.ts';
import { countUpTo } from '../playback.ts';
import type { Speed } from './store.ts';
import { playback, useView } from './store.ts';

const SPEEDS: readonly Speed[] = [1, 0.1, 0.01];

/** The controls of the time. The scale has one step for each moment at which something happened, however long it took. */
export function Timeline() {
  const { drawing, playback: now, connection } = useView();
  const { moments } = drawing;
  const { live, paused, speed, at, end } = now;
  const place = countUpTo(moments, at);
  const follows = connection !== 'export' && connection !== 'gone';
  return (
    <fieldset class="timeline" aria-label="time">
      <button type="button" data-testid="pause" onClick={paused ? playback.resume : playback.pause}>
        {paused ? 'play' : 'pause'}
      </button>
      <button
        type="button"
        data-testid="step-back"
        aria-label="step back"
        title="step back"
        onClick={() => playback.step(-1)}
      >
        ◀&#xfe0e;
      </button>
      <button
        type="button"
        data-testid="step"
        aria-label="step"
        title="step"
        onClick={() => playback.step(1)}
      >
        step ▶&#xfe0e;
      </button>
      <input
        type="range"
        data-testid="scrub"
        aria-label="moment"
        aria-valuetext={
          moments.length === 0 ? 'nothing has happened' : `${formatMs(at)} of ${formatMs(end)} milliseconds`
        }
        min={0}
        max={moments.length}
        value={live ? moments.length : place}
        onInput={({ currentTarget }) => seek(moments, Number(currentTarget.value))}
      />
      <output>{moments.length === 0 || place === 0 ? '' : `${formatMs(live ? end : at)} ms`}</output>
      <select
        data-testid="speed"
        aria-label="speed"
        value={String(speed)}
        onChange={({ currentTarget }) => playback.speed(SPEEDS[currentTarget.selectedIndex] ?? 1)}
      >
        {SPEEDS.map((each) => (
          <option key={each} value={String(each)}>
            {each}×
          </option>
        ))}
      </select>
      <button type="button" data-testid="live" aria-pressed={live} onClick={playback.live}>
        {follows ? 'live' : 'end'}
      </button>
    </fieldset>
  );
}

const seek = (moments: readonly number[], place: number): void =>
  playback.seek(moments[place - 1] ?? Number.NEGATIVE_INFINITY);
