// What a merge is made of: processes, their events, and the connections between them. The types refer to each other, so they share a file.

import type { Recorded } from '../core/event.ts';

/** One run of one program. The same actor may have several: bob, killed, and a new bob. */
export interface Process {
  /** Numbers the processes of a merge from 0. */
  readonly index: number;
  readonly actor: string;
  readonly pid: number;
}

/** An event with its process and what belongs to it elsewhere. merge.ts sets `at`. */
export interface Placed {
  readonly recorded: Recorded;
  readonly process: Process;
  /** Milliseconds since the first event of all, by the clock of the first process. */
  at: number;
  /** The connection that the event is about. */
  channel?: Channel;
  /** The other half: `received` for `sent`, `accepted` for `connected`, and vice versa. */
  peer?: Placed;
}

/** One end of a connection, at one process. */
export interface End {
  readonly process: Process;
  readonly conn: number;
  readonly side: 'client' | 'server';
  /** All events of this end, in order. */
  readonly events: Placed[];
}

/** A connection, with the ends that were logged: one or both. */
export interface Channel {
  client?: End;
  server?: End;
  /** Is it certain that these two ends belong to one connection? Not if other ends in the logs would fit as well. */
  certain?: boolean;
  /** Its hops through `detour link`s, in order from the client; empty if it was direct. */
  readonly hops: readonly Hop[];
}

/** One connection through a link: a part of the way from client to server. */
export interface Hop {
  /** The link. */
  readonly process: Process;
  /** The address of the client, as the link saw it. */
  readonly from: string;
  /** The link's own connection to the server, if it was established: the server sees `local` as its client. */
  readonly onward: { readonly local: string; readonly remote: string } | undefined;
  /** Its events; `linked` comes first. */
  readonly events: readonly Placed[];
}
