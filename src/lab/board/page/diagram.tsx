// The diagram of a half: the rows of `detour trace`, growing downwards. Only the rows that can be seen, and a few above and below them, are
// part of the document.

import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { factsOf } from '../facts.ts';
import type { DrawnRow, Half } from '../half.ts';
import type { Route } from '../messages.ts';
import { RowView, rowId } from './row.tsx';
import { openDetails, setBrief, setWidth, useView } from './store.ts';

// Rows above and below the ones that can be seen, so that a fast scroll does not show empty places.
const SPARE = 8;
/** How many characters the probe has. */
const PROBE = 100;

interface Measures {
  /** The width of a character and the height of a row, in pixels. */
  readonly ch: number;
  readonly row: number;
  readonly height: number;
}

/** The diagram of a half. */
export function Diagram({ route }: { readonly route: Route }) {
  const { drawing, playback, dropped, mode, brief } = useView();
  const half = drawing.halves.get(route);
  const rows = half === undefined ? [] : rowsUpTo(half, playback.at, playback.end);
  return (
    <div class="diagram" data-testid={`diagram-${route}`}>
      <Heading half={half} />
      <Rows route={route} half={half} rows={rows} at={playback.at} />
      <div class="foot">
        <label>
          <input type="checkbox" checked={!brief} onChange={() => setBrief(!brief)} /> all frames
        </label>
        {rows.length === 0 ? null : half?.legend.map((sign) => <span key={sign}>{sign}</span>)}
        {half === undefined || half.omitted.length === 0 ? null : (
          <span>
            no room for {half.omitted.length} more: {half.omitted.slice(0, 5).join(', ')}
          </span>
        )}
        {half === undefined || half.older + (mode === 'logs' ? dropped : 0) === 0 ? null : (
          <span>older rows: see the log files</span>
        )}
        {mode === 'logs' || dropped === 0 ? null : <span>the oldest {dropped} events are not kept</span>}
      </div>
    </div>
  );
}

// The rows that have begun at a time. Nearly always the first ones; a row that waits for its second half may come a little earlier.
function rowsUpTo(half: Half, at: number, end: number): readonly DrawnRow[] {
  return at >= end ? half.rows : half.rows.filter(({ from }) => from <= at);
}

function Heading({ half }: { readonly half: Half | undefined }) {
  return (
    <div class="heading">
      <span class="time">ms</span>
      {half?.lanes.map(({ name, detail, column }) => (
        <b
          key={name}
          title={detail}
          style={{ left: `${column + 0.5}ch`, maxWidth: `${half.layout.gap - 1}ch` }}
        >
          {name}
        </b>
      ))}
    </div>
  );
}

interface RowsProps {
  readonly route: Route;
  readonly half: Half | undefined;
  readonly rows: readonly DrawnRow[];
  readonly at: number;
}

function Rows({ route, half, rows, at }: RowsProps) {
  const box = useRef<HTMLDivElement>(null);
  const probe = useRef<HTMLElement>(null);
  const [measures, setMeasures] = useState<Measures>({ ch: 10, row: 25, height: 400 });
  const [top, setTop] = useState(0);
  const [active, setActive] = useState<string>();
  const [hovered, setHovered] = useState<string>();
  // At the bottom, new rows push the old ones up, until somebody scrolls up to read.
  const stuck = useRef(true);

  const measure = useCallback((): void => {
    const [outer, sample] = [box.current, probe.current?.getBoundingClientRect()];
    if (outer === null || sample === undefined || sample.width === 0) return;
    const ch = sample.width / PROBE;
    setMeasures({ ch, row: sample.height, height: outer.clientHeight });
    setWidth(route, Math.max(MIN_COLUMNS, Math.floor(outer.clientWidth / ch)));
  }, [route]);
  useEffect(() => {
    if (box.current === null || probe.current === null) return;
    const observer = new ResizeObserver(measure);
    observer.observe(box.current);
    observer.observe(probe.current);
    return () => observer.disconnect();
  }, [measure]);
  useLayoutEffect(() => {
    if (stuck.current && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  });

  const count = rows.length;
  const seen = Math.ceil(measures.height / measures.row);
  const first = stuck.current ? Math.max(0, count - seen) : Math.floor(top / measures.row);
  const from = Math.max(0, first - SPARE);
  const shown = rows.slice(from, first + seen + SPARE);

  const scrolled = (): void => {
    const outer = box.current;
    if (outer === null) return;
    stuck.current = outer.scrollTop + outer.clientHeight >= outer.scrollHeight - measures.row / 2;
    if (!stuck.current) setTop(outer.scrollTop);
  };
  const open = (key: string): void => openDetails({ kind: 'row', route, key });
  const activate = (index: number): void => {
    const row = rows[Math.max(0, Math.min(index, count - 1))];
    const outer = box.current;
    if (row === undefined || outer === null) return;
    setActive(row.key);
    const y = rows.indexOf(row) * measures.row;
    if (y < outer.scrollTop) outer.scrollTop = y;
    else if (y + 2 * measures.row > outer.scrollTop + outer.clientHeight)
      outer.scrollTop = y + 2 * measures.row - outer.clientHeight;
  };
  const pressed = (event: KeyboardEvent): void => {
    const now = rows.findIndex(({ key }) => key === active);
    const to = { ArrowDown: now + 1, ArrowUp: now === -1 ? count - 1 : now - 1, Home: 0, End: count - 1 }[
      event.key
    ];
    if (to !== undefined) activate(to);
    else if (event.key === 'PageDown') activate(now + seen - 1);
    else if (event.key === 'PageUp') activate((now === -1 ? count : now) - seen + 1);
    else if (event.key === 'Enter' && active !== undefined) open(active);
    else return;
    event.preventDefault();
  };
  const keyAt = (event: Event): string | undefined =>
    (event.target as Element).closest<HTMLElement>('.row')?.dataset.key;

  const pointed = rows.findIndex(({ key }) => key === (hovered ?? active));
  const isShown = pointed >= from && pointed < from + shown.length;
  return (
    // The list itself hears keys and clicks for all its rows.
    <div
      class="rows"
      ref={box}
      role="listbox"
      tabIndex={0}
      aria-label={`what happened on the ${route} route`}
      aria-activedescendant={
        half !== undefined && active !== undefined && isShown ? rowId(half, active) : undefined
      }
      onScroll={scrolled}
      onKeyDown={pressed}
      onClick={(event) => {
        const key = keyAt(event);
        if (key === undefined) return;
        box.current?.focus({ preventScroll: true });
        setActive(key);
        open(key);
      }}
      onMouseMove={(event) => setHovered(keyAt(event))}
      onMouseLeave={() => setHovered(undefined)}
      onBlur={() => setActive(undefined)}
    >
      <i class="probe" ref={probe} aria-hidden="true">
        {'0'.repeat(PROBE)}
      </i>
      <div class="height" role="presentation" style={{ '--rows': count }}>
        {half === undefined
          ? null
          : shown.map((drawn, index) => (
              <RowView
                key={drawn.key}
                drawn={drawn}
                half={half}
                index={from + index}
                count={count}
                at={at}
                active={drawn.key === active}
              />
            ))}
        {half !== undefined && isShown ? (
          <Facts drawn={rows[pointed] as DrawnRow} index={pointed} up={pointed > first + seen / 2} />
        ) : null}
      </div>
    </div>
  );
}

// Two lanes with an arrow between them.
const MIN_COLUMNS = 38;

// What is known of the row that somebody points at.
function Facts({
  drawn,
  index,
  up,
}: {
  readonly drawn: DrawnRow;
  readonly index: number;
  readonly up: boolean;
}) {
  const { title, sentences, fields } = factsOf(drawn);
  return (
    <div class={up ? 'facts up' : 'facts'} role="presentation" style={{ '--row': index }}>
      <b>{title}</b>
      {sentences.map((sentence) => (
        <div key={sentence}>{sentence}</div>
      ))}
      <div>{fields.map(([key, value]) => `${key}=${value}`).join(' ')}</div>
    </div>
  );
}
