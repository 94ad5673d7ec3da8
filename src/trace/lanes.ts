// The lanes of a diagram, from left to right: which actors get one, and in which order, so that arrows join neighbours where possible. Pure.

import type { Merged } from './merge.ts';
import { NOBODY } from './names.ts';
import type { Row } from './rows.ts';

/** The lanes that a row needs. */
export const lanesIn = (row: Row): string[] => (row.kind === 'mark' ? [row.lane] : [row.from, row.to]);

// The role of an actor, in the order of the lanes: senders (they have a verdict even if nobody answered), the relay and links, the others.
const SENDER = 1;
const BETWEEN = 2;
const OTHER = 3;

/**
 * Chooses and orders the lanes.
 * @param first names that always get a lane, from the left in this order
 * @param roomFor returns how many of these lanes fit: those with the most rows are kept
 */
export function lanesOf(
  merged: Merged,
  rows: readonly Row[],
  first: readonly string[],
  roomFor: (all: readonly string[]) => number,
): { readonly lanes: readonly string[]; readonly omitted: readonly string[] } {
  const sides = sidesOf(merged);
  const uses = new Map<string, number>();
  for (const lane of rows.flatMap(lanesIn)) uses.set(lane, (uses.get(lane) ?? 0) + 1);
  const sideOf = (name: string): number => sides.get(name) ?? OTHER;
  const others = [...new Set([...sides.keys(), ...uses.keys()])]
    .filter((name) => uses.has(name) && !first.includes(name))
    .sort((a, b) => Number(a === NOBODY) - Number(b === NOBODY) || sideOf(a) - sideOf(b));
  const all = [...new Set(first), ...others];
  const frequent = [...others].sort((a, b) => (uses.get(b) ?? 0) - (uses.get(a) ?? 0));
  const kept = new Set([...first, ...frequent].slice(0, roomFor(all)));
  const lanes = all.filter((name) => kept.has(name));
  return {
    lanes: nearest(lanes, lanes.filter((name) => first.includes(name)).length, sideOf, arrowsIn(rows, kept)),
    omitted: all.filter((name) => !kept.has(name)),
  };
}

function sidesOf({ events }: Merged): ReadonlyMap<string, number> {
  const sides = new Map<string, number>();
  const set = (name: string, side: number): void => {
    sides.set(name, Math.min(side, sides.get(name) ?? OTHER));
  };
  for (const { recorded } of events) {
    const { actor } = recorded;
    if (recorded.event === 'outcome' || (recorded.event === 'sent' && recorded.verb === 'SEND'))
      set(actor, SENDER);
    else if (recorded.event === 'listening' && recorded.role !== 'receiver') set(actor, BETWEEN);
    else set(actor, OTHER);
    // A relay may have no log: then its READY says what it is.
    if (recorded.event === 'received' && recorded.verb === 'READY' && recorded.fields.role === 'relay')
      set(String(recorded.fields.as), BETWEEN);
  }
  return sides;
}

// How many rows have an arrow between two lanes.
type Arrows = ReadonlyMap<string, { readonly a: string; readonly b: string; readonly count: number }>;

function arrowsIn(rows: readonly Row[], lanes: ReadonlySet<string>): Arrows {
  const arrows = new Map<string, { a: string; b: string; count: number }>();
  for (const row of rows) {
    if (row.kind === 'mark') continue;
    const way = wayOf(row, lanes);
    for (const [index, name] of way.slice(1).entries()) {
      const [a, b] = [name, way[index] ?? name].sort() as [string, string];
      const known = arrows.get(`${a} ${b}`);
      if (known === undefined) arrows.set(`${a} ${b}`, { a, b, count: 1 });
      else known.count += 1;
    }
  }
  return arrows;
}

// The lanes that an arrow goes past: its two ends, and between them the links that have a lane.
function wayOf(
  row: Row & { readonly from: string; readonly to: string },
  lanes: ReadonlySet<string>,
): string[] {
  const channel = row.placed[0]?.channel;
  const between = (channel?.hops ?? []).map(({ process }) => process.actor).filter((name) => lanes.has(name));
  const { client, server } = channel ?? {};
  const backwards =
    client === undefined ? server?.process.actor === row.from : client.process.actor !== row.from;
  return [row.from, ...(backwards ? between.reverse() : between), row.to];
}

// Moves one lane at a time, by the best and shortest move, as long as that makes arrows cross fewer lanes. The first lanes stay. Actors that
// only receive stay to the right of senders, because a message is read from left to right.
function nearest(
  start: readonly string[],
  fixed: number,
  sideOf: (name: string) => number,
  arrows: Arrows,
): readonly string[] {
  const crossed = (lanes: readonly string[]): number => {
    const place = new Map(lanes.map((name, index) => [name, index]));
    let sum = 0;
    for (const { a, b, count } of arrows.values()) {
      const [one, other] = [place.get(a), place.get(b)];
      if (one !== undefined && other !== undefined) sum += count * (Math.abs(one - other) - 1);
    }
    return sum;
  };
  const readable = (lanes: readonly string[]): boolean => {
    const free = lanes.slice(fixed).map(sideOf);
    const receiver = free.indexOf(OTHER);
    return receiver === -1 || !free.includes(SENDER, receiver);
  };
  let best = start;
  for (let least = crossed(start); least > 0; ) {
    let found: readonly string[] | undefined;
    for (let far = 1; far < best.length - fixed; far += 1)
      for (let at = fixed; at + far < best.length; at += 1)
        for (const [from, to] of [
          [at + far, at],
          [at, at + far],
        ] as const) {
          const lanes = best.toSpliced(from, 1).toSpliced(to, 0, best[from] as string);
          const cost = readable(lanes) ? crossed(lanes) : least;
          if (cost >= least) continue;
          least = cost;
          found = lanes;
        }
    if (found === undefined) break;
    best = found;
  }
  return best;
}
