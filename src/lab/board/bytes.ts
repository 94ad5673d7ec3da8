// A frame as it was on the wire, as far as the logs have it: its header line, and its body if somebody recorded it. Pure.

import type { FrameFields, Recorded } from '../../core/event.ts';
import type { Merged } from '../../trace/merge.ts';
import type { Placed } from '../../trace/model.ts';

/** The bytes of a frame. */
export interface FrameBytes {
  /** The header line without its line end: `SEND id=1 size=5`. */
  readonly header: string;
  /** The keys whose values the logs have only the beginning of. */
  readonly shortened: readonly string[];
  /** The body; `text` or `base64` if a log has it. Undefined if the frame has none. */
  readonly body?: { readonly size: number; readonly text?: string; readonly base64?: string };
  /** All bytes of the frame, with its line ends. Undefined if part of the header is not known. */
  readonly length?: number;
}

// Of these random words the logs have only the beginning, because who knows them whole can act as their owner.
const SECRETS: ReadonlySet<string> = new Set(['session']);
const TOLD = 8;

/** The bytes of the frame of an event; undefined if the event is not about a frame. @param merged where the body may be recorded */
export function bytesOf({ recorded }: Placed, merged: Merged): FrameBytes | undefined {
  if (recorded.event !== 'sent' && recorded.event !== 'received') return undefined;
  const { verb, fields } = recorded;
  const shortened = Object.keys(fields).filter(
    (key) => SECRETS.has(key) && String(fields[key]).length === TOLD,
  );
  const words = Object.entries(fields).map(
    ([key, value]) => `${key}=${value}${shortened.includes(key) ? '…' : ''}`,
  );
  const header = [verb, ...words].join(' ');
  const size = typeof fields.size === 'number' ? fields.size : undefined;
  const length = shortened.length > 0 ? undefined : header.length + 1 + (size === undefined ? 0 : size + 1);
  return {
    header,
    shortened,
    ...(size !== undefined && { body: { size, ...bodyIn(merged, verb, fields, size) } }),
    ...(length !== undefined && { length }),
  };
}

type Body = { readonly text?: string; readonly base64?: string };

function bodyIn({ events }: Merged, verb: string, fields: FrameFields, size: number): Body {
  if (size === 0) return { text: '' };
  for (const { recorded } of events) {
    if (verb === 'SEND' || verb === 'MESSAGE') {
      if (recorded.event !== 'shown' || recorded.id !== String(fields.id) || recorded.size !== size) continue;
      // A receipt has the id of the message that it is about.
      if (verb === 'MESSAGE' ? recorded.kind === fields.kind : recorded.kind === undefined)
        return pick(recorded);
    } else if (verb === 'REFUSED' || verb === 'ERROR') {
      if (recorded.event !== 'refused' || recorded.code !== fields.code) continue;
      if (verb === 'REFUSED' && recorded.id !== fields.id) continue;
      if (lengthOf(recorded.reason) === size) return { text: recorded.reason };
    }
  }
  return {};
}

const pick = ({ text, base64 }: Extract<Recorded, { event: 'shown' }>): Body => ({
  ...(text !== undefined && { text }),
  ...(base64 !== undefined && { base64 }),
});

const lengthOf = (text: string): number => new TextEncoder().encode(text).length;
