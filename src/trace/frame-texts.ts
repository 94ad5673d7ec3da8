// What is written on the arrow of a frame, from the longest to the shortest, and the note behind it. Pure.

import type { Recorded } from '../core/event.ts';

type FrameEvent = Extract<Recorded, { event: 'sent' | 'received' }>;

// Fields that make a frame what it is, and are worth their place in an arrow.
const TELLING: Readonly<Record<string, readonly string[]>> = {
  READY: ['role', 'as'],
  HELLO: ['as', 'try'],
  SEND: ['id', 'size'],
  RECEIVED: ['id'],
  STORED: ['id', 'seq', 'dup'],
  REFUSED: ['id', 'code'],
  RECEIVE: ['window', 'drain'],
  MESSAGE: ['seq', 'attempt'],
  ACK: ['seq'],
  BYE: ['code'],
  ERROR: ['code'],
};

/**
 * The texts of a frame.
 * @param numberOf a short number for an id, if there is more than one message
 * @param again is it known that it had been sent before?
 */
export function frameTexts(
  { verb, fields }: FrameEvent,
  numberOf: (id: unknown) => number | undefined,
  again: boolean,
): { readonly long: string[]; readonly short: string[]; readonly note: string[] } {
  const telling = (TELLING[verb] ?? []).filter((key) => fields[key] !== undefined);
  const words = telling.map((key) => (key === 'id' ? String(fields.id) : `${key}=${fields[key]}`));
  const long = words.map((_, index) => [verb, ...words.slice(0, words.length - index)].join(' '));
  const number = numberOf(fields.id) ?? (verb === 'SEND' ? 1 : undefined);
  const short = [
    ...(fields.code === undefined ? [] : [`${verb} ${fields.code}`]),
    ...(number === undefined ? [] : [`${verb} ${number}`]),
  ];
  return { long, short: [...short, verb], note: noteOf(verb, fields, again) };
}

function noteOf(verb: string, fields: FrameEvent['fields'], again: boolean): string[] {
  if (verb === 'MESSAGE' && Number(fields.attempt) > 1)
    return [`attempt ${fields.attempt}`, ...(again ? ['again'] : [])];
  if (verb === 'STORED' && fields.dup === 'yes') return ['known already', 'again'];
  return [];
}
