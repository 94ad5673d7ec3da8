// What the catalogue knows about one situation, as a type, and the sentences that many entries share.
// An entry explains. It is never a verdict: what a sender may conclude comes from the phases of all attempts.

/** Where a situation belongs, from the name down to the wire and up to the command line. In the order of the list. */
export const LAYERS = [
  'name lookup',
  'IP',
  'TCP connect',
  'TCP established',
  'this computer',
  'program (detour/1)',
  'disk',
  'command line',
] as const;

/** One of LAYERS. */
export type Layer = (typeof LAYERS)[number];

/**
 * When a situation is met: looking up the name, connecting, waiting for READY, waiting for an answer, with a silent
 * connection, as an answer REFUSED, ERROR or BYE, when a server starts to listen, at the disk, or in the arguments.
 */
export type Moment =
  | 'lookup'
  | 'connect'
  | 'greeting'
  | 'answer'
  | 'idle'
  | 'refused'
  | 'error'
  | 'bye'
  | 'listen'
  | 'disk'
  | 'arguments';

/** The two routes a message can take. */
export type Route = 'sync' | 'async';

/** A sentence that holds for both routes, or one for each. */
export type ByRoute = string | Readonly<Record<Route, string>>;

/**
 * How we know what an entry says: it was measured (`shownBy` names the tests that make the situation), it stands in the document
 * that `reference` names, or detour/1 makes it so. Nothing was run on macOS or Windows.
 */
export type Basis = 'measured on Linux' | 'documentation' | 'rule of detour/1';

/**
 * One situation. Several entries may share a code: ETIMEDOUT while connecting is not ETIMEDOUT while reading.
 * `{peer}` and `{place}` in the texts stand for who is called (bob, the relay) and where (127.0.0.1:4101).
 */
export interface CatalogEntry {
  /** An errno, a `code=` of the protocol, or a word of detour's own. */
  readonly code: string;
  /** When it is met; tells entries of one code apart. */
  readonly moments: readonly Moment[];
  /** The situation in a few words, to be read behind the code. */
  readonly title: string;
  readonly layer: Layer;
  /** What it means, for a person who meets it the first time. */
  readonly meaning: string;
  /** What was on the wire. */
  readonly wire: ByRoute;
  /** What follows from it, whatever happened in other attempts. */
  readonly so: ByRoute;
  /** What people conclude, and must not. */
  readonly notSo?: ByRoute;
  /** What to do about it. */
  readonly tryNext: ByRoute;
  /** When a sender may be certain and when not, in the words of the verdicts. */
  readonly certainty: string;
  /** Where it is laid down. */
  readonly reference: string;
  /** What differs on other systems. */
  readonly elsewhere: string;
  readonly basis: Basis;
  /** The rows of test/facts that make the situation for real and pin what Node reports and detour concludes. */
  readonly shownBy?: readonly string[];
}

/** Certainty of what goes wrong before a message can be handed over. */
export const BEFORE_SENDING =
  'NOT DELIVERED, if no attempt handed over a byte of the message. If an earlier attempt did and was not answered, ' +
  'it stays UNKNOWN: this code says nothing about that one.';

/** Certainty of what ends an established connection. */
export const AFTER_CONNECTING =
  'Before any byte of the message was handed to the socket: NOT DELIVERED. After that: UNKNOWN, however it ended, ' +
  'because only an answer says what the program did.';

/** Certainty of REFUSED. */
export const REFUSED =
  'NOT DELIVERED, if the refused attempt is the only one that handed the message over. If another one ended without ' +
  'an answer: UNKNOWN, because that one may have got through.';

/** Certainty of BYE in place of an answer. */
export const AFTER_BYE =
  'NOT DELIVERED, if no other attempt handed the message over and ended without an answer: who says BYE has answered all that it took. ' +
  'Else UNKNOWN.';

/** Certainty of ERROR, which ends a connection and names no message. */
export const ERROR =
  'ERROR names no message. One that was not handed over yet is NOT DELIVERED; one that was, and has no answer, is UNKNOWN.';

/** Certainty of what concerns no message on its way. */
export const NO_VERDICT = 'No message is on its way here, so there is no verdict to give.';

/** `elsewhere` for what was run on Linux and nowhere else, and of which nothing special is documented. */
export const NOT_VERIFIED = 'Linux: measured here. macOS and Windows: not verified here.';

/** `elsewhere` for what programs say to each other. */
export const SAME_TEXT = 'The same on every system: it is a line of text from a program.';

/** `reference` for the rules of the protocol. */
export const PROTOCOL = 'detour/1: src/wire/PROTOCOL.md';

type Shared = 'layer' | 'reference' | 'elsewhere' | 'basis';

/** What differs between entries about what programs say to each other; and between systems, if that is more than nothing. */
export type SpokenEntry = Omit<CatalogEntry, Shared> & Partial<Pick<CatalogEntry, 'elsewhere'>>;

/** The whole entry: what such entries have in common is said once. */
export const spoken = (own: SpokenEntry): CatalogEntry => ({
  layer: 'program (detour/1)',
  reference: PROTOCOL,
  elsewhere: SAME_TEXT,
  basis: 'rule of detour/1',
  ...own,
});
