// Where text goes: data to stdout, talk about it to stderr. Colour only on a terminal, and never as the only sign of a verdict.

import { styleText } from 'node:util';
import { bar } from '../../core/bar.ts';
import { widthOf } from '../../core/width.ts';
import { hanging, wrap } from '../../core/wrap.ts';

type Style = Parameters<typeof styleText>[0];

// Some terminals, such as a serial console, do not report their width: then it is 0.
const realColumns = (stream: NodeJS.WriteStream): number => stream.columns || 80;

/** The width of a stream's terminal now, at least 40 columns; 80 if it is not known, or if the stream is not a terminal. */
export const columns = (stream: NodeJS.WriteStream): number => Math.max(40, realColumns(stream));

/** Is the stream a terminal that obeys escape sequences? One with TERM=dumb would print them. */
export const obeysEscapes = (stream: NodeJS.WriteStream): boolean =>
  stream.isTTY === true && process.env.TERM !== 'dumb';

/** Colours a text if the stream is a terminal and neither NO_COLOR is set (an empty value counts as not set) nor TERM is `dumb`. */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stderr): string {
  const wanted = obeysEscapes(stream) && !process.env.NO_COLOR;
  return wanted ? styleText(style, text, { validateStream: false }) : text;
}

let beforeWriting: () => void = () => {};

/** Sets what is done before anything is written: flushing the log, because whoever reads the output may kill this process immediately. */
export function beforeTalk(call: () => void): void {
  beforeWriting = call;
}

/** Writes text for the person to stderr, unchanged. */
export function talk(text: string): void {
  beforeWriting();
  process.stderr.write(text);
}

/** Writes a line for the person to stderr. */
export function say(line = ''): void {
  talk(`${line}\n`);
}

/**
 * Wraps a text for a stream, because a terminal would break a long line in the middle of a word. A file or a pipe gets one line.
 * @param head is put in front of the first line
 * @param indent how many columns the other lines are indented
 */
export function wrappedFor(stream: NodeJS.WriteStream, head: string, text: string, indent: number): string {
  const width = stream.isTTY ? Math.min(columns(stream), 100) : Number.POSITIVE_INFINITY;
  return hanging(head, text, width, indent)
    .map((line) => `${line}\n`)
    .join('');
}

/** Writes a text for the person to stderr, wrapped. @param head is put in front of the first line @param indent of the other lines */
export function sayWrapped(head: string, text: string, indent = widthOf(head)): void {
  talk(wrappedFor(process.stderr, head, text, indent));
}

/** Writes data to stdout. Resolves when the write has called back, so when the data has left this process. Rejects if nobody reads. */
export function put(text: string): Promise<void> {
  beforeWriting();
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

/** A line with a note at its right end. If they do not fit with two spaces between, the line is wrapped and the note gets its own line. */
export function withNote(line: string, note: string, width: number): string {
  if (note === '') return line;
  const gap = width - widthOf(line) - widthOf(note);
  return gap >= 2 ? line + ' '.repeat(gap) + note : [...wrap(line, width), note.padStart(width)].join('\n');
}

/** A progress bar on stderr, if that is a terminal where it can be redrawn. It is redrawn at most ten times a second. */
export class Progress {
  readonly #total: number;
  #drawn = 0;

  constructor(total: number) {
    this.#total = total;
  }

  /** Shows the progress. @param note a short text after it */
  show(done: number, note: string): void {
    if (!obeysEscapes(process.stderr) || (done < this.#total && performance.now() - this.#drawn < 100))
      return;
    this.#drawn = performance.now();
    const room = columns(process.stderr) - 2 * String(this.#total).length - note.length - 8;
    const width = Math.min(40, room);
    const drawn = width < 5 ? '' : `${bar(done / this.#total, width)} `;
    statusLine(`  ${drawn}${done}/${this.#total} ${note}`);
  }

  /** Wipes the bar. */
  end(): void {
    if (this.#drawn > 0) statusLine('');
  }
}

/**
 * Shows a line in place of the previous one, and leaves the cursor on it; only on a terminal that obeys escape sequences. What does not
 * fit is cut off, because a line that wraps could not be erased. An empty text erases the line.
 */
export function statusLine(text: string, stream: NodeJS.WriteStream = process.stderr): void {
  if (obeysEscapes(stream)) stream.write(`\r\x1b[K${text.slice(0, realColumns(stream) - 1)}`);
}
