// What the page says of a row when somebody points at it: who recorded it, when, and what was in it. Pure.

import { visible } from '../../core/visible.ts';
import type { Placed } from '../../trace/model.ts';
import type { DrawnRow } from './half.ts';

/** What is known of a row. All texts are harmless to show. */
export interface RowFacts {
  /** `SEND from alice to bob` */
  readonly title: string;
  /** Who recorded it and when, one sentence each. */
  readonly sentences: readonly string[];
  /** The fields of the frame or of the event, in their order. */
  readonly fields: readonly (readonly [key: string, value: string])[];
  /** The verb, if it is a frame. */
  readonly verb?: string;
  /** The verdict or code in it, which `detour explain` may know. */
  readonly code?: string;
}

/** Says what is known of a row. */
export function factsOf(drawn: DrawnRow): RowFacts {
  const { row } = drawn;
  const [first, second] = row.placed;
  const { recorded } = first as Placed;
  const said = `${row.long[0] ?? row.short[0]}`;
  const isFrame = recorded.event === 'sent' || recorded.event === 'received';
  const what = isFrame ? recorded.verb : said;
  const title = row.kind === 'mark' ? `${row.lane}: ${what}` : `${what}, from ${row.from} to ${row.to}`;
  return {
    title: visible(title, { max: 120 }),
    sentences: sentencesOf(first as Placed, second, drawn),
    fields: fieldsOf(first as Placed),
    ...(isFrame && { verb: recorded.verb }),
    ...codeOf(first as Placed),
  };
}

const ms = (at: number): string => `${at.toFixed(3)} ms`;
const who = ({ process }: Placed): string => `${process.actor} (pid ${process.pid})`;

function sentencesOf(first: Placed, second: Placed | undefined, { row, zero }: DrawnRow): string[] {
  const time = (placed: Placed): string => ms(placed.at - zero);
  const other = second ?? first.peer;
  const { event } = first.recorded;
  if (event === 'sent' || event === 'received') {
    const [from, to] = event === 'sent' ? [first, other] : [other, first];
    return [
      from === undefined ? 'No log says that it was sent.' : `${who(from)} sent it at ${time(from)}.`,
      to === undefined ? 'No log says that it was received.' : `${who(to)} received it at ${time(to)}.`,
    ];
  }
  const by = `${who(first)} recorded it at ${time(first)}.`;
  if (other !== undefined) return [by, `${who(other)} recorded it at ${time(other)}.`];
  return row.kind === 'arrow' ? [by, 'It is an event on the socket, not a frame.'] : [by];
}

const OWN = new Set(['time', 'actor', 'pid', 'event', 'fields', 'verb', 'text', 'base64']);
const MOST = 200;

function fieldsOf({ recorded }: Placed): [string, string][] {
  const fields = 'fields' in recorded ? recorded.fields : recorded;
  return Object.entries(fields)
    .filter(([key, value]) => value !== undefined && (fields !== recorded || !OWN.has(key)))
    .map(([key, value]) => [key, visible(String(value), { max: MOST })]);
}

function codeOf({ recorded }: Placed): { code?: string } {
  if (recorded.event === 'outcome' || recorded.event === 'verdict')
    return { code: recorded.code === 'ok' ? recorded.verdict : recorded.code };
  if (recorded.event === 'broken' || recorded.event === 'refused') return { code: recorded.code };
  if ('fields' in recorded && typeof recorded.fields.code === 'string') return { code: recorded.fields.code };
  return {};
}
