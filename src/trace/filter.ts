// Decides which events of a merge become rows of a diagram. Only events of a log are drawn. Pure.

import type { Merged } from './merge.ts';
import type { Channel, Placed, Process } from './model.ts';

/** Does the event matter for a message? False for a client's greeting, polite endings and heartbeats. For small diagrams. */
export function essential({ recorded, channel }: Placed): boolean {
  if (recorded.event === 'sent' || recorded.event === 'received') return !SMALL_TALK.has(recorded.verb);
  if (recorded.event === 'fin') return !endedPolitely(channel);
  return !NO_MESSAGE.has(recorded.event);
}

const NO_MESSAGE: ReadonlySet<string> = new Set(['acknowledged', 'unlinked', 'rung']);

const SMALL_TALK = new Set([
  'HELLO',
  'RECEIVE',
  'EMPTY',
  'PING',
  'PONG',
  'BYE',
  'STATUS',
  'LIST',
  'MAILBOX',
  'ITEM',
  'END',
]);

const endedPolitely = (channel: Channel | undefined): boolean =>
  [channel?.client, channel?.server].some((end) =>
    end?.events.some(({ recorded }) => recorded.event === 'sent' && recorded.verb === 'BYE'),
  );

const DRAWN: ReadonlySet<string> = new Set([
  'stopping',
  'freezing',
  'thawed',
  'connected',
  'accepted',
  'sent',
  'received',
  'fin',
  'gave_up',
  'unfinished',
  'broken',
  'silent',
  'shown',
  'repeated',
  'stored',
  'acknowledged',
  'expired',
  'rung',
  'fault',
  'unlinked',
  'outcome',
]);

/** Can this event be a row of its own? */
export function isDrawn({ recorded, peer, channel }: Placed): boolean {
  // If the client's log is there, `accepted` is drawn only as the other half of its `connected`.
  if (recorded.event === 'accepted') return peer !== undefined || channel?.client === undefined;
  return DRAWN.has(recorded.event);
}

/** The verdicts whose message has no `outcome` in the log. For others the outcome is drawn, because it shows when the sender knew. */
export function loneVerdicts({ events }: Merged): readonly Placed[] {
  const settled = new Set(
    events.map(({ recorded, process }) => recorded.event === 'outcome' && `${process.index} ${recorded.id}`),
  );
  return events.filter(
    ({ recorded, process }) =>
      recorded.event === 'verdict' && !settled.has(`${process.index} ${recorded.id}`),
  );
}

/** The last `arriving` event of each body that never arrived completely. A complete one is drawn as an arrow. */
export function stoppedBodies({ events }: Merged): ReadonlySet<Placed> {
  const last = new Map<string, Placed>();
  for (const placed of events) {
    const { recorded, process } = placed;
    if (recorded.event === 'arriving') last.set(`${process.index} ${recorded.conn}`, placed);
    else if (recorded.event === 'received') last.delete(`${process.index} ${recorded.conn}`);
  }
  return new Set(last.values());
}

/**
 * The events that repeat an earlier event of the logs with a higher `attempt`: a MESSAGE sent again, a message shown again. `attempt`
 * alone does not prove a repeat: the first one may have been lost on the way, or its log may be missing.
 */
export function repeats({ events }: Merged): ReadonlySet<Placed> {
  const lowest = new Map<string, number>();
  const found = new Set<Placed>();
  for (const placed of events) {
    const { recorded } = placed;
    const isFrame = 'verb' in recorded && recorded.verb === 'MESSAGE';
    const told = isFrame ? recorded.fields : recorded.event === 'shown' ? recorded : undefined;
    if (told === undefined) continue;
    const { from, id, seq, attempt = 1 } = told;
    const key = `${isFrame} ${from} ${id} ${seq}`;
    const before = lowest.get(key) ?? Number.POSITIVE_INFINITY;
    if (Number(attempt) > before) found.add(placed);
    lowest.set(key, Math.min(before, Number(attempt)));
  }
  return found;
}

/** The first events of processes that start after the diagram has begun: they deserve a row. @param keep is the event drawn? */
export function lateBegins(
  merged: Merged,
  keep: ((placed: Placed) => boolean) | undefined,
): Map<Placed, 'first' | 'again'> {
  const begins = new Map<Placed, 'first' | 'again'>();
  const begun = new Set<Process>();
  const names = new Set<string>();
  let underWay = false;
  for (const placed of merged.events) {
    const { process, recorded } = placed;
    const begin = recorded.event === 'listening' || recorded.event === 'connecting';
    if (begin && underWay && !begun.has(process))
      begins.set(placed, names.has(process.actor) ? 'again' : 'first');
    if (begin || isDrawn(placed)) {
      begun.add(process);
      names.add(process.actor);
    }
    // Setting up faults does not begin the diagram.
    if (recorded.event !== 'fault' && isDrawn(placed) && (keep?.(placed) ?? true)) underWay = true;
  }
  return begins;
}
