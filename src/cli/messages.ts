// Where the messages come from: the command line, a pipe, or standard input line by line, typed by a person or (--lines) piped in.

import { createInterface } from 'node:readline';
import { DetourError } from '../core/error.ts';
import { MAX_BODY } from '../wire/frame.ts';

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
  for await (const part of process.stdin) {
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

/**
 * Yields what is typed or piped in, line by line, without empty lines, until the input ends.
 * @param prompt is shown in front of each line on a terminal
 * @param interrupted has Ctrl-C already interrupted the message under way? Then another one ends the input
 */
export async function* typedLines(prompt: string, interrupted: () => boolean): AsyncGenerator<Buffer> {
  const typed = process.stdin.isTTY === true;
  const lines = createInterface({
    input: process.stdin,
    ...(typed && { output: process.stderr, prompt, terminal: true }),
  });
  let busy = false;
  let open = true;
  lines.on('close', () => {
    open = false;
  });
  // While readline edits a line, Ctrl-C is a key and not a signal.
  lines.on('SIGINT', () => (busy && !interrupted() ? process.emit('SIGINT', 'SIGINT') : lines.close()));
  lines.prompt();
  for await (const line of lines) {
    busy = true;
    if (line.trim() !== '') yield Buffer.from(line);
    busy = false;
    if (open) lines.prompt();
  }
}
