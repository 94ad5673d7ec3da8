// Turns one event into one line of JSON and back: in a log file, in the output of --json, and between the stage and its actors.
// What is read is checked field by field, because anybody may have written a log, and it is drawn on terminals.

import { DetourError } from '../core/error.ts';
import { EVENTS, type Event, type Field, type FrameFields, type Kind, type Recorded } from '../core/event.ts';
import { asciiJson } from '../core/visible.ts';
import { isName, isToken } from '../wire/verbs.ts';

// Keys of a line that do not belong to a frame. Keys on the wire are a-z only, so a prefix with `_` avoids a collision.
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

/**
 * How many characters of a session's token are logged. Anybody who knows the whole token can act as that session, and people show their
 * logs to others. The beginning is enough to tell sessions apart.
 */
const TOKEN_TOLD = 8;

/** The event's own part of a line. A frame's fields are put next to its verb, and `session` is cut to its beginning. */
export function flatten(event: Event): object {
  if (event.event !== 'sent' && event.event !== 'received') return event;
  const { fields, ...frame } = event;
  const flat: Record<string, unknown> = frame;
  for (const key in fields) flat[OWN_KEYS.has(key) ? DODGE + key : key] = fields[key];
  if (fields.session !== undefined) flat.session = String(fields.session).slice(0, TOKEN_TOLD);
  return flat;
}

/** An event as a line of JSON, without the line end: `time`, `actor`, `pid`, `event`, then the event's own fields. */
export const formatJson = ({ time, actor, pid, ...event }: Recorded): string =>
  asciiJson(JSON.stringify({ time, actor, pid, ...flatten(event) }));

type Check = (value: unknown) => boolean;
const matches =
  (pattern: RegExp): Check =>
  (value) =>
    typeof value === 'string' && pattern.test(value);

/** The check for each kind of field. */
const KINDS: Readonly<Record<Kind, Check>> = {
  text: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number' && Number.isFinite(value),
  count: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  name: (value) => typeof value === 'string' && isName(value),
  id: (value) => typeof value === 'string' && isToken(value),
  word: matches(/^[A-Za-z0-9_]{1,32}$/),
  printable: matches(/^[\x21-\x7e]{1,128}$/),
  verb: matches(/^[A-Z]{1,32}$/),
};

function isAcceptable(value: unknown, field: Exclude<Field, 'fields'>): boolean {
  if (typeof field !== 'string') return field.some((word) => word === value);
  if (value === undefined && field.endsWith('?')) return true;
  return KINDS[field.replace('?', '') as Kind](value);
}

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/;

/**
 * Reads a line that `formatJson` or the recorder wrote. Keys that the event does not have (pino's `level`, say) are ignored.
 * @param file the name of the file, for errors
 * @param number the number of the line, from 1, for errors
 * @throws DetourError `bad_log` if it is not such a line
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
    if (!check(found)) throw bad(`an event without a valid "${key}"`);
    return found;
  };
  const time = take(
    'time',
    (found) => typeof found === 'string' && TIME.test(found) && !Number.isNaN(Date.parse(found)),
  );
  const stamp = { time, actor: take('actor', KINDS.name), pid: take('pid', KINDS.count) };
  if (typeof kind !== 'string' || !isEventName(kind)) throw bad('an event that this detour does not know');
  const event: Record<string, unknown> = { event: kind };
  const fields: Readonly<Record<string, Field>> = EVENTS[kind];
  for (const [key, field] of Object.entries(fields)) {
    // The fields of a frame are on the same level as its verb.
    const found = field === 'fields' ? frameFields(flat) : take(key, (value) => isAcceptable(value, field));
    if (found !== undefined) event[key] = found;
  }
  // The cast is safe: every field has been checked against EVENTS, from which the type is derived.
  return { ...event, ...stamp } as Recorded;
}

const isEventName = (kind: string): kind is Event['event'] => Object.hasOwn(EVENTS, kind);

// Takes the keys beside the verb that obey the grammar of a frame. The others do not belong to the frame.
function frameFields(flat: ReadonlyMap<string, unknown>): FrameFields {
  const fields: Record<string, string | number> = {};
  for (const [key, value] of flat) {
    if (OWN_KEYS.has(key)) continue;
    const wire = key.startsWith(DODGE) ? key.slice(DODGE.length) : key;
    if (!/^[a-z]+$/.test(wire)) continue;
    if (KINDS.count(value)) fields[wire] = value as number;
    else if (typeof value === 'string' && /^[\x21-\x7e]{1,1024}$/.test(value)) fields[wire] = value;
  }
  return fields;
}
