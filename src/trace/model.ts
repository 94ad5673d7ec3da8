// What a merge is made of: processes, their events, the connections between them. They name each other, so they stand together. Types only.

import type { Recorded } from '../core/event.ts';

/** One run of one program. The same actor may have several: bob, killed, and a new bob. */
export interface Process {
  /** Numbers the processes of a merge from 0. */
  readonly index: number;
  readonly actor: string;
  readonly pid: number;
}

/** An event in its place: whose it is, and what belongs to it elsewhere. `at` is filled in by merge.ts. */
export interface Placed {
  readonly recorded: Recorded;
  readonly process: Process;
  /** Milliseconds since the first event of all, by the clock of the first process. */
  at: number;
  /** The connection that it is about. */
  channel?: Channel;
  /** The other half: of `sent` the `received`, of `connected` the `accepted`, and the other way round. */
  peer?: Placed;
}

/** One process's end of a connection. */
export interface End {
  readonly process: Process;
  readonly conn: number;
  readonly side: 'client' | 'server';
  /** All its events, in order. */
  readonly events: Placed[];
}

/** A connection: the ends that were logged, one or both. */
export interface Channel {
  client?: End;
  server?: End;
  /** The calls through `detour link`s that it was made of, from the client on; none if it went straight. */
  readonly hops: readonly Hop[];
}

/** One call through a link. */
export interface Hop {
  /** The link. */
  readonly process: Process;
  /** The address of the caller, as the link saw it. */
  readonly from: string;
  /** The link's own call to the one called, if it got through: `local` is what the one called sees. */
  readonly onward: { readonly local: string; readonly remote: string } | undefined;
  /** Its events: `linked` first. */
  readonly events: readonly Placed[];
}
