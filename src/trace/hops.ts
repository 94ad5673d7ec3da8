// The connections that went through a `detour link`, from the link's own log: the address of its client, and its own address towards the
// server. With these, channels.ts finds the two ends of a connection, although neither end has seen the address of the other.

import type { End, Hop, Placed } from './model.ts';

/** Collects the connections that links have logged, in the order in which they came. */
function collectHops(events: readonly Placed[]): Hop[] {
  const hops = new Map<string, { -readonly [K in keyof Hop]: Hop[K] } & { events: Placed[] }>();
  for (const placed of events) {
    const { recorded, process } = placed;
    if (!('line' in recorded)) continue;
    const key = `${process.index} ${recorded.line}`;
    if (recorded.event === 'linked') {
      const from = plainAddress(recorded.from);
      hops.set(key, { process, from, onward: undefined, events: [placed] });
      continue;
    }
    const hop = hops.get(key);
    hop?.events.push(placed);
    if (recorded.event === 'reached' && hop !== undefined)
      hop.onward = { local: plainAddress(recorded.local), remote: plainAddress(recorded.remote) };
  }
  return [...hops.values()];
}

/** Finds the route of a connection through links. Each hop is used only once. */
export class Routes {
  readonly #free: Set<Hop>;
  readonly #byFrom = new Map<string, Hop[]>();
  readonly #byLocal = new Map<string, Hop[]>();

  constructor(events: readonly Placed[]) {
    const hops = collectHops(events);
    this.#free = new Set(hops);
    for (const hop of hops) {
      add(this.#byFrom, hop.from, hop);
      if (hop.onward !== undefined) add(this.#byLocal, hop.onward.local, hop);
    }
  }

  /** The hops of a connection, found from its client's end and in order from the client; often none. */
  of(client: End): Hop[] {
    const route: Hop[] = [];
    let caller = callerOf(client, 'connected');
    while (caller !== undefined) {
      const hop = this.#take(this.#byFrom.get(caller));
      if (hop === undefined) break;
      route.push(hop);
      caller = hop.onward?.local;
    }
    return route;
  }

  /** The hops of a connection whose client's log is missing, found from its server's end; in order from the client. */
  to(server: End): Hop[] {
    const route: Hop[] = [];
    let caller = callerOf(server, 'accepted');
    while (caller !== undefined) {
      const hop = this.#take(this.#byLocal.get(caller));
      if (hop === undefined) break;
      route.unshift(hop);
      caller = hop.from;
    }
    return route;
  }

  #take(hops: readonly Hop[] | undefined): Hop | undefined {
    const hop = hops?.find((one) => this.#free.has(one));
    if (hop !== undefined) this.#free.delete(hop);
    return hop;
  }
}

function callerOf({ events }: End, event: 'connected' | 'accepted'): string | undefined {
  for (const { recorded } of events) {
    if (recorded.event === event)
      return plainAddress(event === 'connected' ? recorded.local : recorded.remote);
  }
  return undefined;
}

function add(map: Map<string, Hop[]>, key: string, hop: Hop): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [hop]);
  else known.push(hop);
}

/** The address with an IPv4 client written as IPv4. A dual-stack socket reports it as an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2). */
export const plainAddress = (address: string): string => address.replace(/^\[?::ffff:([\d.]+)\]?/i, '$1');
