// Sends what happens to everybody who watches, as server-sent events. Whoever comes later gets everything that is kept first; whoever comes
// back, only what is new.
//
// No events wait for a slow watcher: each has a number, that of the last event it was given, and gets the next ones when its connection
// takes more. What else changes (the stage, the story) does wait; a watcher that lets too much of it wait is dropped, and comes back by itself.

import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '../../core/clock.ts';
import type { Recorded } from '../../core/event.ts';
import { asciiJson } from '../../core/visible.ts';
import { codesOf, explanationOf } from './explanations.ts';
import { History } from './history.ts';
import type { Explanation, Message, Route } from './messages.ts';
import type { Audience, Source } from './source.ts';
import { verbTexts } from './verbs.ts';

/** How many may watch at a time: a class, and some who open a second page. */
export const MOST_WATCHERS = 50;
/**
 * While more bytes than this wait for a watcher, it gets nothing more: it is dropped. The largest single event, a message of 1 MiB of which
 * every byte is escaped, has 6 MiB. So all watchers together take 400 MiB at most.
 */
export const MOST_UNSENT = 8 * 1024 * 1024;
/** How long events wait for others to go out with them, in milliseconds. */
export const BATCH_MS = 50;
/** After this long without a word, a watcher gets a comment, in milliseconds: so each end notices when the other has gone. */
export const HEARTBEAT_MS = 15_000;
/** How long a page waits before it comes back, in milliseconds. */
const RETRY_MS = 1000;

interface Watcher {
  readonly response: ServerResponse;
  /** The number of the last event that it was given. */
  last: number;
}

/** The board's audience: it keeps the run and tells it to all who watch. */
export class Broadcast implements Audience {
  readonly history: History;
  readonly #clock: Clock;
  readonly #version: string;
  /** Tells this board from one that was started earlier at the same address. */
  readonly #board = randomBytes(9).toString('base64url');
  readonly #verbs = verbTexts();
  readonly #explained = new Map<string, Explanation>();
  readonly #watchers = new Set<Watcher>();
  #source: Source | undefined;
  #batch: Timer | undefined;
  #heartbeat: Timer | undefined;

  /** @param version detour's version */
  constructor(clock: Clock, version: string, history = new History()) {
    this.#clock = clock;
    this.#version = version;
    this.history = history;
  }

  /** How many watch now. */
  get watchers(): number {
    return this.#watchers.size;
  }

  /** Sets where everything comes from, before anybody watches: the source needs its audience first. */
  begin(source: Source): void {
    this.#source = source;
  }

  event(recorded: Recorded, route?: Route): void {
    this.#explain(recorded);
    this.history.add(recorded, route);
    this.#batch ??= this.#clock.after(BATCH_MS, () => this.#flush());
  }

  clear(): void {
    this.history.clear();
    for (const watcher of this.#watchers) {
      watcher.last = 0;
      this.#write(watcher, this.#cleared());
    }
  }

  send(message: Message): void {
    // An outcome must not come before the events that led to it.
    this.#flush();
    this.#tell(message);
  }

  /**
   * Begins to send to a watcher, until its connection ends.
   * @param response nothing of it has been sent
   * @param seen the id of the last message that the page got, if it comes back
   */
  watch(response: ServerResponse, seen: string | undefined): void {
    const watcher = { response, last: 0 };
    this.#watchers.add(watcher);
    response.on('drain', () => this.#catchUp(watcher));
    response.on('close', () => this.#watchers.delete(watcher));
    response.write(`retry: ${RETRY_MS}\n\n`);
    const known = this.#seen(seen);
    if (known !== undefined) watcher.last = known;
    for (const message of this.#welcome(known === undefined)) this.#write(watcher, message);
    this.#catchUp(watcher);
    this.#heartbeat ??= this.#clock.after(HEARTBEAT_MS, () => this.#beat());
  }

  /** Everything that a page must know of the run until now, as the JSON of messages. */
  snapshot(): string[] {
    return [...this.#welcome(true).map(({ json }) => json), ...this.history.snapshot()];
  }

  /** Says that the board ends, and ends all connections. What still waits for a watcher may be lost. */
  close(): void {
    this.send({ kind: 'gone' });
    this.#batch?.cancel();
    this.#heartbeat?.cancel();
    for (const { response } of this.#watchers) response.end();
  }

  // The number of the last event that a page has, if it has a part of this run.
  #seen(id: string | undefined): number | undefined {
    const [, board, run, last] = /^([\w-]+)\.(\d{1,9})\.(\d{1,9})$/.exec(id ?? '') ?? [];
    const isThis = board === this.#board && Number(run) === this.history.run;
    return isThis && Number(last) <= this.history.last ? Number(last) : undefined;
  }

  #welcome(afresh: boolean): Encoded[] {
    if (this.#source === undefined) throw new TypeError('the board has no source yet');
    const { mode, stories } = this.#source;
    const hello: Message = {
      kind: 'hello',
      board: this.#board,
      mode,
      version: this.#version,
      stories,
      verbs: this.#verbs,
    };
    const explained = [...this.#explained].map(([code, explanation]) =>
      encoded({ kind: 'explanation', code, explanation }),
    );
    return [
      encoded(hello),
      ...(afresh ? [this.#cleared()] : []),
      ...explained,
      ...this.#source.present().map(encoded),
    ];
  }

  #cleared(): Encoded {
    return { ...encoded({ kind: 'clear', run: this.history.run }), id: this.#id(0) };
  }

  #id(last: number): string {
    return `${this.#board}.${this.history.run}.${last}`;
  }

  #explain(recorded: Recorded): void {
    for (const code of codesOf(recorded)) {
      if (this.#explained.has(code)) continue;
      const explanation = explanationOf(code);
      if (explanation === undefined) continue;
      this.#explained.set(code, explanation);
      this.#tell({ kind: 'explanation', code, explanation });
    }
  }

  #tell(message: Message): void {
    const out = encoded(message);
    for (const watcher of this.#watchers) this.#write(watcher, out);
  }

  #flush(): void {
    this.#batch?.cancel();
    this.#batch = undefined;
    for (const watcher of this.#watchers) this.#catchUp(watcher);
  }

  // Gives a watcher the events that it has not got, as long as its connection takes them.
  #catchUp(watcher: Watcher): void {
    while (!watcher.response.writableNeedDrain && !watcher.response.destroyed) {
      const batch = this.history.batch(watcher.last);
      if (batch === undefined) return;
      watcher.last = batch.last;
      this.#write(watcher, { json: batch.json, id: this.#id(batch.last) });
    }
  }

  #write({ response }: Watcher, { json, id }: Encoded): void {
    if (response.writableLength > MOST_UNSENT) response.destroy();
    else response.write(`${id === undefined ? '' : `id: ${id}\n`}data: ${json}\n\n`);
  }

  #beat(): void {
    this.#heartbeat = this.#clock.after(HEARTBEAT_MS, () => this.#beat());
    // One that takes nothing is left alone, so that its connection times out.
    for (const { response } of this.#watchers) if (!response.writableNeedDrain) response.write(': here\n\n');
  }
}

/** A message as it goes out. */
interface Encoded {
  readonly json: string;
  /** What a page that comes back says that it has. */
  readonly id?: string;
}

const encoded = (message: Message): Encoded => ({ json: asciiJson(JSON.stringify(message)) });
