// One TCP connection between the check and the program: every byte that the check writes, and every frame that comes back.

import type { Socket } from 'node:net';
import { visible } from '../../core/visible.ts';
import { cut, type Frame, FrameReader, frameText, NoFrame } from './frames.ts';
import { Failed } from './outcome.ts';

/** How the program's side of a connection ended. */
export type End = 'FIN' | 'RST';

/** Where a connection belongs: what takes down what is said, and holds the deadlines. */
export interface Watch {
  readonly deadlineMs: number;
  note(who: string, what: string): void;
  changed(): void;
  until<T>(test: () => T | undefined | false, ms?: number): Promise<T | undefined>;
}

/** A connection. The check is its client if a server is checked, and its server if a client is. */
export class Wire {
  readonly #attempt: Watch;
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  readonly #name: string;
  readonly #frames: Frame[] = [];
  #taken = 0;
  #end: End | undefined;
  #broken: string | undefined;
  // What the check has said since it last listened, and where what came in reply begins.
  #sent: Buffer[] = [];
  #from = 0;

  constructor(attempt: Watch, socket: Socket, name: string) {
    this.#attempt = attempt;
    this.#socket = socket;
    this.#name = name;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.#take(bytes));
    socket.on('end', () => this.#ended('FIN'));
    socket.on('error', () => this.#ended('RST'));
    socket.on('close', () => this.#ended('RST'));
  }

  /** How the program has ended its side; undefined as long as it has not. */
  get end(): End | undefined {
    return this.#end;
  }

  /** Every frame that has come so far, those that were already taken too. */
  get frames(): readonly Frame[] {
    return this.#frames;
  }

  /** Writes bytes, in one piece. */
  send(bytes: string | Buffer): void {
    const buffer = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    if (this.#taken > this.#from) {
      this.#sent = [];
      this.#from = this.#taken;
    }
    this.#sent.push(buffer);
    this.#attempt.note(`─► ${this.#name}`, cut(buffer, 100));
    if (this.#socket.writable) this.#socket.write(buffer);
  }

  /** Writes bytes one by one, each in a segment of its own as far as the system allows, with a pause after each. */
  async drip(bytes: Buffer, pauseMs: number): Promise<void> {
    for (const byte of bytes) {
      this.send(Buffer.of(byte));
      await new Promise((resolve) => (pauseMs === 0 ? setImmediate(resolve) : setTimeout(resolve, pauseMs)));
    }
  }

  /** Sends FIN. The other direction stays open. */
  finish(): void {
    this.#attempt.note(`─► ${this.#name}`, 'FIN');
    this.#socket.end();
  }

  /** Sends RST, if the system can; otherwise it closes. */
  reset(): void {
    this.#attempt.note(`─► ${this.#name}`, 'RST');
    this.#socket.resetAndDestroy();
  }

  /** Has the program's side sent RST, after its FIN too? Writes a line end to find out. */
  isReset(): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed) resolve(true);
      else this.#socket.write('\n', (error) => resolve(error instanceof Error));
    });
  }

  /** Stops reading, so that the program's writes are no longer taken. */
  pause(): void {
    this.#socket.pause();
  }

  /** Reads again. */
  resume(): void {
    this.#socket.resume();
  }

  /** Closes it without a word. */
  close(): void {
    this.#socket.destroy();
  }

  /** The next frame; `FIN` or `RST` if the connection has ended; undefined if nothing came in time. PING is answered here. */
  async next(ms?: number): Promise<Frame | End | undefined> {
    for (;;) {
      const found = await this.#attempt.until(
        () => this.#frames[this.#taken] ?? this.#broken ?? this.#end,
        ms,
      );
      if (typeof found !== 'object') return this.#broken === undefined ? this.#end : undefined;
      this.#taken += 1;
      if (found.verb !== 'PING') return found;
      if (this.#socket.writable) this.#socket.write('PONG\n');
    }
  }

  /**
   * Takes the next frame, which must be this one.
   * @param pattern a verb and the fields that it must have; `a|b` allows two values, and `*` any. Other fields are allowed
   * @param why what is wrong if another one comes, or none
   * @throws Failed
   */
  async expect(pattern: string, why: string): Promise<Frame> {
    const found = await this.next();
    if (typeof found === 'object' && matches(found, pattern)) return found;
    throw this.failed(pattern, why);
  }

  /** Takes as many frames as there are patterns, in any order. @throws Failed if one of them does not come */
  async expectAll(patterns: readonly string[], why: string): Promise<readonly Frame[]> {
    const open = [...patterns];
    const found: Frame[] = [];
    while (open.length > 0) {
      const one = await this.next();
      const index = typeof one === 'object' ? open.findIndex((pattern) => matches(one, pattern)) : -1;
      if (typeof one !== 'object' || index < 0) throw this.failed(patterns.join(', '), why);
      open.splice(index, 1);
      found.push(one);
    }
    return found;
  }

  /** The program must end its side with FIN now. @throws Failed if anything else comes */
  async expectEnd(why: string): Promise<void> {
    if ((await this.next()) !== 'FIN') throw this.failed('FIN', why);
  }

  /** The failure that what came last on this connection is. */
  failed(expected: string, why: string): Failed {
    return new Failed({ sent: this.#sentText(), expected, came: this.came, why });
  }

  /** What came since the check last said something, as text. */
  get came(): string {
    const frames = this.#frames.slice(this.#from).map(frameText);
    const shown = frames.length > 6 ? [...frames.slice(0, 3), '…', ...frames.slice(-3)] : frames;
    const rest = this.#broken ?? this.#end ?? `nothing for ${this.#attempt.deadlineMs / 1000} s`;
    const open = this.#reader.rest;
    const half =
      open.length > 0 && this.#broken === undefined ? [`${cut(open, 60)} (an incomplete frame)`] : [];
    return visible([...shown, ...half, rest].join(', then '));
  }

  #sentText(): string | undefined {
    if (this.#sent.length === 0) return undefined;
    return visible(cut(Buffer.concat(this.#sent), 120));
  }

  #take(bytes: Buffer): void {
    try {
      this.#reader.push(bytes);
      for (let found = this.#reader.next(); found !== undefined; found = this.#reader.next()) {
        this.#frames.push(found);
        this.#attempt.note(`◄─ ${this.#name}`, frameText(found));
      }
    } catch (error) {
      if (!(error instanceof NoFrame)) throw error;
      this.#broken = `bytes that are not a frame (${error.message}): ${cut(this.#reader.rest, 60)}`;
      this.#attempt.note(`◄─ ${this.#name}`, this.#broken);
      // What comes after them cannot be read.
      this.#socket.destroy();
    }
    this.#attempt.changed();
  }

  #ended(end: End): void {
    if (this.#end === undefined) this.#attempt.note(`◄─ ${this.#name}`, end);
    this.#end ??= end;
    this.#attempt.changed();
  }
}

/** Does a frame have this verb, and these fields? */
export function matches(found: Frame, pattern: string): boolean {
  const [verb, ...pairs] = pattern.split(' ');
  return (
    found.verb === verb &&
    pairs.every((pair) => {
      const [key = '', value = ''] = pair.split('=');
      const is = found.fields.get(key);
      return is !== undefined && (value === '*' || value.split('|').includes(is));
    })
  );
}
