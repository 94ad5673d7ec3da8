// The shape that every fault has: what it makes of the network's conditions, and what it does to the connections that stand.
// One file for each fault, listed in faults.ts. They are pure: link.ts does what they ask for.

/** `up` is from the caller to the one called (--to), `down` is back. */
export type Direction = 'up' | 'down';

/** What the network between two processes is like at a moment. */
export interface Conditions {
  /** A pulled cable: nothing passes in either direction, and nobody is told. */
  readonly cut: boolean;
  /** Directions in which nothing passes. */
  readonly stalled: ReadonlySet<Direction>;
  /** Does anybody listen? If not, new calls are refused. */
  readonly listening: boolean;
  /** Is the listener's backlog full, so that new calls hang? */
  readonly full: boolean;
  /** How many bytes more pass, both directions of all connections together, before the cable is pulled. Infinity: no end. */
  readonly left: number;
  /** Every byte arrives so many milliseconds later. */
  readonly latency: number;
  /** And up to so many milliseconds later still, by chance. Order is kept. */
  readonly jitter: number;
  /** Bytes a second, for each direction of each connection. Infinity: as fast as it goes. */
  readonly rate: number;
}

/** A network without faults. */
export const HEALTHY: Conditions = {
  cut: false,
  stalled: new Set(),
  listening: true,
  full: false,
  left: Number.POSITIVE_INFINITY,
  latency: 0,
  jitter: 0,
  rate: Number.POSITIVE_INFINITY,
};

interface Spoken {
  /** The word that is typed. */
  readonly word: string;
  /** An example of what is typed, the word included. */
  readonly example: string;
  /** One line that says what it does. */
  readonly summary: string;
  /** What it does to every connection that stands, besides: RST to both sides at once, or FIN to both behind what is held. */
  readonly strike?: 'reset' | 'close';
}

/** A fault, or the mending of one. `takes` is what stands behind its word: milliseconds, bytes a second, bytes, a direction. */
export type Fault = Spoken &
  (
    | { readonly takes: 'nothing'; apply(before: Conditions): Conditions }
    | { readonly takes: 'time' | 'rate' | 'bytes'; apply(before: Conditions, amount: number): Conditions }
    | { readonly takes: 'direction'; apply(before: Conditions, direction: Direction): Conditions }
  );
