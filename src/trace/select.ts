// Chooses of a long merge what is worth drawing: some messages, and what surrounds them. Pure.

import type { Merged } from './merge.ts';
import type { Channel, Placed } from './model.ts';

/** Which messages. */
export interface Choice {
  /** Only the last so many. */
  readonly last?: number | undefined;
  /** Only the message with this id. */
  readonly id?: string | undefined;
}

/** What was chosen. */
export interface Selection {
  /** How many messages the logs tell about, and how many of them are drawn. */
  readonly total: number;
  readonly chosen: number;
  keep(placed: Placed): boolean;
}

/** Chooses messages. What is about no message is kept if it happened between the first and the last that is kept about one. */
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
  // With the last messages the end of the log belongs to it, with a single one only its own story does.
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

/** Which message an event is about. An ACK and what follows from it name only a number: it is looked up. */
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
