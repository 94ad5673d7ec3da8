// The details pane: a row that was clicked, with its bytes and what PROTOCOL.md says, or an entry of `detour explain`.

import { useEffect, useRef } from 'preact/hooks';
import { visible } from '../../../core/visible.ts';
import { bytesOf, type FrameBytes } from '../bytes.ts';
import { factsOf } from '../facts.ts';
import type { DrawnRow } from '../half.ts';
import type { View } from './store.ts';
import { closeDetails, explain, useView } from './store.ts';

/** The details pane; nothing if nothing is open. */
export function Details() {
  const view = useView();
  const { details } = view;
  const heading = useRef<HTMLHeadingElement>(null);
  // What had the focus before.
  const opener = useRef<Element | null>(null);
  const half = details?.kind === 'row' ? view.drawing.halves.get(details.route) : undefined;
  const drawn = details?.kind === 'row' ? half?.rows.find(({ key }) => key === details.key) : undefined;
  const name = details?.kind === 'row' ? details.key : details?.code;
  useEffect(() => {
    if (name === undefined) {
      if (opener.current instanceof HTMLElement) opener.current.focus({ preventScroll: true });
      opener.current = null;
      return;
    }
    opener.current ??= document.activeElement;
    heading.current?.focus();
  }, [name]);
  if (details === undefined) return null;
  const title =
    details.kind === 'explanation'
      ? (view.explanations.get(details.code)?.title ?? details.code)
      : drawn !== undefined
        ? factsOf(drawn).title
        : 'no longer shown';
  return (
    // It covers the other half, so that the row stays in sight.
    <aside
      class={details.kind === 'row' && details.route === 'detour' ? 'details left' : 'details'}
      data-testid="details"
      aria-label="details"
    >
      <header>
        <h2 ref={heading} tabIndex={-1}>
          {visible(title)}
        </h2>
        <button type="button" aria-label="close the details" onClick={closeDetails}>
          close
        </button>
      </header>
      {details.kind === 'explanation' ? <Explained code={details.code} view={view} /> : null}
      {drawn !== undefined ? <RowDetails drawn={drawn} view={view} /> : null}
    </aside>
  );
}

function Explained({ code, view }: { readonly code: string; readonly view: View }) {
  const explanation = view.explanations.get(code);
  if (explanation === undefined) return <p>There is no explanation of it here: npx detour explain {code}</p>;
  return (
    <>
      {explanation.lines.map((line) => (
        <p key={line}>{visible(line)}</p>
      ))}
    </>
  );
}

function RowDetails({ drawn, view }: { readonly drawn: DrawnRow; readonly view: View }) {
  const { sentences, fields, verb, code } = factsOf(drawn);
  const [first] = drawn.row.placed;
  const bytes = first === undefined ? undefined : bytesOf(first, drawn.merged);
  const said = verb === undefined ? undefined : view.verbs[verb];
  return (
    <>
      {sentences.map((sentence) => (
        <p key={sentence}>{sentence}</p>
      ))}
      {fields.length === 0 ? null : (
        <dl>
          {fields.map(([key, value]) => (
            <div key={key}>
              <dt>{key}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
      {bytes === undefined ? null : <Bytes bytes={bytes} />}
      {said === undefined ? null : (
        <blockquote>
          {visible(said.text, { multiline: true })}
          <cite>PROTOCOL.md, “{visible(said.section)}”</cite>
        </blockquote>
      )}
      {code === undefined || !view.explanations.has(code) ? null : (
        <p>
          <button type="button" onClick={() => explain(code)}>
            what {visible(code)} means
          </button>
        </p>
      )}
    </>
  );
}

const MOST_BODY = 2000;

function Bytes({ bytes: { header, body, length, shortened } }: { readonly bytes: FrameBytes }) {
  return (
    <>
      <h3>On the wire{length === undefined ? '' : `: ${length} bytes`}</h3>
      <pre>
        {visible(header)}⏎{'\n'}
        {body === undefined ? null : <Body body={body} />}
      </pre>
      {shortened.length === 0 ? null : (
        <p>
          A log has only the beginning of {shortened.join(', ')}: who knows all of it can act as its owner.
        </p>
      )}
    </>
  );
}

function Body({ body: { size, text, base64 } }: { readonly body: NonNullable<FrameBytes['body']> }) {
  if (text !== undefined) return <>{visible(text, { max: MOST_BODY })}⏎</>;
  if (base64 !== undefined) return <>{visible(base64, { max: MOST_BODY })} (base64)⏎</>;
  return (
    <em>
      {size} bytes, not recorded{'\n'}⏎
    </em>
  );
}
