// How a receiver shows a message. Showing it *is* handling it: it is acknowledged only after the write to stdout has called back.

import { isUtf8 } from 'node:buffer';
import type { Clock } from '../../core/clock.ts';
import type { Event } from '../../core/event.ts';
import { visible } from '../../core/visible.ts';
import { widthOf } from '../../core/width.ts';
import { chop } from '../../core/wrap.ts';
import type { Actor } from '../actor.ts';
import { JSON_WAITING } from '../json-output.ts';
import { columns, isPlainOutput, paint, put, sayWrapped } from './output.ts';

const LF = 0x0a;

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
  const { stdout } = process;
  const room = stdout.isTTY && !isPlainOutput() ? columns(stdout, 100) : 0;
  let text = '';
  for (const { from, body, note } of messages) {
    const [line = '', ...more] = saidBy(from, body, bodyColumns());
    const gap = room === 0 || note === '' ? 0 : room - widthOf(line) - widthOf(note);
    // Dim, which no body can be: the text of a message could imitate a remark.
    const beside = gap >= 2 ? ' '.repeat(gap) + paint('dim', note, stdout) : '';
    text += [line + beside, ...more, ''].join('\n');
    if (note === '' || beside !== '') continue;
    await put(text);
    text = '';
    sayWrapped('  ', note);
  }
  if (text !== '') await put(text);
}

/** What each line of a body begins with, except the first after its sender's name. No line of detour's own begins so. */
export const BODY_MARK = '     | ';

/** How many columns a line of a body may take on stdout: less than its terminal has, if it is one. */
export const bodyColumns = (): number =>
  process.stdout.isTTY ? columns(process.stdout) - 1 : Number.POSITIVE_INFINITY;

/**
 * The lines of a text that came from the network, each with a mark in front, so that it cannot imitate what detour itself says or another
 * message. A long line is broken here, because a terminal would go on at its left margin.
 * @param text without controls: what `visible` made
 * @param width the columns of a whole line; infinite if nobody breaks lines
 */
export const bodyLines = (text: string, width: number): string[] =>
  text
    .split('\n')
    .flatMap((line) => chop(line, width - BODY_MARK.length))
    .map((line) => BODY_MARK + line);

/** A message or a reply as lines: the first begins with who sent it, the others with `BODY_MARK`. @param width the columns of a line */
export function saidBy(from: string, body: Buffer, width = Number.POSITIVE_INFINITY): string[] {
  // A line feed at the end only ends the text.
  const text = `${from}: ${visible(body.at(-1) === LF ? body.subarray(0, -1) : body, { multiline: true })}`;
  const [line = ''] = text.split('\n', 1);
  // A character has at most 40 units (see `cellsOf`).
  const [first = ''] = chop(line.slice(0, 40 * width), width);
  if (first === text) return [first];
  return [first, ...bodyLines(text.slice(first.length + (first === line ? 1 : 0)), width)];
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
