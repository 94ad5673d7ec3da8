// The calls that went through a `detour link`, as its own log tells them: whose call it took, and as whom it called on. By their
// addresses the two ends of a connection are found although neither has ever seen the other's (channels.ts).

import type { End, Hop, Placed } from './model.ts';

/** Reads the calls that links tell about, in the order in which they came. */
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

/** Finds the route of a connection through links. Each hop is given away once. */
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

  /** The links that a caller's connection went through, in order; often none. */
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

  /** The same from the other end, for one of which the caller's log is missing. */
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

/** A socket that takes IPv6 and IPv4 reports an IPv4 caller in the IPv6 way: here it is always written in the IPv4 way. */
export const plainAddress = (address: string): string => address.replace(/^\[?::ffff:([\d.]+)\]?/i, '$1');
