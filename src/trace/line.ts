// One event as one line of JSON, and back: what stands in a log file, behind --json and between the stage and its actors.
// What comes back is checked field by field: a log is a file that anybody can have written, and it is drawn on terminals.

import { DetourError } from '../core/error.ts';
import type { Event, FrameFields, Recorded } from '../core/event.ts';
import { isName, isToken } from '../wire/verbs.ts';

// Keys of a line that are not the frame's. On the wire keys are a-z only, so a name with `_` in it is free to dodge to.
const OWN_KEYS: ReadonlySet<string> = new Set([
  'time',
  'actor',
  'pid',
  'event',
  'conn',
  'n',
  'verb',
  'level',
  'msg',
]);
const DODGE = 'wire_';

/** What a line says of an event beside its stamp: of a frame, its fields stand beside its verb. */
export function flatten(event: Event): object {
  if (event.event !== 'sent' && event.event !== 'received') return event;
  const { fields, ...frame } = event;
  const flat: Record<string, unknown> = frame;
  for (const key in fields) flat[OWN_KEYS.has(key) ? DODGE + key : key] = fields[key];
  return flat;
}

/** One event as one line of JSON, without the line end: `time`, `actor`, `pid`, `event`, then the event's own fields. */
export const formatJson = ({ time, actor, pid, ...event }: Recorded): string =>
  // Two more characters that some readers take for a line end, Node's own since 24 among them.
  JSON.stringify({ time, actor, pid, ...flatten(event) }).replace(/[\u2028\u2029]/g, (separator) =>
    separator === '\u2028' ? '\\u2028' : '\\u2029',
  );

type Check = (value: unknown) => boolean;
const text: Check = (value) => typeof value === 'string';
const number: Check = (value) => typeof value === 'number' && Number.isFinite(value);
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const name: Check = (value) => typeof value === 'string' && isName(value);
const id: Check = (value) => typeof value === 'string' && isToken(value);
const word: Check = (value) => typeof value === 'string' && /^[A-Za-z0-9_]{1,32}$/.test(value);
const printable: Check = (value) => typeof value === 'string' && /^[\x21-\x7e]{1,128}$/.test(value);
const oneOf = (...words: string[]): Check => {
  const set: ReadonlySet<unknown> = new Set(words);
  return (value) => set.has(value);
};
const maybe =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

const connection = { conn: count };
const frame = {
  conn: count,
  n: count,
  verb: (value: unknown) => typeof value === 'string' && /^[A-Z]{1,32}$/.test(value),
};
const ends = { conn: count, local: printable, remote: printable };

const VERDICT = oneOf('DELIVERED', 'STORED', 'NOT_DELIVERED', 'UNKNOWN');

/** What each event must carry to be believed. To add an event: one line in event.ts, one row here. */
const SHAPES: { readonly [K in Event['event']]: Readonly<Record<string, Check>> } = {
  listening: { role: oneOf('receiver', 'relay', 'link'), host: printable, port: count, store: maybe(id) },
  stopping: { why: oneOf('asked', 'kill', 'done', 'failed') },
  freezing: { ms: number },
  thawed: { ms: number },
  connecting: { conn: count, host: printable, port: count },
  connected: ends,
  accepted: ends,
  sent: frame,
  received: frame,
  arriving: { conn: count, have: count, size: count },
  fin: connection,
  broken: { conn: count, code: word, syscall: text },
  silent: { conn: count, ms: number },
  closed: connection,
  reconnecting: { ms: number, why: text },
  refused: { conn: count, code: word, reason: text, id: maybe(id) },
  shown: {
    id,
    from: name,
    size: count,
    seq: maybe(count),
    attempt: maybe(count),
    kind: maybe(word),
    text: maybe(text),
    base64: maybe(text),
  },
  stored: {
    id,
    from: name,
    to: name,
    seq: count,
    size: count,
    held: count,
    present: word,
    kind: maybe(word),
  },
  acknowledged: { to: name, seq: count, held: count },
  expired: { to: name, seq: count, id, from: name, tried: oneOf('yes', 'no') },
  mailbox: { name, state: oneOf('collecting', 'left', 'replaced') },
  rung: {
    conn: maybe(count),
    id,
    rung: oneOf('handed', 'acknowledged', 'read', 'durable', 'handled'),
    state: oneOf('reached', 'no', 'unknown', 'unseen', 'none', 'unasked'),
    by: maybe(word),
    left: maybe(count),
    ms: number,
  },
  outcome: { verdict: VERDICT, code: text, id: text, ms: number },
  verdict: {
    verdict: VERDICT,
    code: text,
    id: text,
    ms: number,
    exit: count,
  },
  recovered: { messages: count, mailboxes: count },
  cut: { file: text, offset: count, bytes: count },
  disk_full: {},
  disk_room: {},
  linked: { line: count, from: printable },
  reached: { line: count, local: printable, remote: printable },
  unlinked: { line: count, how: word, up: count, down: count },
  fault: { fault: word, value: maybe(printable), up: count, down: count },
  notice: { text },
};

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/;

/**
 * Reads a line that `formatJson` or the recorder wrote. Keys that nobody asked for (pino's level, say) are left out.
 * @param file and `number` (from 1) say in an error where the line stands
 * @throws DetourError if it is not such a line
 */
export function parseRecorded(line: string, file = 'the output', number = 1): Recorded {
  const bad = (what: string): DetourError =>
    new DetourError(
      'bad_log',
      `${file}, line ${number}: ${what}`,
      'give files that detour wrote with --log, or what --json printed',
    );
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw bad('not JSON');
  }
  if (typeof value !== 'object' || value === null) throw bad('not an event');
  const flat = new Map<string, unknown>(Object.entries(value));
  const kind = flat.get('event');
  const take = (key: string, check: Check): unknown => {
    const found = flat.get(key);
    if (!check(found)) throw bad(`an event with no acceptable "${key}"`);
    return found;
  };
  const time = take(
    'time',
    (found) => typeof found === 'string' && TIME.test(found) && !Number.isNaN(Date.parse(found)),
  );
  const stamp = { time, actor: take('actor', name), pid: take('pid', count) };
  if (typeof kind !== 'string' || !isEventName(kind)) throw bad('an event that this detour does not know');
  const event: Record<string, unknown> = { event: kind };
  for (const [key, check] of Object.entries(SHAPES[kind])) {
    const found = take(key, check);
    if (found !== undefined) event[key] = found;
  }
  if (kind === 'sent' || kind === 'received') event.fields = frameFields(flat);
  // Every field has been checked against SHAPES, which has a row for every member of Event.
  return { ...event, ...stamp } as Recorded;
}

const isEventName = (kind: string): kind is Event['event'] => Object.hasOwn(SHAPES, kind);

// What stands beside the verb and obeys the grammar of a frame; the rest is not the frame's.
function frameFields(flat: ReadonlyMap<string, unknown>): FrameFields {
  const fields: Record<string, string | number> = {};
  for (const [key, value] of flat) {
    if (OWN_KEYS.has(key)) continue;
    const wire = key.startsWith(DODGE) ? key.slice(DODGE.length) : key;
    if (!/^[a-z]+$/.test(wire)) continue;
    if (count(value)) fields[wire] = value as number;
    else if (typeof value === 'string' && /^[\x21-\x7e]{1,1024}$/.test(value)) fields[wire] = value;
  }
  return fields;
}
