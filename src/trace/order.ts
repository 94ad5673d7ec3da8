// Decides which events share a row of a sequence diagram, and the order of the rows. Pure. Texts are made in rows.ts, columns in diagram.ts.
//
// A frame whose two halves were logged is one arrow. It is cut into two rows (sent … and … received) when one row would
// be misleading: when it crossed a frame in the other direction, or was under way for long.

import type { Placed, Process } from './model.ts';

// Even if its sender did something else meanwhile, an arrow is one row if it was under way for no longer than this.
// Rows may then be up to 20 ms from their true place.
const SHORT_WAY_MS = 20;
// An arrow that was under way for longer than this is always cut in two.
const LONG_WAY_MS = 1000;

/** Arranges events, given in merged order, into rows: each is one event, or the two halves of an arrow, earlier half first. */
export function inOrder(drawn: readonly Placed[]): Placed[][] {
  const rank = new Map(drawn.map((placed, index) => [placed, index]));
  const rankOf = (placed: Placed): number => rank.get(placed) ?? 0;
  const lanes = new Map<Process, Placed[]>();
  for (const placed of drawn) {
    const lane = lanes.get(placed.process);
    if (lane === undefined) lanes.set(placed.process, [placed]);
    else lane.push(placed);
  }
  const cut = cutArrows(drawn, lanes, rank);
  const partner = (placed: Placed): Placed | undefined =>
    placed.peer === undefined || cut.has(placed) || !rank.has(placed.peer) ? undefined : placed.peer;
  const next = new Map<Process, number>();
  const headOf = (process: Process): Placed | undefined => lanes.get(process)?.[next.get(process) ?? 0];
  const rows: Placed[][] = [];
  for (;;) {
    let best: Placed[] | undefined;
    let bestRank = Number.POSITIVE_INFINITY;
    let waiting: Placed | undefined;
    for (const process of lanes.keys()) {
      const head = headOf(process);
      if (head === undefined) continue;
      const other = partner(head);
      if (other !== undefined && headOf(other.process) !== other) {
        if (waiting === undefined || rankOf(head) < rankOf(waiting)) waiting = head;
        continue;
      }
      const row = other === undefined || rankOf(head) < rankOf(other) ? [head] : [other];
      if (other !== undefined) row.push(row[0] === head ? other : head);
      const last = rankOf(row[row.length - 1] ?? head);
      if (last < bestRank) {
        best = row;
        bestRank = last;
      }
    }
    if (best !== undefined) {
      rows.push(best);
      for (const { process } of best) next.set(process, (next.get(process) ?? 0) + 1);
    } else if (waiting !== undefined) {
      // Frames between three or more processes wait for each other in a cycle: one of them must be cut.
      cut.add(waiting);
      if (waiting.peer !== undefined) cut.add(waiting.peer);
    } else return rows;
  }
}

// The halves of arrows that cannot be one row: they were under way for too long, or crossed an arrow in the other direction.
function cutArrows(
  drawn: readonly Placed[],
  lanes: ReadonlyMap<Process, readonly Placed[]>,
  rank: ReadonlyMap<Placed, number>,
): Set<Placed> {
  const cut = new Set<Placed>();
  const position = new Map<Placed, number>();
  for (const lane of lanes.values())
    for (const [index, placed] of lane.entries()) position.set(placed, index);
  const placeOf = (placed: Placed): number => position.get(placed) ?? 0;
  const open = new Set<Placed>();
  for (const half of drawn) {
    const { peer } = half;
    if (peer === undefined || !rank.has(peer)) continue;
    if ((rank.get(half) ?? 0) > (rank.get(peer) ?? 0)) {
      open.delete(peer);
      continue;
    }
    const way = peer.at - half.at;
    const after = lanes.get(half.process)?.[placeOf(half) + 1];
    const busy = after !== undefined && (rank.get(after) ?? 0) < (rank.get(peer) ?? 0);
    if (way > LONG_WAY_MS || (busy && way > SHORT_WAY_MS)) {
      cut.add(half).add(peer);
      continue;
    }
    // An earlier frame in the other direction that is still under way crosses this one. It is cut, so that this one can be whole.
    for (const earlier of open) {
      const arrival = earlier.peer;
      if (arrival === undefined || cut.has(earlier)) continue;
      if (earlier.process === peer.process && arrival.process === half.process) cut.add(earlier).add(arrival);
    }
    open.add(half);
  }
  return cut;
}
