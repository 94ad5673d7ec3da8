// The processes of one half, as cards, and the lines between them, each with what can be done to it.

import { useMemo, useState } from 'preact/hooks';
import type {
  ActorAction,
  ActorId,
  ActorState,
  Command,
  LineAction,
  LineState,
  Route,
  StageState,
} from '../messages.ts';
import { Icon } from './icon.tsx';
import { attempt } from './notices.tsx';

const WORDS: Readonly<Record<ActorAction | LineAction, string>> = {
  start: 'start',
  kill: 'kill -9',
  freeze: 'freeze',
  thaw: 'thaw',
  stop: 'stop',
  cut: 'cut',
  heal: 'heal',
  slow: 'slow',
  reset: 'reset',
  full: 'full backlog',
  slice: 'slice',
};

/** What happened to a process, in words. */
function stateText({ state, exit }: Pick<ActorState, 'state' | 'exit'>): string {
  if (state === 'absent') return 'not started';
  if (state !== 'ended') return state;
  if (exit === undefined) return 'ended';
  return typeof exit === 'number' ? `exit ${exit}` : `ended: ${exit}`;
}

/** The processes and lines of one half, from left to right. @param may may this page command? */
export function Stage({ route, stage, may }: { route: Route; stage: StageState; may: boolean }) {
  const [open, setOpen] = useState<ActorId>();
  const actors = stage.actors.filter((actor) => actor.route === route);
  const lines = stage.lines.filter((line) => line.route === route);
  if (actors.length === 0) return null;
  const shown = actors.find(({ id }) => id === open);
  const toggle = (id: ActorId): void => setOpen((now) => (now === id ? undefined : id));
  return (
    <div class="stage">
      <ul class="actors" aria-label={`the processes of the ${route} route`}>
        {actors.flatMap((actor) => {
          const line = lines.find(({ from }) => from === actor.id);
          return [
            <Actor key={actor.id} actor={actor} may={may} open={actor.id === open} onOpen={toggle} />,
            line === undefined ? null : <Line key={line.id} line={line} may={may} />,
          ];
        })}
      </ul>
      {shown === undefined ? null : <Terminal actor={shown} onClose={() => setOpen(undefined)} />}
    </div>
  );
}

interface ActorProps {
  readonly actor: ActorState;
  readonly may: boolean;
  /** Is its terminal open? */
  readonly open: boolean;
  readonly onOpen: (id: ActorId) => void;
}

// Of a terminal, what fits on the card.
const LINES_ON_CARD = 2;

function Actor({ actor, may, open, onOpen }: ActorProps) {
  const { id, name, state, pid, address, can, talk } = actor;
  // An actor object that is the same as before draws the same card: then preact compares nothing.
  return useMemo(
    () => (
      <li class={`actor ${state}`} data-testid={`actor-${id}`}>
        <p class="actor-name">
          <b>{name}</b> <span class="state">{stateText(actor)}</span>
        </p>
        <p class="where">
          {pid === undefined ? null : <span>pid {pid}</span>}
          {address === undefined ? null : <Address address={address} />}
        </p>
        <Buttons
          of={id}
          about={name}
          can={may ? can : []}
          commandOf={(action) => ({ actor: id, do: action as ActorAction })}
        />
        <button
          type="button"
          class="last-lines"
          aria-expanded={open}
          title={`the terminal of ${name}`}
          disabled={talk.length === 0}
          onClick={() => onOpen(id)}
          data-testid={`talk-${id}`}
        >
          <span class="unseen">the terminal of {name}: </span>
          <span class="lines">
            {talk
              .slice(-LINES_ON_CARD)
              .map((line) => line.trim())
              .join('\n')}
          </span>
        </button>
      </li>
    ),
    [actor, may, open],
  );
}

// The port tells processes apart; the rest of the address is for those who look closely.
function Address({ address }: { address: string }) {
  const colon = address.lastIndexOf(':');
  return (
    <span title={address} aria-label={`address ${address}`} role="img">
      <span class="host">{address.slice(0, colon)}</span>
      {address.slice(colon)}
    </span>
  );
}

// The states of a line that have a sign; each begins with its word.
const SIGNS = ['cut', 'slow', 'full'] as const;

function Line({ line, may }: { line: LineState; may: boolean }) {
  const { id, text, whole, can, from, to } = line;
  const sign = whole ? undefined : SIGNS.find((word) => text.startsWith(word));
  const about = `the line from ${nameOf(from)} to ${nameOf(to)}`;
  return useMemo(
    () => (
      <li class={`line ${whole ? 'whole' : 'broken'}`} data-testid={`line-${id}`} aria-label={about}>
        <p class="line-state">{text}</p>
        <div class="wire" aria-hidden="true">
          {sign === undefined ? null : <Icon of={sign} />}
        </div>
        <Buttons
          of={id}
          about={about}
          can={may ? can : []}
          commandOf={(action) => ({ line: id, do: action as LineAction })}
        />
      </li>
    ),
    [line, may],
  );
}

const nameOf = (id: ActorId): string => id.slice(id.indexOf('/') + 1);

interface ButtonsProps {
  readonly of: string;
  /** Who or what it is done to. */
  readonly about: string;
  readonly can: readonly (ActorAction | LineAction)[];
  readonly commandOf: (action: ActorAction | LineAction) => Command;
}

function Buttons({ of, about, can, commandOf }: ButtonsProps) {
  const [busy, setBusy] = useState<string>();
  const press = async (action: ActorAction | LineAction): Promise<void> => {
    setBusy(action);
    await attempt(commandOf(action));
    setBusy(undefined);
  };
  return (
    <p class="buttons">
      {can.map((action) => (
        <button
          key={action}
          type="button"
          class="act"
          aria-label={`${WORDS[action]}: ${about}`}
          aria-busy={busy === action}
          onClick={() => void press(action)}
          data-testid={`do-${of}-${action}`}
        >
          <Icon of={action} />
          <span class="word" aria-hidden="true">
            {WORDS[action]}
          </span>
        </button>
      ))}
    </p>
  );
}

// What the process wrote last, in full width.
function Terminal({ actor, onClose }: { actor: ActorState; onClose: () => void }) {
  return (
    <section class="terminal" aria-label={`the terminal of ${actor.name}`} data-testid="terminal">
      <p class="terminal-head">
        <b>{actor.name}</b>
        <span class="state">{stateText(actor)}</span>
        <button type="button" class="quiet" onClick={onClose}>
          close
        </button>
      </p>
      <pre>{actor.talk.join('\n')}</pre>
    </section>
  );
}
