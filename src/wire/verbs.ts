// The verbs of detour/1 in one table: it drives the encoder, the decoder and the check of PROTOCOL.md, "The verbs".
// To add a verb or a key: one line here, one row there.

import { encodeFrame, type Frame, type Header, parseNumber } from './frame.ts';

/** The protocol version that READY and HELLO name. */
export const VERSION = 1;

/** The longest name, and the longest id or token, in bytes. PROTOCOL.md, "The grammar". */
export const MAX_NAME = 32;
export const MAX_TOKEN = 64;

const NAME = new RegExp(`^[a-z][a-z0-9_-]{0,${MAX_NAME - 1}}$`);
const TOKEN = new RegExp(`^[A-Za-z0-9._:-]{1,${MAX_TOKEN}}$`);

/** Is it a name of the protocol: 1 to 32 of `a-z 0-9 _ -`, a letter first? */
export const isName = (text: string): boolean => NAME.test(text);

/** Is it an id or token of the protocol: 1 to 64 of `A-Z a-z 0-9 . _ : -`? */
export const isToken = (text: string): boolean => TOKEN.test(text);

/** The value of a key: how it is written and read. */
export interface Field<T, Required extends boolean> {
  /** As PROTOCOL.md writes the value, e.g. `NAME` or `yes|no`. */
  readonly form: string;
  readonly required: Required;
  /** The value, or undefined if the text is not acceptable. */
  read(text: string): T | undefined;
  /** The text of a value. */
  write(value: T): string;
}

/** The keys of a verb, in the order in which they are written. */
export type Table = Readonly<Record<string, Field<unknown, boolean>>>;

/** A key that must be there. */
export const field = <T>(
  form: string,
  read: (text: string) => T | undefined,
  write: (value: T) => string = String,
): Field<T, true> => ({ form, required: true, read, write });

/** A key that may be left out. */
export const optional = <T>(of: Field<T, true>): Field<T, false> => ({ ...of, required: false });
/** One of these words. */
export const oneOf = <T extends string>(...words: T[]): Field<T, true> =>
  field(words.join('|'), (text) => words.find((word) => word === text));
const within = (form: string, low: number, high: number): Field<number, true> =>
  field(form, (text) => {
    const value = parseNumber(text);
    return value !== undefined && value >= low && value <= high ? value : undefined;
  });

const LARGEST = 999_999_999_999_999;
/** Values that occur with several verbs. */
export const name = field('NAME', (text) => (isName(text) ? text : undefined));
export const id = field('ID', (text) => (isToken(text) ? text : undefined));
export const token = field('TOKEN', (text) => (isToken(text) ? text : undefined));
const code = field('CODE', (text) => (/^[a-z_]{1,32}$/.test(text) ? text : undefined));
export const count = within('N', 0, LARGEST);
export const positive = within('N', 1, LARGEST);
export const epochMs = within('EPOCH_MS', 0, LARGEST);

/** The longest life that `ttl=` may ask for, in seconds: a year. */
export const MAX_TTL = 31_536_000;

/** The value of `ttl=`, in seconds. */
export const ttl = within('SECONDS', 1, MAX_TTL);

/** How much of something is used, and how much there may be: `5/200000`. */
const usage = field('N/N', (text) => (/^[0-9]{1,15}\/[0-9]{1,15}$/.test(text) ? text : undefined));

/** What the other side may learn from `present=` in STORED: is the recipient connected now, and was it ever? A hint. */
const PRESENCE = ['yes', 'no', 'never'] as const;

/**
 * Every verb: who sends it, its keys in the order they are written (`size` always last, and only if there is a body).
 * `body`: `required`, `optional`, or `none` (a body that comes all the same is ignored, like an unknown key).
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
  BYE: { from: 'either', fields: { code: optional(code) }, body: 'none' },
  ERROR: { from: 'either', fields: { code }, body: 'required' },
} as const;

/** A verb of detour/1. */
export type Verb = keyof typeof VERBS;

type Value<F> = F extends Field<infer T, boolean> ? T : never;
type Fields<V extends Verb> = (typeof VERBS)[V]['fields'];
type RequiredKeys<F> = { [K in keyof F]: F[K] extends Field<unknown, true> ? K : never }[keyof F];
type OptionalKeys<F> = { [K in keyof F]: F[K] extends Field<unknown, false> ? K : never }[keyof F];

/** The values of a table, by key. */
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

/** Why a header that obeys the grammar is not a message. `id` is there if the frame had an acceptable one: then it can be refused. */
export interface Unacceptable {
  readonly code: 'unknown_verb' | 'bad_value' | 'version';
  readonly reason: string;
  readonly id: string | undefined;
}

/** Is it a verb that this version knows? */
export const isVerb = (text: string): text is Verb => Object.hasOwn(VERBS, text);

/**
 * Reads the fields of a header by the table; unknown keys are ignored.
 * @param body the frame's body; undefined also for a header whose body is discarded
 * @returns the message, or what is unacceptable about it
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

/** The values that a header gives to the keys of a table, or what is wrong with them; other keys are ignored. */
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

// READY, HELLO and ERROR keep their form for ever; with a higher version nothing else about them is judged.
function tooNew(verb: Verb, fields: ReadonlyMap<string, string>): boolean {
  const version = parseNumber(fields.get('version') ?? '');
  return (verb === 'READY' || verb === 'HELLO') && version !== undefined && version > VERSION;
}

/**
 * Writes a message as its frame's bytes.
 * @throws RangeError if a value breaks the grammar: a defect of the caller
 */
export function encode(message: Message): Buffer {
  const fields = fieldsOf(VERBS[message.verb].fields, message);
  return encodeFrame(message.verb, fields, 'body' in message ? message.body : undefined);
}

/** The values of a table's keys as text, in the order in which they are written. */
export function fieldsOf(table: Table, values: object): [string, string | undefined][] {
  const all = values as Readonly<Record<string, unknown>>;
  return Object.entries(table).map(([key, { write }]) => [
    key,
    all[key] === undefined ? undefined : write(all[key]),
  ]);
}

/** The fields of a message with their values, in the order in which they are written: numbers as numbers, `size` for the body. */
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

/** The message that a decoded frame is; for tests and tools that know it is a good one. @throws TypeError if it is not */
export function messageOf(frame: Frame): Message {
  const result = readMessage(frame);
  if ('unacceptable' in result) throw new TypeError(result.unacceptable.reason);
  return result.message;
}
