// The entries of the relay's log: its decisions, one after the other. Each is a frame in the grammar of PROTOCOL.md. Its body is other
// frames: the bytes exactly as they came over the wire, or the relay's own notices. README.md says what `apply` does with each entry.

import { DetourError } from '../core/error.ts';
import type { Hash, Hasher } from '../core/hash.ts';
import { encodeFrame, type Frame, frameAt, framesIn, type Header, parseNumber } from '../wire/frame.ts';
import { readSend, type SendFrame, sendFrame } from '../wire/send.ts';
import * as verbs from '../wire/verbs.ts';
import { count, field, id, isName, name, optional, positive, token } from '../wire/verbs.ts';

/** Numbers of messages in ascending order; in text, consecutive ones form a range: `1-5,8`. */
const numbers = field<readonly number[]>('NUMBERS', numbersIn, numbersText);

// Reads numbers from text; undefined if `numbersText` cannot have written it.
function numbersIn(text: string): readonly number[] | undefined {
  const all: number[] = [];
  for (const range of text.split(',')) {
    const [first, last = first, ...more] = range.split('-').map((part) => positive.read(part));
    if (first === undefined || last === undefined || more.length > 0) return undefined;
    if (first <= (all.at(-1) ?? 0) || last < first || last - first >= MOST_NUMBERS) return undefined;
    for (let seq = first; seq <= last; seq++) all.push(seq);
  }
  return all;
}

/** The number that the first message of each mailbox gets: `bob:17,carol:3`. */
const firsts = field<ReadonlyMap<string, number>>(
  'NAME:N,…',
  (text) => {
    const map = new Map<string, number>();
    for (const pair of text.split(',')) {
      const [to = '', seq = '', ...more] = pair.split(':');
      const number = positive.read(seq);
      if (!isName(to) || number === undefined || more.length > 0) return undefined;
      map.set(to, number);
    }
    return map;
  },
  (map) => Array.from(map, ([to, seq]) => `${to}:${seq}`).join(','),
);

const hash = field<Hash>(
  'HASH',
  (text) => {
    const [high, low, ...more] = text.split('.').map(parseNumber);
    if (high === undefined || low === undefined || more.length > 0) return undefined;
    return high === high >>> 0 && low === low >>> 0 ? { high, low } : undefined;
  },
  ({ high, low }) => `${high}.${low}`,
);

/** `at`: epoch milliseconds, for people. `t`: the age clock, milliseconds since the log was made; it never goes back from entry to entry. */
const times = { at: verbs.epochMs, t: count };

/** The keys of each entry. */
export const ENTRIES = {
  /** Messages that one connection sent. */
  SEND: { from: name, session: token, first: firsts, ...times },
  /** A client repeated an id. */
  REPEAT: { from: name, session: token, id, seq: positive, proof: hash, ...times },
  /** From here on, messages of this mailbox may be written to a collector. */
  OPEN: { to: name },
  /** Everything up to `seq` is acknowledged. */
  ACK: { to: name, seq: positive, ...times },
  /** These messages have expired. */
  EXPIRE: { to: name, numbers, ...times },
  /** Messages of one run, written again so that their segment can be freed; sender and times are the original ones. Notices have no session. */
  MOVE: { to: name, from: name, session: optional(token), numbers, ...times },
  /** Both clocks, after the wall clock was moved. */
  CLOCK: times,
  /** The relay has opened the log. */
  EPOCH: times,
  /** The relay was stopped. */
  CLOSED: times,
  /** Salvage found out what could not be read. */
  LOST: times,
} as const;

/** The keys of the frames inside an entry. `seq`, `kind` and `tried` occur only in the relay's own messages. */
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
  /** Messages that were lost with such a part. */
  GONE: { to: name, numbers },
} as const;

/** The keys of a client's frame that count. A client may also write `kind=` and the like, with any value; they mean nothing. */
const CLIENT = { id, to: name, ttl: optional(verbs.ttl), notify: optional(name) } as const;

/** A message in an entry. `size` is the size of its body, in bytes. */
export type EntryMessage = verbs.Values<typeof FRAMES.SEND> & { readonly size: number };

/** A message of a client, with two hashes by which a repeat is recognised: `key` of sender and id, `proof` of recipient and body. */
export type SentMessage = EntryMessage & { readonly key: Hash; readonly proof: Hash };

/** A client's message, made from its SEND frame. The id stays in the frame until it is asked for. */
export class SentFrame implements SentMessage {
  readonly to: string;
  readonly ttl: number | undefined;
  readonly notify: string | undefined;
  readonly size: number;
  readonly key: Hash;
  readonly proof: Hash;
  readonly #send: SendFrame;

  /** @param owner the sender's name and a space */
  constructor(owner: string, send: SendFrame, hasher: Hasher) {
    const { bytes, to = '', ttl, notify, idStart, idEnd, bodyStart, size } = send;
    this.to = to;
    this.ttl = ttl;
    this.notify = notify;
    this.size = size;
    this.key = hasher.text(owner, bytes, idStart, idEnd);
    this.proof = hasher.bytes(to, bytes, bodyStart, bodyStart + size);
    this.#send = send;
  }

  get id(): string {
    return this.#send.id;
  }
}

/** A message from the relay itself, with its number. */
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

/** A decision of the relay, as it is logged. `Entry<'ACK'>` is one that acknowledges. */
export type Entry<V extends keyof typeof ENTRIES = keyof typeof ENTRIES> = V extends keyof typeof ENTRIES
  ? { readonly verb: V } & verbs.Values<(typeof ENTRIES)[V]> &
      (V extends keyof Contents ? Contents[V] : unknown)
  : never;

/** The most numbers in one range. A longer range was never written. */
const MOST_NUMBERS = 2 ** 20;
const LINE_END = Buffer.from('\n');
const NOTHING = Buffer.alloc(0);

/** Numbers as text, consecutive ones as a range: `1-5,8`. */
export function numbersText(all: readonly number[]): string {
  const ranges: string[] = [];
  for (let at = 0; at < all.length; at++) {
    const first = all[at] as number;
    while (all[at + 1] === (all[at] as number) + 1) at += 1;
    ranges.push(first === all[at] ? `${first}` : `${first}-${all[at]}`);
  }
  return ranges.join(',');
}

/** The frame of one of the relay's own messages. @param text its body, one sentence */
export function noticeFrame(notice: Omit<Notice, 'size'>, text: string): Buffer {
  return encodeFrame('SEND', verbs.fieldsOf(FRAMES.SEND, notice), Buffer.from(text));
}

/**
 * An entry as bytes, in parts for `append`. @param frames the frames of its messages, in order; one part may hold several frames
 * @throws RangeError if the entry's line would be too long
 */
export function encodeEntry(entry: Entry, frames: readonly Uint8Array[] = []): readonly Uint8Array[] {
  const { verb } = entry;
  const fields = verbs.fieldsOf(ENTRIES[verb], entry);
  const inner = [...frames];
  if (verb === 'LOST')
    for (const kind of ['PART', 'GONE'] as const)
      for (const item of kind === 'PART' ? entry.parts : entry.gone)
        inner.push(encodeFrame(kind, verbs.fieldsOf(FRAMES[kind], item)));
  if (inner.length === 0) return [encodeFrame(verb, fields)];
  const size = inner.reduce((sum, { length }) => sum + length, 0);
  return [encodeFrame(verb, [...fields, ['size', size]]), ...inner, LINE_END];
}

/** What an entry says about all messages in it. `from` and `session` are the client's; an entry of notices has no session. */
export interface Carrier {
  readonly from: string | undefined;
  readonly session: string | undefined;
  readonly t: number;
}

/** The frames of the messages in an entry, not decoded. @throws DetourError `damaged_journal` if it is not an entry of this version */
export function messagesIn(bytes: Buffer): { readonly carrier: Carrier; readonly frames: Buffer } {
  const outer = opened(bytes);
  const { t } = valuesOf(outer, times);
  const carrier = { from: outer.fields.get('from'), session: outer.fields.get('session'), t };
  return { carrier, frames: outer.body ?? NOTHING };
}

/** The offsets at which these frames begin. @throws DetourError `damaged_journal` if they are not frames */
export function startsOf(frames: Buffer): readonly number[] {
  const starts: number[] = [];
  for (let at = 0; at < frames.length; ) {
    starts.push(at);
    at = readSend(frames, at, frames.length)?.end ?? at + theFrame(frames, at).raw.length;
  }
  return starts;
}

/** Decodes the message whose frame begins at `start`. @throws DetourError `damaged_journal` if it is not a message */
export function decodeMessage({ session }: Carrier, frames: Buffer, start: number): StoredFrame {
  if (session !== undefined) return sendAt(frames, start);
  const frame = theFrame(frames, start);
  return { ...notice(frame), body: frame.body ?? NOTHING, raw: frame.raw };
}

/** A message with its body, and its frame (`raw`), as they are in the log. */
export type StoredFrame = Omit<EntryMessage, 'to'> & { readonly body: Buffer; readonly raw: Buffer };

/** An entry, and the bytes of the frames in it. @throws DetourError `damaged_journal` if the bytes are not an entry of this version */
export function decodeEntry(
  bytes: Buffer,
  hasher: Hasher,
): { readonly entry: Entry; readonly frames: Buffer } {
  const outer = opened(bytes);
  const { verb, body = NOTHING } = outer;
  if (!isEntry(verb)) throw unreadable(`${verb} is not an entry`);
  const entry = { verb, ...valuesOf(outer, ENTRIES[verb]), ...contentsOf(verb, outer, body, hasher) };
  return { entry: entry as Entry, frames: body };
}

const isEntry = (verb: string): verb is Entry['verb'] => Object.hasOwn(ENTRIES, verb);

function opened(bytes: Buffer): Frame {
  const frame = theFrame(bytes, 0);
  if (frame.raw.length !== bytes.length) throw unreadable('it is not one frame');
  return frame;
}

function theFrame(bytes: Buffer, start: number): Frame {
  const frame = frameAt(bytes, start);
  if (frame === undefined) throw unreadable('it is not one frame');
  return frame;
}

// A client's message.
function sendAt(bytes: Buffer, start: number): SendFrame {
  const quick = readSend(bytes, start, bytes.length);
  if (quick?.to !== undefined) return quick;
  const frame = theFrame(bytes, start);
  if (frame.verb !== 'SEND' || frame.body === undefined) throw unreadable(`${frame.verb} is not a message`);
  // A client may also write `kind=` and the like; from a client they mean nothing.
  return sendFrame(frame, { ...valuesOf(frame, CLIENT), body: frame.body });
}

function* sendsIn(bytes: Buffer): Generator<SendFrame> {
  for (let at = 0; at < bytes.length; ) {
    const send = sendAt(bytes, at);
    at += send.end - send.start;
    yield send;
  }
}

function contentsOf(verb: Entry['verb'], outer: Frame, body: Buffer, hasher: Hasher): object {
  const from = outer.fields.get('from') ?? '';
  if (verb === 'SEND')
    return { messages: Array.from(sendsIn(body), (send) => new SentFrame(`${from} `, send, hasher)) };
  const frames = framesIn(body);
  if (frames === undefined) throw unreadable('its body is not a series of frames');
  const all = (kind: keyof typeof FRAMES): Frame[] => frames.filter((frame) => frame.verb === kind);
  switch (verb) {
    case 'REPEAT':
      return { key: keyOf(from, outer.fields.get('id') ?? '', hasher) };
    case 'MOVE':
      if (numbersIn(outer.fields.get('numbers') ?? '')?.length !== frames.length)
        throw unreadable('its numbers do not match its messages');
      return { messages: frames.map(outer.fields.has('session') ? clientMessage : notice) };
    case 'LOST':
      return {
        parts: all('PART').map((frame) => valuesOf(frame, FRAMES.PART)),
        gone: all('GONE').map((frame) => valuesOf(frame, FRAMES.GONE)),
        messages: all('SEND').map(notice),
      };
    default:
      return { messages: frames.map(notice) };
  }
}

/** The hash under which an id of this sender is remembered. */
export const keyOf = (from: string, ofId: string, hasher: Hasher): Hash => hasher.text(`${from} ${ofId}`);

function ownMessage(frame: Frame): EntryMessage {
  if (frame.verb !== 'SEND' || frame.body === undefined) throw unreadable(`${frame.verb} is not a message`);
  return { ...valuesOf(frame, FRAMES.SEND), size: frame.body.length };
}

function notice(frame: Frame): EntryMessage {
  const message = ownMessage(frame);
  if (message.seq === undefined) throw unreadable('a notice has no number');
  return message;
}

function clientMessage({ raw }: Frame): EntryMessage {
  const { id: ofId, to, ttl, notify, size } = sendAt(raw, 0);
  return { id: ofId, to: to ?? '', ttl, notify, size };
}

function valuesOf<T extends verbs.Table>(frame: Header, table: T): verbs.Values<T> {
  const values = verbs.readFields(frame, table);
  if (typeof values === 'string') throw unreadable(values);
  return values;
}

function unreadable(what: string): DetourError {
  return new DetourError('damaged_journal', `an entry of the journal cannot be read: ${what}`);
}

/** The highest message number that an entry names; 0 if it names none. */
export function highestIn(entry: Entry): number {
  const numbers = 'numbers' in entry ? entry.numbers : 'seq' in entry ? [entry.seq] : [];
  return numbers.reduce((highest, number) => Math.max(highest, number), 0);
}

/** The error for an entry that cannot follow the entries before it. */
export function damagedEntry(lsn: number, what: string): DetourError {
  return new DetourError('damaged_journal', `the journal is damaged: the entry of LSN ${lsn} says ${what}`);
}
