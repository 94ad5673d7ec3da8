// Where text goes: data to stdout, talk about it to stderr. Colour only on a terminal, and never as the only sign of a verdict. With plain output
// (--plain) no colour, no line that is redrawn, and lines of any length.

import { closeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { styleText } from 'node:util';
import { bar } from '../../core/bar.ts';
import { DetourError, errnoOf, isFull } from '../../core/error.ts';
import { ascii, escapedToAscii, PLAIN, terminalOf } from '../../core/plain.ts';
import { widthOf } from '../../core/width.ts';
import { hanging, wrap } from '../../core/wrap.ts';

type Style = Parameters<typeof styleText>[0];

// Some terminals, such as a serial console, do not report their width: then it is 0.
const realColumns = (stream: NodeJS.WriteStream): number => stream.columns || 80;

let askedForPlain = false;

/** Sets whether the output of this process is plain, whatever its terminal can show: was `--plain` typed? */
export function choosePlain(asked: boolean): void {
  askedForPlain = asked;
}

/** Is the output plain: asked for, or because of the terminal (TERM=dumb, or a locale without UTF-8)? */
export const isPlainOutput = (): boolean =>
  askedForPlain || terminalOf(process.env, process.platform).plainFor !== undefined;

/** Detour's own words as they are shown: with plain output their signs are written in ASCII. Not for what came from the network. */
export const own = (text: string): string => (isPlainOutput() ? ascii(text) : text);

/** Any text as the terminal can show it: what is not ASCII becomes `\u{e9}` where the locale says that there is no UTF-8. */
export const shownIn = (text: string): string =>
  terminalOf(process.env, process.platform).utf8 ? text : escapedToAscii(text);

/**
 * The width of a stream's terminal now, at least 40 columns; 80 if it is not known, or if the stream is not a terminal. `PLAIN` for plain output.
 * @param most the most columns that are wanted
 */
export const columns = (stream: NodeJS.WriteStream, most = Number.POSITIVE_INFINITY): number =>
  isPlainOutput() ? PLAIN : Math.min(most, Math.max(40, realColumns(stream)));

/** The size of a stream's terminal now, in rows and columns, also for plain output; 24 by 80 if it is not known. */
export const screenOf = (stream: NodeJS.WriteStream): { rows: number; columns: number } => ({
  rows: stream.rows || 24,
  columns: realColumns(stream),
});

/** Is the stream a terminal on which something may be redrawn? One with TERM=dumb would print the escape sequences; plain output has none. */
export const obeysEscapes = (stream: NodeJS.WriteStream): boolean =>
  stream.isTTY === true && !isPlainOutput();

/** Colours a text if the stream is a terminal and neither NO_COLOR is set (an empty value counts as not set) nor the output is plain. */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stderr): string {
  const wanted = obeysEscapes(stream) && !process.env.NO_COLOR;
  return wanted ? styleText(style, text, { validateStream: false }) : text;
}

let beforeWriting: () => void = () => {};

/** Sets what is done before anything is written: flushing the log, because whoever reads the output may kill this process immediately. */
export function beforeTalk(call: () => void): void {
  beforeWriting = call;
}

/** While more than this waits for a terminal or a reader that takes nothing, what a server says is left out. In bytes. */
const TALK_WAITING = 64 * 1024;

let unblocked = false;
let unsaid = 0;

/** Writes text for the person to stderr, unchanged. After `neverBlock` it may be left out. */
export function talk(text: string): void {
  beforeWriting();
  const { stderr } = process;
  if (!unblocked || stderr.writableLength <= TALK_WAITING) {
    stderr.write(shownIn(text));
    return;
  }
  // Everything that waits is written before 'drain'.
  if (unsaid === 0)
    stderr.once('drain', () => {
      const lines = unsaid === 1 ? '1 line' : `${unsaid} lines`;
      unsaid = 0;
      say(own(`… ${lines} left out here: nothing could be written for a while`));
    });
  unsaid += text.split('\n').length - 1;
}

// What Node's streams have inside: the only way to write to a terminal without waiting for it.
interface Handle {
  readonly fd?: number;
  setBlocking?(wanted: boolean): number;
}

/**
 * From now on this process does not wait for its terminal. Ctrl-S stops a terminal, and Node would stand still until Ctrl-Q: a server must
 * go on serving. What `talk` says is left out while too much waits, and then it says how much that was. On Windows a write to a console
 * cannot be made to return early, so that text selected there still stops a server.
 */
export function neverBlock(): void {
  unblocked = true;
  for (const stream of [process.stdout, process.stderr]) {
    const { _handle: handle }: { _handle?: Handle } = stream as NodeJS.WriteStream & { _handle?: Handle };
    // Node opens a terminal once more, for this process alone. If it could not, the shell would share what is set here.
    if (stream.isTTY && handle?.fd !== undefined && handle.fd > 2) handle.setBlocking?.(false);
  }
}

/** How long a server that has ended waits for a terminal to take its last lines. In milliseconds. */
const LAST_LINES_MS = 1000;

/** After `neverBlock`: ends this process soon even if its terminal takes nothing. To be called when there is nothing else to do. */
export function endAnyway(): void {
  if (unblocked && process.stderr.isTTY) setTimeout(() => process.exit(), LAST_LINES_MS).unref();
}

/** Ends this process as soon as what it has said is written, even if something still listens or reads. */
export function endWhenWritten(): void {
  const written = [process.stdout, process.stderr].map(
    (stream) => new Promise((resolve) => stream.write('', resolve)),
  );
  void Promise.all(written).then(() => process.exit());
  endAnyway();
}

/** Why an output cannot be written any more, by errno. */
const WHY: Readonly<Record<string, string>> = {
  ENOSPC: ': the disk is full',
  EDQUOT: ': your quota of the disk is used up',
  EPIPE: ': the program that read it has ended',
};

const failures = new Map<NodeJS.WriteStream, DetourError>();
let whenLost = (): void => process.exit(1);
let lost = false;

/** Sets what is done when stdout, or for good stderr, cannot be written any more. Without this the process ends, with exit code 1. */
export function onOutputLost(call: () => void): void {
  whenLost = call;
}

/** Is there an output that cannot be written any more? What a full disk takes of stderr does not count: the disk may have room again. */
export const outputLost = (): boolean => lost;

/** Is this the error of an output that cannot be written? It has been said. */
export const isOutputFailure = (error: unknown): boolean =>
  [...failures.values()].some((one) => one === error);

let failing = false;

/** From now on the exit code is not 0: something that was asked for was not written. */
export function failAtExit(): void {
  failing = true;
  const set = (): void => {
    process.exitCode = exitWith(Number(process.exitCode ?? 0));
  };
  // Now, because the process may be ending; and at its end, because the command sets the code, too.
  set();
  process.once('exit', set);
}

/** The exit code of a process that would end with this one: 1 in place of 0 after `failAtExit`. */
export const exitWith = (code: number): number => (code === 0 && failing ? 1 : code);

/** Notices every failure of stdout and stderr from now on: it is said, and the exit code is not 0. */
export function watchOutput(): void {
  const terminals = [0, 1, 2].filter((fd) => isatty(fd));
  // Node sets its terminals back at the end, and aborts if one of them has gone, but not if it is closed.
  process.once('exit', () => {
    for (const fd of terminals) if (!isatty(fd)) closeSync(fd);
  });
  for (const stream of [process.stdout, process.stderr]) stream.on('error', (error) => fail(stream, error));
}

// A stream that has failed once fails again and again; only the first time tells why.
function fail(stream: NodeJS.WriteStream, error: unknown): DetourError {
  const known = failures.get(stream);
  if (known !== undefined) return known;
  const code = errnoOf(error) || 'failed';
  const why = code === 'EIO' && stream.isTTY ? ': its terminal is gone' : (WHY[code] ?? '');
  const failure = new DetourError(code, `The output cannot be written${why} (${code}).`);
  failures.set(stream, failure);
  failAtExit();
  if (stream === process.stdout) say(failure.message);
  else if (isFull(error)) return failure;
  lost = true;
  whenLost();
  return failure;
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
  const width = stream.isTTY ? columns(stream, 100) : Number.POSITIVE_INFINITY;
  return hanging(head, text, width, indent)
    .map((line) => `${line}\n`)
    .join('');
}

/** Writes a text for the person to stderr, wrapped. @param head is put in front of the first line @param indent of the other lines */
export function sayWrapped(head: string, text: string, indent = widthOf(head)): void {
  talk(wrappedFor(process.stderr, head, text, indent));
}

/**
 * Writes data to stdout. Resolves when the write has called back, so when the data has left this process.
 * @throws DetourError with the errno if it cannot be written; that has been said then
 */
export function put(text: string): Promise<void> {
  beforeWriting();
  return new Promise((resolve, reject) => {
    process.stdout.write(shownIn(text), (error) => (error ? reject(fail(process.stdout, error)) : resolve()));
  });
}

/**
 * A line with a note at its right end, with plain output right after it. If they do not fit with two spaces between, the line is wrapped and the
 * note gets its own line.
 */
export function withNote(line: string, note: string, width: number): string {
  if (note === '') return line;
  if (isPlainOutput()) return `${line}  ${note}`;
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
