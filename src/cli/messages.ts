// Where the messages come from: the command line, a pipe, or standard input line by line, typed by a person or (--lines) piped in.

import { createInterface } from 'node:readline';
import { DetourError, errnoOf } from '../core/error.ts';
import { type Line, LineCutter } from '../core/lines.ts';
import { MAX_BODY } from '../wire/frame.ts';
import { isPlainOutput } from './render/output.ts';

/** What is to be sent. `typed`: one message per line of standard input, until it ends. */
export type Source = { readonly kind: 'one'; readonly body: Buffer } | { readonly kind: 'typed' };

/**
 * Finds out what is to be sent.
 * @param words the arguments; a single `-` means standard input
 * @param lines each line of standard input is a message, even if it is a pipe
 * @throws DetourError `usage`, `too_large`
 */
export async function messageSource(words: readonly string[], lines: boolean): Promise<Source> {
  if (lines && words.length > 0)
    throw new DetourError(
      'usage',
      '--lines reads the messages from standard input.',
      'Leave the message out.',
    );
  if (lines) return { kind: 'typed' };
  if (words.length === 1 && words[0] === '-') return { kind: 'one', body: await readAll() };
  if (words.length > 0) return { kind: 'one', body: Buffer.from(words.join(' ')) };
  if (process.stdin.isTTY) return { kind: 'typed' };
  const body = await readAll();
  if (body.length === 0)
    throw new DetourError(
      'usage',
      'There is no message to send.',
      'Write it after the command, or pipe it in: echo hello | detour …',
    );
  return { kind: 'one', body };
}

async function readAll(): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of standardInput()) {
    parts.push(part);
    size += part.length;
    if (size > MAX_BODY)
      throw new DetourError(
        'too_large',
        `A message may have at most ${MAX_BODY} bytes; standard input has more.`,
        'Send it in parts.',
      );
  }
  return Buffer.concat(parts);
}

// What comes on standard input, as bytes. No more is read while the previous part is being worked on.
async function* standardInput(): AsyncGenerator<Buffer> {
  try {
    yield* process.stdin;
  } catch (error) {
    // Ctrl-C ends it too early.
    if (errnoOf(error) === 'ERR_STREAM_PREMATURE_CLOSE') return;
    throw new DetourError(errnoOf(error), `Standard input cannot be read (${errnoOf(error)}).`);
  }
}

/** A message that was typed or piped in as a line. */
export interface LineMessage {
  /** The number of its line, from 1. */
  readonly number: number;
  /** Undefined if the line is longer than a message may be. */
  readonly body: Buffer | undefined;
}

/**
 * Yields what is typed or piped in, line by line, without empty lines, until the input ends. A pipe is read no faster than its lines are
 * taken, and its bytes stay as they are.
 * @param prompt is shown in front of each line on a terminal
 * @param interrupted has Ctrl-C already interrupted the message under way? Then another one ends what is typed
 * @throws DetourError if standard input cannot be read: its errno
 */
export async function* lineMessages(prompt: string, interrupted: () => boolean): AsyncGenerator<LineMessage> {
  for await (const { number, bytes, tooLong } of process.stdin.isTTY
    ? typedLines(prompt, interrupted)
    : pipedLines()) {
    if (tooLong) yield { number, body: undefined };
    else if (!isBlank(bytes)) yield { number, body: bytes };
  }
}

async function* pipedLines(): AsyncGenerator<Line> {
  const cutter = new LineCutter(MAX_BODY);
  for await (const part of standardInput()) yield* cutter.push(part);
  yield* cutter.end();
}

// A person edits the line with the keys of a terminal, so this is text. For plain output the system's own editing must do, because readline redraws
// the line at every key. Then Ctrl-C is a signal.
async function* typedLines(prompt: string, interrupted: () => boolean): AsyncGenerator<Line> {
  const terminal = !isPlainOutput();
  const lines = createInterface({ input: process.stdin, output: process.stderr, prompt, terminal });
  let busy = false;
  let open = true;
  let number = 0;
  lines.on('close', () => {
    open = false;
  });
  const ends = (): boolean => !busy || interrupted();
  // While readline edits a line, Ctrl-C is a key and not a signal.
  lines.on('SIGINT', () => (ends() ? lines.close() : process.emit('SIGINT', 'SIGINT')));
  // Asked before others are told of the signal: then the first of two does not count as the second.
  if (!terminal) process.prependListener('SIGINT', () => ends() && lines.close());
  lines.prompt();
  for await (const line of lines) {
    busy = true;
    number += 1;
    const bytes = Buffer.from(line);
    yield { number, bytes, tooLong: bytes.length > MAX_BODY };
    busy = false;
    if (open) lines.prompt();
  }
}

// Spaces, tabs and the other white space of ASCII.
const isBlank = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0x20 || (byte >= 9 && byte <= 13));
