// One TCP connection between the check and the program: every byte that the check writes, and every frame that comes back.

import type { Socket } from 'node:net';
import { visible } from '../../core/visible.ts';
import { cut, type Frame, FrameReader, frameText, NoFrame } from './frames.ts';
import { Failed } from './outcome.ts';
import type { Recording, Side } from './recording.ts';

/** How the program's side of a connection ended. */
export type End = 'FIN' | 'RST';

/** Where a connection belongs: what takes down what is said, and holds the deadlines. */
export interface Watch {
  readonly deadlineMs: number;
  readonly recording: Recording;
  changed(): void;
  until<T>(test: () => T | undefined | false, ms?: number): Promise<T | undefined>;
}

/** A connection. The check is its client if a server is checked, and its server if a client is. */
export class Wire {
  readonly #attempt: Watch;
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  // What the check itself sends is read back, so that it can be drawn frame by frame.
  readonly #own = new FrameReader();
  readonly #conn: number;
  readonly #frames: Frame[] = [];
  #taken = 0;
  #end: End | undefined;
  #broken: string | undefined;
  #isOwnBroken = false;
  #isClosed = false;
  // What the check has said since it last listened, and where what came in reply begins.
  #sent: Buffer[] = [];
  #from = 0;

  /** @param caller who has connected @param name what the check is called on this connection */
  constructor(attempt: Watch, socket: Socket, caller: Side, name: string) {
    this.#attempt = attempt;
    this.#socket = socket;
    this.#conn = attempt.recording.connect({
      name,
      caller,
      local: `${socket.localAddress}:${socket.localPort}`,
      remote: `${socket.remoteAddress}:${socket.remotePort}`,
      rest: () => (this.#isOwnBroken ? Buffer.alloc(0) : this.#own.rest),
    });
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
    this.#record(buffer);
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
    this.#attempt.recording.add({ what: 'FIN', conn: this.#conn, by: 'check' });
    this.#socket.end();
  }

  /** Sends RST, if the system can; otherwise it closes. */
  reset(): void {
    this.#attempt.recording.add({ what: 'RST', conn: this.#conn, by: 'check' });
    this.#isClosed = true;
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
    if (!this.#isClosed && !this.#socket.writableEnded)
      this.#attempt.recording.add({ what: 'FIN', conn: this.#conn, by: 'check' });
    this.#isClosed = true;
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
        this.#attempt.recording.add({ what: 'frame', conn: this.#conn, by: 'program', frame: found });
      }
    } catch (error) {
      if (!(error instanceof NoFrame)) throw error;
      this.#broken = `bytes that are not a frame (${error.message}): ${cut(this.#reader.rest, 60)}`;
      this.#attempt.recording.add({ what: 'malformed', conn: this.#conn, by: 'program' });
      // What comes after them cannot be read.
      this.#isClosed = true;
      this.#socket.destroy();
    }
    this.#attempt.changed();
  }

  #record(bytes: Buffer): void {
    if (this.#isOwnBroken) return;
    const { recording } = this.#attempt;
    try {
      this.#own.push(bytes);
      for (let found = this.#own.next(); found !== undefined; found = this.#own.next())
        recording.add({ what: 'frame', conn: this.#conn, by: 'check', frame: found });
    } catch (error) {
      if (!(error instanceof NoFrame)) throw error;
      this.#isOwnBroken = true;
      recording.add({ what: 'malformed', conn: this.#conn, by: 'check' });
    }
  }

  #ended(end: End): void {
    if (this.#end === undefined && !this.#isClosed)
      this.#attempt.recording.add({ what: end, conn: this.#conn, by: 'program' });
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
