// Chooses what to draw of a long merge: some messages, and the events around them. Pure.

import type { Merged } from './merge.ts';
import type { Channel, Placed } from './model.ts';

/** Which messages to draw. */
export interface Choice {
  /** Only this many messages, the last ones. */
  readonly last?: number | undefined;
  /** Only the message with this id. */
  readonly id?: string | undefined;
}

/** Which messages and events were chosen. */
export interface Selection {
  /** How many messages there are in the logs. */
  readonly total: number;
  /** How many of them are drawn. */
  readonly chosen: number;
  /** Is this event drawn? */
  keep(placed: Placed): boolean;
}

/** Chooses messages. An event that is not about a message is kept if it lies between the first and the last event that is kept. */
export function select({ events }: Merged, { last, id }: Choice): Selection {
  const ids = messageIds(events);
  const order = [...new Set(ids.values())];
  const wanted = new Set(
    id === undefined ? order.slice(last === undefined ? 0 : -last) : order.filter((one) => one === id),
  );
  if (wanted.size === order.length) return { total: order.length, chosen: order.length, keep: () => true };
  const about = events.filter((placed) => wanted.has(ids.get(placed) ?? ''));
  const index = new Map(events.map((placed, place) => [placed, place]));
  const from = index.get(about[0] as Placed) ?? 0;
  // The last messages are drawn with everything up to the end of the log, a single message only up to its own last event.
  const to = id === undefined ? events.length : (index.get(about.at(-1) as Placed) ?? 0);
  const links = new Set(about.map(({ channel: link }) => link));
  const processes = new Set(about.map(({ process }) => process));
  return {
    total: order.length,
    chosen: wanted.size,
    keep(placed) {
      const own = ids.get(placed);
      if (own !== undefined) return wanted.has(own);
      if (links.has(placed.channel) && placed.channel !== undefined && opens(placed)) return true;
      const place = index.get(placed) ?? 0;
      if (place < from || place > to) return false;
      return (
        id === undefined ||
        (processes.has(placed.process) && (placed.channel === undefined || links.has(placed.channel)))
      );
    },
  };
}

const opens = ({ recorded }: Placed): boolean =>
  recorded.event === 'connected' ||
  recorded.event === 'accepted' ||
  ('verb' in recorded && (recorded.verb === 'HELLO' || recorded.verb === 'READY'));

/** The id of the message that each event is about. An ACK and its consequences name only a number, so the id is looked up. */
function messageIds(events: readonly Placed[]): Map<Placed, string> {
  const ids = new Map<Placed, string>();
  const bySeq = new Map<string, string>();
  const byLink = new Map<Channel | undefined, Map<unknown, string>>();
  for (const placed of events) {
    const { recorded, channel: link } = placed;
    if (recorded.event === 'sent' || recorded.event === 'received') {
      const { id, seq } = recorded.fields;
      const numbers = byLink.get(link) ?? new Map<unknown, string>();
      if (typeof id === 'string') {
        ids.set(placed, id);
        if (recorded.verb === 'MESSAGE') byLink.set(link, numbers.set(seq, id));
      } else if (recorded.verb === 'ACK') {
        const acknowledged = numbers.get(seq);
        if (acknowledged !== undefined) ids.set(placed, acknowledged);
      }
    } else if (recorded.event === 'acknowledged') {
      const id = bySeq.get(`${recorded.to} ${recorded.seq}`);
      if (id !== undefined) ids.set(placed, id);
    } else if ('id' in recorded && recorded.id !== undefined) {
      ids.set(placed, recorded.id);
      if (recorded.event === 'stored') bySeq.set(`${recorded.to} ${recorded.seq}`, recorded.id);
    }
  }
  return ids;
}
