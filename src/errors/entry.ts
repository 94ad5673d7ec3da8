// The type of a catalogue entry, and the sentences that many entries share.
// An entry explains. It is never a verdict: what a sender may conclude comes from the phases of all attempts.

/** The layers that situations are grouped by, in the order in which `detour explain` lists them. */
export const LAYERS = [
  'name lookup',
  'IP',
  'TCP connect',
  'TCP established',
  'this computer',
  'program (detour/1)',
  'disk',
  'command line',
  'questions',
] as const;

/** One of LAYERS. */
export type Layer = (typeof LAYERS)[number];

/**
 * When a situation is met: while looking up the name, connecting, waiting for READY (`greeting`) or for an answer, or on an idle
 * connection; as an answer REFUSED, ERROR or BYE; when a server starts to listen; on the disk; or in the arguments.
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
 * How we know what an entry says: it was measured (`shownBy` names the tests that reproduce it), the document in `reference`
 * says it, or detour defines it. Nothing was run on macOS or Windows.
 */
export type Basis = 'measured on Linux' | 'documentation' | 'rule of detour/1';

/**
 * One situation, or one question. Several entries may share a code: ETIMEDOUT while connecting is not ETIMEDOUT while reading.
 * In the texts `{peer}` stands for who is called (bob, the relay) and `{address}` for where (127.0.0.1:4101).
 */
export interface CatalogEntry {
  /** An errno, a `code=` of the protocol, one of detour's own codes, or the word for a question. */
  readonly code: string;
  /** When it is met; this tells entries with the same code apart. None for a question. */
  readonly moments: readonly Moment[];
  /** The situation in a few words, shown after the code. */
  readonly title: string;
  readonly layer: Layer;
  /** What it means, for a person who meets it for the first time. Lines are separated by \n. */
  readonly meaning: string;
  /** What was on the wire. */
  readonly wire: ByRoute;
  /** What follows from it, whatever happened in other attempts. */
  readonly so: ByRoute;
  /** A false conclusion that people draw from it, and what is wrong with it. */
  readonly notSo?: ByRoute;
  /** What to do about it. */
  readonly tryNext: ByRoute;
  /** Which verdict it leads to, and when. */
  readonly certainty: string;
  /** The document that specifies it, with its section. */
  readonly reference: string;
  /** What differs on other systems, and what was not tested there. */
  readonly elsewhere: string;
  readonly basis: Basis;
  /** The tests in test/facts that reproduce it and check what Node reports and what detour concludes. */
  readonly shownBy?: readonly string[];
}

/** Other names of the situations that have one code; or other ways to ask a question. */
export interface Alias {
  readonly code: string;
  /** The alias means only the situations with this moment; without it, all situations of the code. */
  readonly moment?: Moment;
  /** Its number, by system. A negative number is an EAI_… of Linux. A number that is also
   * an errno with another meaning is left out. */
  readonly numbers?: Readonly<Partial<Record<'Linux' | 'macOS' | 'Windows', number>>>;
  /** Phrases of messages, in lower case, without punctuation (an apostrophe is a space). The longest phrase that matches decides. */
  readonly says: readonly string[];
}

/** `certainty` of what goes wrong before a message can be handed over. */
export const BEFORE_SENDING =
  'NOT DELIVERED, if no attempt handed over a byte of the message. If an earlier attempt did and was not answered, ' +
  'it stays UNKNOWN: this code says nothing about that attempt.';

/** `certainty` of what ends an established connection. */
export const AFTER_CONNECTING =
  'Before any byte of the message was handed to the socket: NOT DELIVERED. After that: UNKNOWN, however it ended, ' +
  'because only an answer says what the program did.';

/** `certainty` of REFUSED. */
export const REFUSED =
  'NOT DELIVERED, if the refused attempt is the only one that handed the message over. If another one ended without ' +
  'an answer: UNKNOWN, because that one may have got through.';

/** `certainty` of BYE in place of an answer. */
export const AFTER_BYE =
  'NOT DELIVERED, unless another attempt handed the message over and ended without an answer: a program answers everything it took ' +
  'before it says BYE. Otherwise UNKNOWN.';

/** `certainty` of ERROR, which ends a connection and names no message. */
export const ERROR =
  'ERROR names no message. One that has not been handed over is NOT DELIVERED; one that has, and has no answer, is UNKNOWN.';

/** `certainty` of what concerns no message under way. */
export const NO_VERDICT = 'No message is under way here, so there is no verdict to give.';

/** `elsewhere` for what was run only on Linux and is not documented to differ on other systems. */
export const NOT_VERIFIED = 'Linux: measured here. macOS and Windows: not verified here.';

/** `elsewhere` for what programs say to each other in detour/1. */
export const SAME_TEXT = 'The same on every system: it is a line of text from a program.';

/** `reference` for a rule of detour/1. */
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
