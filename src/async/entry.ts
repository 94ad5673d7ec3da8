// The entries of the relay's log: what was decided, one after the other. Each is a frame in the grammar of PROTOCOL.md, whose body is other
// frames: the very bytes that came over the wire, or the relay's own notices. README.md says what `apply` does with each.

import type { Hash, Hasher } from '../core/hash.ts';
import { DetourError } from '../errors/error.ts';
import { encodeFrame, type Frame, framesIn, type Header } from '../wire/frame.ts';
import * as verbs from '../wire/verbs.ts';
import { count, field, id, name, optional, positive, token } from '../wire/verbs.ts';

/** Numbers of messages, rising; as text with neighbours as a range: `1-5,8`. */
const numbers = field<readonly number[]>(
  'NUMBERS',
  (text) =>
    text.split(',').flatMap((range) => {
      const [first = 0, last = first] = range.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    }),
  numbersText,
);

/** The number that the first message of each mailbox gets: `bob:17,carol:3`. */
const firsts = field<ReadonlyMap<string, number>>(
  'NAME:N,…',
  (text) => new Map(text.split(',').map((pair) => [pair.split(':')[0] ?? '', Number(pair.split(':')[1])])),
  (map) => Array.from(map, ([to, seq]) => `${to}:${seq}`).join(','),
);

const hash = field<Hash>(
  'HASH',
  (text) => {
    const [high = 0, low = 0] = text.split('.').map(Number);
    return { high, low };
  },
  ({ high, low }) => `${high}.${low}`,
);

/** `at`: epoch milliseconds, for people. `t`: the age clock, milliseconds since the log was made, never less than in the entry before. */
const times = { at: verbs.epochMs, t: count };

/** The keys of each entry. */
export const ENTRIES = {
  /** Messages that one connection sent. */
  SEND: { from: name, session: token, first: firsts, ...times },
  /** An id that was sent again. */
  REPEAT: { from: name, session: token, id, seq: positive, proof: hash, ...times },
  /** From here on messages of this mailbox may be written to a collector. */
  OPEN: { to: name },
  /** Everything up to `seq` is acknowledged. */
  ACK: { to: name, seq: positive, ...times },
  EXPIRE: { to: name, numbers, ...times },
  /** Messages of one run again, so that their segment can go: who sent them, and when, as it was. Notices have no session. */
  MOVE: { to: name, from: name, session: optional(token), numbers, ...times },
  /** The clocks, after somebody has moved the wall clock. */
  CLOCK: times,
  /** The relay has opened the log. */
  EPOCH: times,
  /** It was stopped. */
  CLOSED: times,
  /** Salvage: what could not be read. */
  LOST: times,
} as const;

/** The keys of the frames in an entry; `seq`, `kind` and `tried` only in the relay's own. */
const FRAMES = {
  SEND: {
    id,
    to: name,
    seq: optional(positive),
    ttl: optional(verbs.ttl),
    notify: optional(name),
    kind: optional(verbs.oneOf('receipt', 'bounce')),
    tried: optional(verbs.oneOf('yes', 'no')),
  },
  /** A part of the log that could not be read: LSNs. */
  PART: { from: count, to: count },
  /** Messages that went with it. */
  GONE: { to: name, numbers },
} as const;

/** A message in an entry. `size` is that of its body, in bytes. */
export type EntryMessage = verbs.Values<typeof FRAMES.SEND> & { readonly size: number };

/** A message of a client, with the hashes of its id, and of its recipient and body. */
export type SentMessage = EntryMessage & { readonly key: Hash; readonly proof: Hash };

/** A message from the relay itself, and its number. */
export type Notice = EntryMessage & { readonly seq: number };

interface Contents {
  readonly SEND: { readonly messages: readonly SentMessage[] };
  readonly REPEAT: { readonly key: Hash };
  readonly ACK: { readonly messages: readonly Notice[] };
  readonly EXPIRE: { readonly messages: readonly Notice[] };
  readonly MOVE: { readonly messages: readonly EntryMessage[] };
  readonly LOST: {
    readonly parts: readonly verbs.Values<typeof FRAMES.PART>[];
    readonly gone: readonly verbs.Values<typeof FRAMES.GONE>[];
    readonly messages: readonly Notice[];
  };
}

/** A decision. `Entry<'ACK'>` is one that acknowledges. */
export type Entry<V extends keyof typeof ENTRIES = keyof typeof ENTRIES> = V extends keyof typeof ENTRIES
  ? { readonly verb: V } & verbs.Values<(typeof ENTRIES)[V]> &
      (V extends keyof Contents ? Contents[V] : unknown)
  : never;

const LINE_END = Buffer.from('\n');
const NOTHING = Buffer.alloc(0);

/** Numbers as text, neighbours as a range: `1-5,8`. */
export function numbersText(all: readonly number[]): string {
  const ranges: string[] = [];
  for (let at = 0; at < all.length; at++) {
    const first = all[at] as number;
    while (all[at + 1] === (all[at] as number) + 1) at += 1;
    ranges.push(first === all[at] ? `${first}` : `${first}-${all[at]}`);
  }
  return ranges.join(',');
}

function lineOf(table: verbs.Table, values: Readonly<Record<string, unknown>>) {
  return Object.entries(table).map(([key, { write }]): [string, string | undefined] => {
    const value = values[key];
    return [key, value === undefined ? undefined : write(value)];
  });
}

/** A message of the relay's own as a frame. @param text one sentence */
export function noticeFrame(notice: Omit<Notice, 'size'>, text: string): Buffer {
  return encodeFrame('SEND', lineOf(FRAMES.SEND, notice), Buffer.from(text));
}

/**
 * An entry as bytes, in parts for `append`. @param frames the frames of its messages, in their order
 * @throws RangeError if its line would be too long
 */
export function encodeEntry(entry: Entry, frames: readonly Uint8Array[] = []): readonly Uint8Array[] {
  const { verb } = entry;
  const fields = lineOf(ENTRIES[verb], entry);
  const inner = [...frames];
  if (verb === 'LOST')
    for (const kind of ['PART', 'GONE'] as const)
      for (const item of kind === 'PART' ? entry.parts : entry.gone)
        inner.push(encodeFrame(kind, lineOf(FRAMES[kind], item)));
  if (inner.length === 0) return [encodeFrame(verb, fields)];
  const size = inner.reduce((sum, { length }) => sum + length, 0);
  return [encodeFrame(verb, [...fields, ['size', size]]), ...inner, LINE_END];
}

/** An entry, and the frames in it. @throws DetourError `damaged_journal` if the bytes are none of this version */
export function decodeEntry(
  bytes: Buffer,
  hasher: Hasher,
): { readonly entry: Entry; readonly frames: Frame[] } {
  const [outer, ...more] = framesIn(bytes) ?? [];
  const frames = outer?.body === undefined ? [] : framesIn(outer.body);
  if (outer === undefined || more.length > 0 || frames === undefined) throw unreadable('it is not one frame');
  const verb = Object.keys(ENTRIES).find((known): known is Entry['verb'] => known === outer.verb);
  if (verb === undefined) throw unreadable(`${outer.verb} is not an entry`);
  const entry = { verb, ...valuesOf(outer, ENTRIES[verb]), ...contentsOf(verb, outer, frames, hasher) };
  return { entry: entry as Entry, frames };
}

function contentsOf(verb: Entry['verb'], outer: Frame, frames: readonly Frame[], hasher: Hasher): object {
  const from = outer.fields.get('from') ?? '';
  const all = (kind: keyof typeof FRAMES): Frame[] => frames.filter((frame) => frame.verb === kind);
  switch (verb) {
    case 'SEND':
      return {
        messages: frames.map((frame) =>
          sentMessage(from, clientMessage(frame), frame.body ?? NOTHING, hasher),
        ),
      };
    case 'REPEAT':
      return { key: keyOf(from, outer.fields.get('id') ?? '', hasher) };
    case 'MOVE':
      return { messages: frames.map(outer.fields.has('session') ? clientMessage : ownMessage) };
    case 'LOST':
      return {
        parts: all('PART').map((frame) => valuesOf(frame, FRAMES.PART)),
        gone: all('GONE').map((frame) => valuesOf(frame, FRAMES.GONE)),
        messages: all('SEND').map(ownMessage),
      };
    default:
      return { messages: frames.map(ownMessage) };
  }
}

/** The hash by which an id of this name is found. */
export const keyOf = (from: string, ofId: string, hasher: Hasher): Hash => hasher.text(`${from} ${ofId}`);

/** A client's message with the hashes by which a repeat of it is recognised. */
export function sentMessage(
  from: string,
  message: Omit<EntryMessage, 'size'>,
  body: Uint8Array,
  hasher: Hasher,
): SentMessage {
  const { id: ofId, to, ttl, notify } = message;
  const hashes = { key: keyOf(from, ofId, hasher), proof: hasher.bytes(to, body) };
  return { id: ofId, to, ttl, notify, size: body.length, ...hashes };
}

const ownMessage = (frame: Frame): EntryMessage => ({
  ...valuesOf(frame, FRAMES.SEND),
  size: frame.body?.length ?? 0,
});

// A client may write `kind=` and the like, too: there it has no meaning.
function clientMessage(frame: Frame): EntryMessage {
  const { id: ofId, to, ttl, notify, size } = ownMessage(frame);
  return { id: ofId, to, ttl, notify, size };
}

function valuesOf<T extends verbs.Table>(frame: Header, table: T): verbs.Values<T> {
  const values = verbs.readFields(frame, table);
  if (typeof values === 'string') throw unreadable(values);
  return values;
}

function unreadable(what: string): DetourError {
  return new DetourError('damaged_journal', `an entry of the journal cannot be read: ${what}`);
}
