// How a receiver shows a message. Showing it *is* handling it: it is acknowledged only after the write to stdout has called back.

import { isUtf8 } from 'node:buffer';
import type { Clock } from '../../core/clock.ts';
import type { Event } from '../../core/event.ts';
import { visible } from '../../core/visible.ts';
import { widthOf } from '../../core/width.ts';
import type { Actor } from '../actor.ts';
import { JSON_WAITING } from '../json-output.ts';
import { columns, put, sayWrapped, withNote } from './output.ts';

/** A message to be shown. */
export interface Shown {
  readonly id: string;
  readonly from: string;
  readonly body: Buffer;
  readonly seq?: number;
  readonly attempt?: number;
  readonly kind?: string | undefined;
  /** A remark about it: on a terminal at the right end of its line if it fits there, otherwise on stderr. */
  readonly note: string;
}

/**
 * Shows messages, then works for a while, as `--work` says. Resolves when the messages are handled.
 * @param workMs how long the work takes, in milliseconds
 * @throws if nobody reads stdout any more
 */
export async function show(actor: Actor, messages: readonly Shown[], workMs: number): Promise<void> {
  if (!actor.json) await showLines(messages);
  for (const message of messages) {
    // Each of many senders may have a message here. They are written one after another; otherwise all would wait in memory for the reader.
    while (actor.json && process.stdout.writableLength > JSON_WAITING) await put('');
    actor.context.emit(shownEvent(message));
  }
  // With --json the event itself shows the message. Output keeps its order, so when this is out, everything before it is out, too.
  if (actor.json) await put('');
  if (workMs > 0) await pause(actor.context.clock, workMs);
}

// Uses one write for all messages, unless a remark on stderr must come between them.
async function showLines(messages: readonly Shown[]): Promise<void> {
  const room = process.stdout.isTTY ? Math.min(columns(process.stdout), 100) : 0;
  let text = '';
  for (const { from, body, note } of messages) {
    const [line = '', ...more] = saidBy(from, body);
    const beside = note !== '' && widthOf(line) + 2 + widthOf(note) <= room;
    text += [beside ? withNote(line, note, room) : line, ...more, ''].join('\n');
    if (note === '' || beside) continue;
    await put(text);
    text = '';
    sayWrapped('  ', note);
  }
  if (text !== '') await put(text);
}

/** A message or a reply as lines. Only the first begins at the left margin: the text of the others could imitate another sender. */
export function saidBy(from: string, body: Buffer): string[] {
  // A line feed at the end only ends the text.
  const text = visible(body.at(-1) === 0x0a ? body.subarray(0, -1) : body, { multiline: true });
  return `${from}: ${text}`.split('\n').map((line, index) => (index === 0 ? line : `  ${line}`));
}

/** The local time of day, `14:02:11`; with the date in front if that is not today. @param at epoch milliseconds */
export function clockTime(at: number): string {
  const then = new Date(at);
  const time = then.toTimeString().slice(0, 8);
  const today = new Date().toDateString() === then.toDateString();
  return today
    ? time
    : `${then.getFullYear()}-${String(then.getMonth() + 1).padStart(2, '0')}-${String(then.getDate()).padStart(2, '0')} ${time}`;
}

function shownEvent({ id, from, body, seq, attempt, kind }: Shown): Event {
  return {
    event: 'shown',
    id,
    from,
    size: body.length,
    ...(seq !== undefined && { seq }),
    ...(attempt !== undefined && { attempt }),
    ...(kind !== undefined && { kind }),
    ...(isUtf8(body) ? { text: body.toString() } : { base64: body.toString('base64') }),
  };
}

const pause = (clock: Clock, ms: number): Promise<void> =>
  new Promise((resolve) => void clock.after(ms, resolve));
