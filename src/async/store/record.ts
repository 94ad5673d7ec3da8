// Entries <-> records: how one decision of the relay is written in the journal, in the grammar of wire/frame.ts.
// A record is a frame inside the body of a commit (commit.ts). What records mean together is fold.ts.
// It knows no file.

import { crc32 } from 'node:zlib';
import { MAX_LINE, parseHeader, parseNumber } from '../../wire/frame.ts';
import type { Entry, MailboxState, RememberedId, SendEntry } from './store.ts';

/** What the journal writes for itself, beside the relay's entries. */
export type Upkeep =
  /** A mailbox's state, carried forward out of a segment that is about to go. */
  | ({ readonly kind: 'mailbox'; readonly to: string } & MailboxState)
  /** A remembered id whose message is gone, carried forward likewise. */
  | ({ readonly kind: 'remember' } & RememberedId)
  /** A new life of the relay begins behind this record: whatever was open before counts as tried. */
  | { readonly kind: 'life' }
  /** Everything of this segment and of all before it that still mattered stands behind it: the file may go. */
  | { readonly kind: 'drop'; readonly segment: number };

/** Everything that can stand in a commit. */
export type JournalEntry = Entry | Upkeep;

/** A record as it was read: a message has a size and a place in place of its body. */
export type JournalRecord =
  | (Omit<SendEntry, 'body'> & { readonly size: number })
  | Exclude<Entry, SendEntry>
  | Upkeep;

/** A record and where it lies: `offset` counts from the start of what was given to `readRecords`, plus its `base`. */
export interface PlacedRecord {
  readonly record: JournalRecord;
  readonly offset: number;
  /** Of the whole record: header line, body and newline. */
  readonly length: number;
  /** The record's bytes, body and all. */
  readonly bytes: Buffer;
}

const LF = 0x0a;
const VALUE = /^[\x21-\x7e]+$/;
const CRC = /^[0-9a-f]{8}$/;
const LARGEST = 999_999_999_999_999;

/** A CRC-32 as the journal writes it: eight small hexadecimal digits. */
export function crcText(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}

/** Reads what `crcText` wrote; undefined if it is none. */
export function parseCrc(text: string | undefined): number | undefined {
  return text !== undefined && CRC.test(text) ? Number.parseInt(text, 16) : undefined;
}

// A value that breaks the grammar would make a commit that is intact and cannot be read: it is a defect of the caller, found here.
function word(value: string): string {
  if (!VALUE.test(value))
    throw new RangeError(`not a value that the grammar allows: ${JSON.stringify(value)}`);
  return value;
}

function whole(value: number): number {
  if (!Number.isInteger(value) || value < 0 || value > LARGEST)
    throw new RangeError(`not a number that the grammar allows: ${value}`);
  return value;
}

function sendLine(e: SendEntry): string {
  let line = `SEND to=${word(e.to)} seq=${whole(e.seq)} id=${word(e.id)} from=${word(e.from)} at=${whole(e.at)}`;
  if (e.session !== undefined) line += ` session=${word(e.session)}`;
  if (e.ttl !== undefined) line += ` ttl=${whole(e.ttl)}`;
  if (e.notify !== undefined) line += ` notify=${word(e.notify)}`;
  if (e.notice !== undefined) line += ` notice=${word(e.notice)}`;
  if (e.tried !== undefined) line += ` tried=${word(e.tried)}`;
  return `${line} crc=${crcText(e.crc)} size=${e.body.length}\n`;
}

/**
 * The header line of an entry's record, its newline included. A `send` entry's body and a newline follow it.
 * @throws RangeError if a value would break the grammar: a defect of the caller
 */
export function recordLine(entry: JournalEntry): string {
  const line = lineOf(entry);
  if (line.length > MAX_LINE)
    throw new RangeError(`the header line of a record would be ${line.length} bytes`);
  return line;
}

function lineOf(e: JournalEntry): string {
  switch (e.kind) {
    case 'send':
      return sendLine(e);
    case 'ack':
      return `ACK to=${word(e.to)} seq=${whole(e.seq)}\n`;
    case 'expire':
      return `EXPIRE to=${word(e.to)} seq=${whole(e.seq)}\n`;
    case 'open':
      return `OPEN to=${word(e.to)}\n`;
    case 'forget':
      return `FORGET to=${word(e.to)}\n`;
    case 'mailbox': {
      const state = `next=${whole(e.next)} watermark=${whole(e.watermark)} tried=${whole(e.tried)}`;
      return `MAILBOX to=${word(e.to)} ${state} open=${e.open ? 'yes' : 'no'}\n`;
    }
    case 'remember': {
      const identity = `session=${word(e.session)} from=${word(e.from)} id=${word(e.id)} to=${word(e.to)}`;
      const order = e.order === undefined ? '' : ` order=${whole(e.order)}`;
      return `REMEMBER ${identity} seq=${whole(e.seq)} length=${whole(e.size)} crc=${crcText(e.crc)} at=${whole(e.at)}${order}\n`;
    }
    case 'life':
      return 'LIFE\n';
    case 'drop':
      return `DROP segment=${whole(e.segment)}\n`;
  }
}

/**
 * Reads the records in the body of a commit that was found intact.
 * @param body the body; `bytes` of what comes back are views of it
 * @param base the offset of the body's first byte in its file
 * @throws SyntaxError if something in it is no record: written by a newer detour, or by a defect
 */
export function* readRecords(body: Buffer, base: number): Generator<PlacedRecord> {
  let at = 0;
  while (at < body.length) {
    const end = body.indexOf(LF, at);
    if (end === -1) throw new SyntaxError('the last record has no end');
    const header = parseHeader(body.toString('latin1', at, end));
    if (typeof header === 'string') throw new SyntaxError(header);
    const size = header.fields.get('size');
    const stop = size === undefined ? end + 1 : end + 1 + Number(size) + 1;
    if (stop > body.length || body[stop - 1] !== LF)
      throw new SyntaxError('a record does not end where it says');
    const record = recordOf(header.verb, header.fields);
    if (record === undefined) throw new SyntaxError(`no record that this version knows: ${header.verb}`);
    yield { record, offset: base + at, length: stop - at, bytes: body.subarray(at, stop) };
    at = stop;
  }
}

/**
 * Takes the body out of the bytes of one SEND record, and checks it against the record's `crc`.
 * @returns the body, a view; undefined if these bytes are not an intact SEND record
 */
export function bodyOf(bytes: Buffer): Buffer | undefined {
  const end = bytes.indexOf(LF);
  if (end === -1 || end >= MAX_LINE || bytes[bytes.length - 1] !== LF) return undefined;
  const header = parseHeader(bytes.toString('latin1', 0, end));
  if (typeof header === 'string' || header.verb !== 'SEND') return undefined;
  if (header.fields.get('size') !== String(bytes.length - end - 2)) return undefined;
  const body = bytes.subarray(end + 1, bytes.length - 1);
  return parseCrc(header.fields.get('crc')) === crc32(body) ? body : undefined;
}

type Fields = ReadonlyMap<string, string>;

function recordOf(verb: string, fields: Fields): JournalRecord | undefined {
  if (verb === 'LIFE') return { kind: 'life' };
  if (verb === 'DROP') {
    const segment = number(fields, 'segment');
    return segment === undefined ? undefined : { kind: 'drop', segment };
  }
  const to = fields.get('to');
  if (to === undefined) return undefined;
  if (verb === 'OPEN') return { kind: 'open', to };
  if (verb === 'FORGET') return { kind: 'forget', to };
  if (verb === 'MAILBOX') return mailboxOf(to, fields);
  const seq = number(fields, 'seq');
  if (seq === undefined) return undefined;
  switch (verb) {
    case 'ACK':
      return { kind: 'ack', to, seq };
    case 'EXPIRE':
      return { kind: 'expire', to, seq };
    case 'SEND':
      return sendOf(to, seq, fields);
    case 'REMEMBER':
      return rememberOf(to, seq, fields);
    default:
      return undefined;
  }
}

function mailboxOf(to: string, fields: Fields): JournalRecord | undefined {
  const next = number(fields, 'next');
  const watermark = number(fields, 'watermark');
  const tried = number(fields, 'tried');
  const open = fields.get('open');
  if (next === undefined || watermark === undefined || tried === undefined) return undefined;
  if (open !== 'yes' && open !== 'no') return undefined;
  return { kind: 'mailbox', to, next, watermark, tried, open: open === 'yes' };
}

function sendOf(to: string, seq: number, fields: Fields): JournalRecord | undefined {
  const common = identityOf(fields);
  const size = number(fields, 'size');
  const ttl = number(fields, 'ttl');
  const notice = fields.get('notice');
  const tried = fields.get('tried');
  if (common === undefined || size === undefined) return undefined;
  if (fields.has('ttl') && ttl === undefined) return undefined;
  if (notice !== undefined && notice !== 'receipt' && notice !== 'bounce') return undefined;
  if (tried !== undefined && tried !== 'yes' && tried !== 'no') return undefined;
  const session = fields.get('session');
  return {
    kind: 'send',
    to,
    seq,
    ...common,
    session,
    ttl,
    notify: fields.get('notify'),
    notice,
    tried,
    size,
  };
}

function rememberOf(to: string, seq: number, fields: Fields): JournalRecord | undefined {
  const common = identityOf(fields);
  const session = fields.get('session');
  const size = number(fields, 'length');
  const order = number(fields, 'order');
  if (common === undefined || session === undefined || size === undefined) return undefined;
  if (fields.has('order') && order === undefined) return undefined;
  return { kind: 'remember', session, to, seq, size, ...common, order };
}

function identityOf(fields: Fields): { id: string; from: string; at: number; crc: number } | undefined {
  const id = fields.get('id');
  const from = fields.get('from');
  const at = number(fields, 'at');
  const crc = parseCrc(fields.get('crc'));
  if (id === undefined || from === undefined || at === undefined || crc === undefined) return undefined;
  return { id, from, at, crc };
}

function number(fields: Fields, key: string): number | undefined {
  return parseNumber(fields.get(key) ?? '');
}
