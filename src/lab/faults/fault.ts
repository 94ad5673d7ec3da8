// The shape of every fault: how it changes the network's conditions, and what it does to open connections.
// Each fault has its own file and is listed in faults.ts. Faults are pure: link.ts does what they ask for.

/** `up` is from the client to the target (--to), `down` is back. */
export type Direction = 'up' | 'down';

/** The state of the network between two processes at one moment. */
export interface Conditions {
  /** A pulled cable: nothing passes in either direction, and nobody is told. */
  readonly cut: boolean;
  /** Directions in which nothing passes. */
  readonly stalled: ReadonlySet<Direction>;
  /** Does the link listen? If not, new connections are refused. */
  readonly listening: boolean;
  /** Is the listener's backlog full, so that new connections hang? */
  readonly full: boolean;
  /** How many more bytes pass before the cable is pulled, counting both directions of all connections together. Infinity: no limit. */
  readonly left: number;
  /** The delay of every byte, in milliseconds. */
  readonly latency: number;
  /** The largest random delay on top of `latency`, in milliseconds. Order is kept. */
  readonly jitter: number;
  /** Bytes per second, for each direction of each connection. Infinity: no limit. */
  readonly rate: number;
  /** The most bytes in one segment, in each direction of each connection; see pipe.ts for what waits too long. Infinity: no limit. */
  readonly slice: number;
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
  slice: Number.POSITIVE_INFINITY,
};

interface Spoken {
  /** The word that is typed. */
  readonly word: string;
  /** An example of what is typed, the word included. */
  readonly example: string;
  /** One line that says what it does. */
  readonly summary: string;
  /** What it also does to every open connection: RST to both sides immediately, or FIN to both after what is held. */
  readonly strike?: 'reset' | 'close';
}

/** A fault, or its repair. `takes` is the kind of value typed after its word: milliseconds, bytes per second, bytes, bytes of a segment, or a direction. */
export type Fault = Spoken &
  (
    | { readonly takes: 'nothing'; apply(before: Conditions): Conditions }
    | {
        readonly takes: 'time' | 'rate' | 'bytes' | 'segment';
        apply(before: Conditions, amount: number): Conditions;
      }
    | { readonly takes: 'direction'; apply(before: Conditions, direction: Direction): Conditions }
  );
