// What can happen, as types. Everything below cli/ reports through an `emit` that it is given, and nothing else:
// one stream of these feeds the narration, the diagram, the log and the tests. Record first, render later.

/** How sure a sender may be. There are three answers, never two; STORED is DELIVERED's counterpart at the relay. */
export type VerdictName = 'DELIVERED' | 'STORED' | 'NOT_DELIVERED' | 'UNKNOWN';

/** The rungs of a message's ladder, from the lowest: exchange/ladder.ts. */
export type RungName = 'handed' | 'acknowledged' | 'read' | 'durable' | 'handled';

/**
 * What is known of a rung. `unknown`: no word of it came. `no`: it was not reached, for certain. `unseen`: it cannot be seen from
 * here. `none`: there is no such rung on this route. `unasked`: nobody asked to be told.
 */
export type RungState = 'reached' | 'no' | 'unknown' | 'unseen' | 'none' | 'unasked';

/** Fields of a frame as they stood on the wire (numbers as numbers), without the body. */
export type FrameFields = Readonly<Record<string, string | number>>;

/**
 * One thing that happened in one process. `conn` numbers the connections of a process from 1.
 * `n` numbers the frames of one direction of one connection from 1: sent number n is received number n.
 */
export type Event =
  // a process
  | { event: 'listening'; role: 'receiver' | 'relay' | 'link'; host: string; port: number; store?: string }
  | { event: 'stopping'; why: 'asked' | 'kill' | 'done' | 'failed' }
  | { event: 'freezing'; ms: number }
  | { event: 'thawed'; ms: number }
  // a connection
  | { event: 'connecting'; conn: number; host: string; port: number }
  | { event: 'connected'; conn: number; local: string; remote: string }
  | { event: 'accepted'; conn: number; local: string; remote: string }
  | { event: 'sent' | 'received'; conn: number; n: number; verb: string; fields: FrameFields }
  // Of a large body that comes slowly, so much has been read by now.
  | { event: 'arriving'; conn: number; have: number; size: number }
  | { event: 'fin'; conn: number }
  | { event: 'broken'; conn: number; code: string; syscall: string }
  | { event: 'silent'; conn: number; ms: number }
  | { event: 'closed'; conn: number }
  | { event: 'reconnecting'; ms: number; why: string }
  | { event: 'refused'; conn: number; code: string; reason: string; id?: string }
  // a message
  // `text` is the body; where it is not UTF-8, `base64`.
  | {
      event: 'shown';
      id: string;
      from: string;
      size: number;
      seq?: number;
      attempt?: number;
      kind?: string;
      text?: string;
      base64?: string;
    }
  | {
      event: 'stored';
      id: string;
      from: string;
      to: string;
      seq: number;
      size: number;
      held: number;
      present: string;
      kind?: string;
    }
  | { event: 'acknowledged'; to: string; seq: number; held: number }
  | { event: 'expired'; to: string; seq: number; id: string; from: string; tried: 'yes' | 'no' }
  | { event: 'mailbox'; name: string; state: 'collecting' | 'left' | 'replaced' }
  // Each rung of a message's ladder, once. `by`: whose word it is. `left`: bytes not acknowledged. `ms`: since the message set out.
  | {
      event: 'rung';
      conn?: number;
      id: string;
      rung: RungName;
      state: RungState;
      by?: string;
      left?: number;
      ms: number;
    }
  // `outcome`: of one message, when it is known. `verdict`: what the process ends with, its last word; of several messages the worst.
  | { event: 'outcome'; verdict: VerdictName; code: string; id: string; ms: number }
  | { event: 'verdict'; verdict: VerdictName; code: string; id: string; ms: number; exit: number }
  // the disk
  | { event: 'recovered'; messages: number; mailboxes: number }
  | { event: 'cut'; file: string; offset: number; bytes: number }
  | { event: 'disk_full' | 'disk_room' }
  // a link: connections through it (`line` numbers them from 1), and what was done to the network. `up`, `down`: bytes that passed.
  // `reached`: the link's own call to the one called stands, and that one sees `local`.
  | { event: 'linked'; line: number; from: string }
  | { event: 'reached'; line: number; local: string; remote: string }
  | { event: 'unlinked'; line: number; how: string; up: number; down: number }
  | { event: 'fault'; fault: string; value?: string; up: number; down: number }
  // the person at the keyboard
  | { event: 'notice'; text: string };

/** Takes what happened. It must not throw and must not block for long. */
export type Emit = (event: Event) => void;

/** An event with who, when and where: as it stands in a log and behind `--json`. */
export type Recorded = Event & {
  /** ISO 8601 UTC with nanoseconds. */
  readonly time: string;
  /** The name the process goes by, e.g. `bob`. */
  readonly actor: string;
  readonly pid: number;
};
