// The names of the participants in a diagram. A peer whose log is missing is named by what it said, or by the address it was called at. Pure.

import { isName } from '../wire/verbs.ts';
import { type Cable, cablesOf } from './cable.ts';
import type { Merged } from './merge.ts';
import type { Channel, Placed, Process } from './model.ts';

/** The lane of a peer whose name is not known. */
export const NOBODY = '?';

/** The names of messages, peers and links in a merge. */
export interface Names {
  /** The number of a message, by its id; undefined if there is only one message. */
  numberOf(id: unknown): number | undefined;
  /** The name of the other end of the connection that the event is about. */
  peerName(placed: Placed): string;
  /** The two processes that a link joins; undefined if the process is not a link between exactly two. */
  cableOf(process: Process): Cable | undefined;
}

/**
 * Finds the names in a merge.
 * @param places names for addresses (`host:port`) that no log mentions
 * @param earlier ids of messages before this merge, which have the first numbers
 */
export function namesOf(
  { events, channels }: Merged,
  places: ReadonlyMap<string, string> | undefined,
  earlier: readonly string[] = [],
): Names {
  const numbers = new Map<unknown, number>(earlier.map((id, index) => [id, index + 1]));
  const names = new Map<Channel, { client?: string; server?: string }>();
  const listeners = new Map<string, Process>();
  for (const { recorded, channel, process } of events) {
    if (recorded.event === 'listening') listeners.set(`${recorded.host}:${recorded.port}`, process);
    if (recorded.event !== 'sent' && recorded.event !== 'received') continue;
    const { id, as } = recorded.fields;
    if (id !== undefined && !numbers.has(id)) numbers.set(id, numbers.size + 1);
    if (channel === undefined || typeof as !== 'string' || !isName(as)) continue;
    const known = names.get(channel) ?? {};
    if (recorded.verb === 'READY') known.server = as;
    if (recorded.verb === 'HELLO') known.client = as;
    names.set(channel, known);
  }
  const cables = cablesOf(channels, (channel) => ({
    client: channel.client?.process.actor ?? names.get(channel)?.client,
    server: channel.server?.process.actor ?? names.get(channel)?.server,
  }));
  return {
    numberOf: (id) => (numbers.size > 1 ? numbers.get(id) : undefined),
    cableOf: (process) => cables.get(process),
    peerName({ process, channel }) {
      if (channel === undefined) return NOBODY;
      const weAreClient = channel.client?.process === process;
      const other = weAreClient ? channel.server : channel.client;
      if (other !== undefined) return other.process.actor;
      const said = names.get(channel);
      const name = weAreClient ? said?.server : said?.client;
      if (name !== undefined) return name;
      const [first] = channel.hops;
      const cable = first === undefined ? undefined : cables.get(first.process);
      if (cable !== undefined) return weAreClient ? cable.to : cable.from;
      for (const { recorded } of channel.client?.events ?? []) {
        if (recorded.event !== 'connecting') continue;
        const place = `${recorded.host}:${recorded.port}`;
        const listener = listeners.get(place);
        // A link that closes the connection at once is on the way to somebody, if others have come through.
        const way = listener === undefined ? undefined : cables.get(listener);
        return way?.to ?? listener?.actor ?? places?.get(place) ?? NOBODY;
      }
      return NOBODY;
    },
  };
}
