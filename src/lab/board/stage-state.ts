// What a stage of free play looks like: each process and each line, and what can be done to it now. Only the state: free-play.ts acts.

import type { Recorded } from '../../core/event.ts';
import type { Server } from '../demo/cast.ts';
import type { Actor } from '../stage/actor.ts';
import type { ActorAction, ActorId, ActorState, LineAction, LineId, LineState, Route } from './messages.ts';

/** Windows has no signals: there a server is asked to freeze, cannot be thawed before, and can only be killed. */
export const SIGNALS = process.platform !== 'win32';

/** A process on the stage. The same part may be played by several processes, one after the other; of alices also at the same time. */
export interface Part {
  readonly id: ActorId;
  readonly route: Route;
  readonly name: string;
  /** Starts it, at its address if it had one before. Undefined for alices: each message has its own. */
  readonly start?: () => unknown;
  /** The newest process. */
  actor?: Actor;
  /** When it was frozen, by the steady clock in milliseconds. Undefined if it is not. */
  frozenAt?: number | undefined;
  address?: string;
  readonly talk: string[];
}

/** A line on the stage, and what its link said that the network is like. */
export interface Wire {
  readonly id: LineId;
  readonly route: Route;
  readonly from: ActorId;
  readonly to: ActorId;
  link?: Server;
  cut: boolean;
  full: boolean;
  /** As it was typed: `500ms`. Undefined if there is none. */
  latency?: string | undefined;
  /** As it was typed: `3`, in bytes. Undefined if the stream is whole. */
  slice?: string | undefined;
}

/** Changes a line as its link reports: only what it says has happened has happened. */
export function applyFault(wire: Wire, { fault, value }: Extract<Recorded, { event: 'fault' }>): void {
  if (fault === 'cut') wire.cut = true;
  else if (fault === 'full') wire.full = true;
  else if (fault === 'latency') wire.latency = value === NO_LATENCY ? undefined : value;
  else if (fault === 'slice') wire.slice = value === NO_SLICE ? undefined : value;
  else if (fault === 'heal') {
    wire.cut = false;
    wire.full = false;
  }
}

const NO_LATENCY = '0s';
const NO_SLICE = 'off';

/** What is typed to the link. Its `heal` leaves the latency and the segments as they are; on the board it makes the line whole. */
export function typedFor(action: LineAction, { latency, slice }: Wire): string[] {
  if (action === 'slow') return ['latency 500ms'];
  if (action === 'slice') return ['slice 3'];
  if (action !== 'heal') return [action];
  return [
    ...(latency === undefined ? [] : [`latency ${NO_LATENCY}`]),
    ...(slice === undefined ? [] : [`slice ${NO_SLICE}`]),
    'heal',
  ];
}

/** A line as the page shows it. */
export function lineState({ id, route, from, to, link, cut, full, latency, slice }: Wire): LineState {
  const base = { id, route, from, to };
  if (link === undefined || link.actor.exit !== undefined)
    return { ...base, text: link === undefined ? 'not there yet' : 'gone', whole: false, can: [] };
  const faults = [
    ...(cut ? ['cut'] : []),
    ...(full ? ['full backlog'] : []),
    ...(latency === undefined ? [] : [`slow ${latency.replace(/(\d)(\D)/, '$1 $2')}`]),
    ...(slice === undefined ? [] : [`segments of ${slice} bytes`]),
  ];
  const can: LineAction[] = [
    cut ? undefined : 'cut',
    faults.length === 0 ? undefined : 'heal',
    latency === undefined ? 'slow' : undefined,
    'reset',
    full ? undefined : 'full',
    slice === undefined ? 'slice' : undefined,
  ].filter((action): action is LineAction => action !== undefined);
  return { ...base, text: faults.join(', ') || 'up', whole: faults.length === 0, can };
}

/** A process as the page shows it. */
export function actorState(part: Part): ActorState {
  const { id, route, name, actor, address } = part;
  const state = stateOf(part);
  return {
    id,
    route,
    name,
    state,
    can: actionsOf(part, state),
    talk: [...part.talk],
    ...(actor !== undefined && { pid: actor.pid }),
    ...(address !== undefined && { address }),
    ...(actor?.exit !== undefined && { exit: actor.exit }),
  };
}

function stateOf({ actor, frozenAt }: Part): ActorState['state'] {
  if (actor === undefined) return 'absent';
  if (actor.exit !== undefined) return actor.exit === 'SIGKILL' ? 'killed' : 'ended';
  return frozenAt === undefined ? 'running' : 'frozen';
}

function actionsOf({ start }: Part, state: ActorState['state']): ActorAction[] {
  const isServer = start !== undefined;
  if (state === 'running') {
    if (SIGNALS) return ['kill', 'freeze', 'stop'];
    // A sender obeys no typed command.
    return isServer ? ['kill', 'freeze'] : ['kill'];
  }
  if (state === 'frozen') return SIGNALS ? ['thaw', 'kill'] : ['kill'];
  return isServer ? ['start'] : [];
}

/** What a process is, in words. */
export const STATES = {
  absent: 'not there',
  running: 'running',
  frozen: 'frozen',
  killed: 'dead',
  ended: 'not running',
} as const;
