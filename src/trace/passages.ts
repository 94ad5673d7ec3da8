// The calls that went through a `detour link`, as its own log tells them: whose call it took, and as whom it called on. By their
// addresses the two ends of a connection are found although neither has ever seen the other's (links.ts).

import type { End, Placed, Process } from './links.ts';

/** One call through a link. */
export interface Passage {
  /** The link. */
  readonly process: Process;
  /** The address of the caller, as the link saw it. */
  readonly from: string;
  /** The link's own call to the one called, if it got through: `local` is what the one called sees. */
  readonly onward: { readonly local: string; readonly remote: string } | undefined;
  /** Its events: `linked` first. */
  readonly events: readonly Placed[];
}

/** Reads the calls that links tell about, in the order in which they came. */
function collectPassages(events: readonly Placed[]): Passage[] {
  const passages = new Map<string, { -readonly [K in keyof Passage]: Passage[K] } & { events: Placed[] }>();
  for (const placed of events) {
    const { recorded, process } = placed;
    if (!('line' in recorded)) continue;
    const key = `${process.index} ${recorded.line}`;
    if (recorded.event === 'linked') {
      const from = plainAddress(recorded.from);
      passages.set(key, { process, from, onward: undefined, events: [placed] });
      continue;
    }
    const passage = passages.get(key);
    passage?.events.push(placed);
    if (recorded.event === 'reached' && passage !== undefined)
      passage.onward = { local: plainAddress(recorded.local), remote: plainAddress(recorded.remote) };
  }
  return [...passages.values()];
}

/** Finds the way of a connection through links. Each passage is given away once. */
export class Ways {
  readonly #free: Set<Passage>;
  readonly #byFrom = new Map<string, Passage[]>();
  readonly #byLocal = new Map<string, Passage[]>();

  constructor(events: readonly Placed[]) {
    const passages = collectPassages(events);
    this.#free = new Set(passages);
    for (const passage of passages) {
      add(this.#byFrom, passage.from, passage);
      if (passage.onward !== undefined) add(this.#byLocal, passage.onward.local, passage);
    }
  }

  /** The links that a caller's connection went through, in order; often none. */
  of(client: End): Passage[] {
    const way: Passage[] = [];
    let caller = callerOf(client, 'connected');
    while (caller !== undefined) {
      const passage = this.#take(this.#byFrom.get(caller));
      if (passage === undefined) break;
      way.push(passage);
      caller = passage.onward?.local;
    }
    return way;
  }

  /** The same from the other end, for one of which the caller's log is missing. */
  to(server: End): Passage[] {
    const way: Passage[] = [];
    let caller = callerOf(server, 'accepted');
    while (caller !== undefined) {
      const passage = this.#take(this.#byLocal.get(caller));
      if (passage === undefined) break;
      way.unshift(passage);
      caller = passage.from;
    }
    return way;
  }

  #take(passages: readonly Passage[] | undefined): Passage | undefined {
    const passage = passages?.find((one) => this.#free.has(one));
    if (passage !== undefined) this.#free.delete(passage);
    return passage;
  }
}

function callerOf({ events }: End, event: 'connected' | 'accepted'): string | undefined {
  for (const { recorded } of events) {
    if (recorded.event === event)
      return plainAddress(event === 'connected' ? recorded.local : recorded.remote);
  }
  return undefined;
}

function add(map: Map<string, Passage[]>, key: string, passage: Passage): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [passage]);
  else known.push(passage);
}

/** A socket that takes IPv6 and IPv4 reports an IPv4 caller in the IPv6 way: here it is always written in the IPv4 way. */
export const plainAddress = (address: string): string => address.replace(/^\[?::ffff:([\d.]+)\]?/i, '$1');
