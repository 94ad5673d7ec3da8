// The verbs of detour/1 in one table. It drives the encoder, the decoder and the test that checks PROTOCOL.md, "The verbs".
// To add a verb or a key, add a line here and a row in PROTOCOL.md.

import { encodeFrame, type Frame, type Header, parseNumber } from './frame.ts';

/** The protocol version that READY and HELLO name. */
export const VERSION = 1;

/** The longest name, in bytes. PROTOCOL.md, "The grammar". */
export const MAX_NAME = 32;
/** The longest id or token, in bytes. PROTOCOL.md, "The grammar". */
export const MAX_TOKEN = 64;

const NAME = new RegExp(`^[a-z][a-z0-9_-]{0,${MAX_NAME - 1}}$`);
const TOKEN = new RegExp(`^[A-Za-z0-9._:-]{1,${MAX_TOKEN}}$`);

/** Is this a valid name: 1 to 32 of `a-z 0-9 _ -`, beginning with a letter? */
export const isName = (text: string): boolean => NAME.test(text);

/** Is this a valid id or token: 1 to 64 of `A-Z a-z 0-9 . _ : -`? */
export const isToken = (text: string): boolean => TOKEN.test(text);

/** How the value of a key is written and parsed. */
export interface Field<T, Required extends boolean> {
  /** The form of the value as PROTOCOL.md writes it, e.g. `NAME` or `yes|no`. */
  readonly form: string;
  readonly required: Required;
  /** Parses the text; undefined if it does not have this form. */
  read(text: string): T | undefined;
  /** The text of a value. */
  write(value: T): string;
}

/** The keys of a verb (or of an entry of the log), in the order in which they are written. */
export type Table = Readonly<Record<string, Field<unknown, boolean>>>;

/** A required key. */
export const field = <T>(
  form: string,
  read: (text: string) => T | undefined,
  write: (value: T) => string = String,
): Field<T, true> => ({ form, required: true, read, write });

/** Makes a key optional. */
export const optional = <T>(of: Field<T, true>): Field<T, false> => ({ ...of, required: false });
/** A required key whose value is one of these words. */
export const oneOf = <T extends string>(...words: T[]): Field<T, true> =>
  field(words.join('|'), (text) => words.find((word) => word === text));
const within = (form: string, low: number, high: number): Field<number, true> =>
  field(form, (text) => {
    const value = parseNumber(text);
    return value !== undefined && value >= low && value <= high ? value : undefined;
  });

const LARGEST = 999_999_999_999_999;

// Values that several verbs use.

/** A name: of a client, a server or a mailbox. */
export const name = field('NAME', (text) => (isName(text) ? text : undefined));
/** An id of a message, which its sender has chosen. */
export const id = field('ID', (text) => (isToken(text) ? text : undefined));
/** A random token, such as that of a session or a store. */
export const token = field('TOKEN', (text) => (isToken(text) ? text : undefined));
const code = field('CODE', (text) => (/^[a-z_]{1,32}$/.test(text) ? text : undefined));
/** A whole number from 0. */
export const count = within('N', 0, LARGEST);
/** A whole number from 1. */
export const positive = within('N', 1, LARGEST);
/** A time by the wall clock: milliseconds since 1970 UTC. */
export const epochMs = within('EPOCH_MS', 0, LARGEST);

/** The largest `ttl=`, in seconds: a year. PROTOCOL.md, "Limits". */
export const MAX_TTL = 31_536_000;

/** The value of `ttl=`: seconds, from 1 to MAX_TTL. */
export const ttl = within('SECONDS', 1, MAX_TTL);

/** How much of a limit is used, and the limit: `5/200000`. */
const usage = field('N/N', (text) => (/^[0-9]{1,15}\/[0-9]{1,15}$/.test(text) ? text : undefined));

/** `present=` of STORED, a hint: is somebody collecting from the mailbox now (`yes`), did somebody earlier (`no`), or nobody (`never`)? */
const PRESENCE = ['yes', 'no', 'never'] as const;

/**
 * Every verb: who sends it, and its keys in the order in which they are written (`size` is always last, and only there if there is a body).
 * `body`: `required`, `optional`, or `none` (a body that comes anyway is ignored, like an unknown key).
 */
export const VERBS = {
  READY: {
    from: 'server',
    fields: {
      version: positive,
      role: oneOf('receiver', 'relay'),
      as: name,
      max: within('BYTES', 0, LARGEST),
      window: positive,
      store: optional(token),
    },
    body: 'none',
  },
  HELLO: {
    from: 'client',
    fields: {
      version: positive,
      as: name,
      session: optional(token),
      try: optional(positive),
      heartbeat: optional(within('SECONDS', 1, 3600)),
    },
    body: 'none',
  },
  SEND: {
    from: 'client',
    fields: { id, to: optional(name), ttl: optional(ttl), notify: optional(name) },
    body: 'required',
  },
  RECEIVED: { from: 'server', fields: { id }, body: 'optional' },
  STORED: {
    from: 'server',
    fields: { id, seq: positive, present: oneOf(...PRESENCE), dup: optional(oneOf('yes')) },
    body: 'none',
  },
  REFUSED: { from: 'server', fields: { id, code }, body: 'required' },
  RECEIVE: {
    from: 'client',
    fields: { window: positive, limit: optional(positive), drain: optional(oneOf('yes')) },
    body: 'none',
  },
  MESSAGE: {
    from: 'server',
    fields: {
      seq: positive,
      id,
      from: name,
      at: epochMs,
      held: within('MS', 0, LARGEST),
      attempt: positive,
      kind: optional(oneOf('receipt', 'bounce')),
      tried: optional(oneOf('yes', 'no')),
    },
    body: 'required',
  },
  ACK: { from: 'client', fields: { seq: positive }, body: 'none' },
  EMPTY: { from: 'server', fields: {}, body: 'none' },
  STATUS: { from: 'client', fields: { after: optional(name) }, body: 'none' },
  LIST: { from: 'client', fields: { name, after: optional(count) }, body: 'none' },
  MAILBOX: {
    from: 'server',
    fields: {
      name,
      held: count,
      bytes: within('N', 0, LARGEST),
      oldest: epochMs,
      connected: oneOf('yes', 'no'),
    },
    body: 'none',
  },
  ITEM: {
    from: 'server',
    fields: {
      seq: positive,
      id: optional(id),
      from: optional(name),
      at: epochMs,
      held: within('MS', 0, LARGEST),
      bytes: count,
      attempts: count,
      kind: optional(oneOf('receipt', 'bounce')),
    },
    body: 'none',
  },
  END: {
    from: 'server',
    fields: {
      messages: optional(usage),
      names: optional(usage),
      ids: optional(usage),
      sessions: optional(usage),
      disk: optional(usage),
    },
    body: 'none',
  },
  PING: { from: 'either', fields: {}, body: 'none' },
  PONG: { from: 'either', fields: {}, body: 'none' },
  BYE: { from: 'either', fields: { code: optional(code), by: optional(token) }, body: 'none' },
  ERROR: { from: 'either', fields: { code }, body: 'required' },
} as const;

/** A verb of detour/1. */
export type Verb = keyof typeof VERBS;

type Value<F> = F extends Field<infer T, boolean> ? T : never;
type Fields<V extends Verb> = (typeof VERBS)[V]['fields'];
type RequiredKeys<F> = { [K in keyof F]: F[K] extends Field<unknown, true> ? K : never }[keyof F];
type OptionalKeys<F> = { [K in keyof F]: F[K] extends Field<unknown, false> ? K : never }[keyof F];

/** The types of a table's values, by key. */
export type Values<F> = { readonly [K in RequiredKeys<F>]: Value<F[K]> } & {
  readonly [K in OptionalKeys<F>]?: Value<F[K]> | undefined;
};

type BodyOf<V extends Verb> = (typeof VERBS)[V]['body'] extends 'required'
  ? { readonly body: Buffer }
  : (typeof VERBS)[V]['body'] extends 'optional'
    ? { readonly body?: Buffer | undefined }
    : unknown;

/** One message of the protocol with its fields by name, e.g. `Message<'ACK'>` is `{ verb: 'ACK', seq: number }`. */
export type Message<V extends Verb = Verb> = V extends Verb
  ? { readonly verb: V } & Values<Fields<V>> & BodyOf<V>
  : never;

/** Why a header that obeys the grammar is not a message. `id` is set if the frame has a valid one: then a SEND can be answered REFUSED. */
export interface Unacceptable {
  readonly code: 'unknown_verb' | 'bad_value' | 'version';
  readonly reason: string;
  readonly id: string | undefined;
}

/** Is this a verb that this version knows? */
export const isVerb = (text: string): text is Verb => Object.hasOwn(VERBS, text);

/**
 * Parses the fields of a header by the table of verbs, and ignores unknown keys. Its body is undefined if the frame has none, or if it is
 * being discarded.
 * @returns the message, or why it is not acceptable
 */
export function readMessage(
  frame: Header & { readonly body?: Buffer | undefined },
): { message: Message } | { unacceptable: Unacceptable } {
  const { verb, fields } = frame;
  if (!isVerb(verb))
    return {
      unacceptable: { code: 'unknown_verb', reason: `${verb} is not a verb of detour/1`, id: undefined },
    };
  const rawId = fields.get('id');
  const fault = (reason: string): { unacceptable: Unacceptable } => ({
    unacceptable: {
      code: tooNew(verb, fields) ? 'version' : 'bad_value',
      reason,
      id: rawId !== undefined && isToken(rawId) ? rawId : undefined,
    },
  });
  const read = readFields(frame, VERBS[verb].fields);
  if (typeof read === 'string') return fault(read);
  const message: Record<string, unknown> = { verb, ...read };
  if (VERBS[verb].body !== 'none') {
    if (frame.body !== undefined) message.body = frame.body;
    else if (VERBS[verb].body === 'required') return fault(`${verb} needs a body and size=`);
  }
  return { message: message as Message };
}

/** Parses the values of a table's keys from a header, and ignores other keys. @returns the values, or a sentence that says what is wrong */
export function readFields<T extends Table>({ verb, fields }: Header, table: T): Values<T> | string {
  const read: Record<string, unknown> = {};
  for (const [key, spec] of Object.entries(table)) {
    const text = fields.get(key);
    if (text === undefined) {
      if (spec.required) return `${verb} needs ${key}=${spec.form}`;
      continue;
    }
    const value = spec.read(text);
    if (value === undefined) return `${verb} ${key}= is not an acceptable ${spec.form}`;
    read[key] = value;
  }
  return read as Values<T>;
}

// READY, HELLO and ERROR keep their form forever. If the version is higher, nothing else in READY or HELLO is reported as wrong.
function tooNew(verb: Verb, fields: ReadonlyMap<string, string>): boolean {
  const version = parseNumber(fields.get('version') ?? '');
  return (verb === 'READY' || verb === 'HELLO') && version !== undefined && version > VERSION;
}

/**
 * Encodes a message as the bytes of a frame.
 * @throws RangeError if a value breaks the grammar: a bug in the caller
 */
export function encode(message: Message): Buffer {
  const fields = fieldsOf(VERBS[message.verb].fields, message);
  return encodeFrame(message.verb, fields, 'body' in message ? message.body : undefined);
}

/** The values of a table's keys as text, in the order in which they are written; undefined for a key without a value. */
export function fieldsOf(table: Table, values: object): [string, string | undefined][] {
  const all = values as Readonly<Record<string, unknown>>;
  return Object.entries(table).map(([key, { write }]) => [
    key,
    all[key] === undefined ? undefined : write(all[key]),
  ]);
}

/** The fields of a message, in the order in which they are written. Numbers stay numbers, and `size` stands for the body. */
export function valuesOf(message: Message): Record<string, string | number> {
  const all = message as Readonly<Record<string, unknown>>;
  const values: Record<string, string | number> = {};
  for (const key of Object.keys(VERBS[message.verb].fields)) {
    const value = all[key];
    if (typeof value === 'string' || typeof value === 'number') values[key] = value;
  }
  if ('body' in message && message.body !== undefined) values.size = message.body.length;
  return values;
}

/** Parses a decoded frame as a message, for tests and tools that know it is valid. @throws TypeError if it is not */
export function messageOf(frame: Frame): Message {
  const result = readMessage(frame);
  if ('unacceptable' in result) throw new TypeError(result.unacceptable.reason);
  return result.message;
}
