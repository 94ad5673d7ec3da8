// Where words go: data to stdout, talk about it to stderr. Colour only on a terminal, and never as the only carrier of a verdict.

import { styleText } from 'node:util';
import { bar } from '../../core/bar.ts';
import { hanging, wrap } from '../../core/wrap.ts';

type Style = Parameters<typeof styleText>[0];

/** Columns of the terminal that a stream is, or 80. */
export const columns = (stream: NodeJS.WriteStream): number => Math.max(40, stream.columns ?? 80);

/** Colours a text for a stream: only if it is a terminal and NO_COLOR is not set to anything (an empty one counts as not set). */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stderr): string {
  const wanted = stream.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
  return wanted ? styleText(style, text, { validateStream: false }) : text;
}

let beforeWriting: () => void = () => {};

/** Sets what is done before anything is written. A log must be complete then: somebody who reads it may kill this process at once. */
export function beforeTalk(call: () => void): void {
  beforeWriting = call;
}

/** Writes text for the person to stderr, as it is. */
export function talk(text: string): void {
  beforeWriting();
  process.stderr.write(text);
}

/** Says a line to the person, on stderr. */
export function say(line = ''): void {
  talk(`${line}\n`);
}

/**
 * A text that may be too long for a line of a stream: a terminal would break it in mid-word. What is not a terminal gets it in one.
 * @param head what stands in front of its first line
 * @param indent how many columns are left in front of the others
 */
export function wrappedFor(stream: NodeJS.WriteStream, head: string, text: string, indent: number): string {
  const width = stream.isTTY ? Math.min(columns(stream), 100) : Number.POSITIVE_INFINITY;
  return hanging(head, text, width, indent)
    .map((line) => `${line}\n`)
    .join('');
}

/** Says a text that may be too long for a line. @param indent as many columns as the head has, unless told */
export function sayWrapped(head: string, text: string, indent = head.length): void {
  talk(wrappedFor(process.stderr, head, text, indent));
}

/** Writes data to stdout. Resolves when the write has called back: then it has been handed to whoever reads. Rejects if nobody does. */
export function put(text: string): Promise<void> {
  beforeWriting();
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

/** A line with a note at its right end: at least two spaces between, or the note has a line of its own. */
export function withNote(line: string, note: string, width: number): string {
  if (note === '') return line;
  const gap = width - line.length - note.length;
  return gap >= 2 ? line + ' '.repeat(gap) + note : [...wrap(line, width), note.padStart(width)].join('\n');
}

/** A progress bar on stderr, only if that is a terminal; redrawn at most ten times a second. */
export class Progress {
  readonly #total: number;
  #drawn = 0;

  constructor(total: number) {
    this.#total = total;
  }

  /** Shows how far it is. @param note what else to say, short */
  show(done: number, note: string): void {
    if (process.stderr.isTTY !== true || (done < this.#total && performance.now() - this.#drawn < 100))
      return;
    this.#drawn = performance.now();
    const room = columns(process.stderr) - 2 * String(this.#total).length - note.length - 8;
    const width = Math.min(40, room);
    const drawn = width < 5 ? '' : `${bar(done / this.#total, width)} `;
    statusLine(`  ${drawn}${done}/${this.#total} ${note}`);
  }

  /** Wipes the bar away. */
  end(): void {
    if (this.#drawn > 0) statusLine('');
  }
}

/** Shows a line on stderr in place of the one before, and stays on it; only if stderr is a terminal. An empty text wipes it away. */
export function statusLine(text: string): void {
  if (process.stderr.isTTY === true) process.stderr.write(`\r\x1b[K${text}`);
}
