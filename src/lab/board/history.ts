// What is kept of the run that the board shows: its events, the oldest dropped when there are too many. Each is kept as the JSON that the page
// gets, made once, however many watch.

import type { Recorded } from '../../core/event.ts';
import { asciiJson } from '../../core/visible.ts';
import { formatJson } from '../../trace/line.ts';
import type { BoardEvent, Route } from './messages.ts';

/** How many events are kept. A story has some hundred; a class that plays for an hour, some ten thousand. */
const MOST_EVENTS = 100_000;
/** How many characters of JSON are kept. An event has 200 to 300, but the body of a message is in it. At one byte each: 64 MiB. */
const MOST_CHARACTERS = 64 * 1024 * 1024;
/** How many characters of JSON go out in one message, if there is more than one event in it. */
const BATCH_CHARACTERS = 64 * 1024;

interface Kept {
  readonly json: string;
  /** Its process, `bob-4711`. */
  readonly process: string;
}

/** A part of the history as a message: its JSON, and the number of the last event in it. */
export interface Batch {
  readonly json: string;
  readonly last: number;
}

/** The events of one run, in the order in which they came, numbered from 1. */
export class History {
  readonly #most: number;
  readonly #mostCharacters: number;
  readonly #kept = new Map<number, Kept>();
  #characters = 0;
  #run = 1;
  #first = 1;
  #last = 0;

  /** @param most how many events are kept @param mostCharacters how many characters of JSON */
  constructor(most = MOST_EVENTS, mostCharacters = MOST_CHARACTERS) {
    this.#most = most;
    this.#mostCharacters = mostCharacters;
  }

  /** The number of the run, from 1. */
  get run(): number {
    return this.#run;
  }

  /** The number of the newest event; 0 if there is none. */
  get last(): number {
    return this.#last;
  }

  /** How many of the oldest events are no longer kept. */
  get dropped(): number {
    return this.#first - 1;
  }

  /** Keeps an event, and drops the oldest ones that no longer fit. The newest is always kept. */
  add(recorded: Recorded, route: Route | undefined): void {
    this.#last += 1;
    const event: BoardEvent = { n: this.#last, ...(route === undefined ? {} : { route }), recorded };
    const json = asciiJson(JSON.stringify(event));
    this.#kept.set(this.#last, { json, process: `${recorded.actor}-${recorded.pid}` });
    this.#characters += json.length;
    while (
      this.#first < this.#last &&
      (this.#last - this.#first >= this.#most || this.#characters > this.#mostCharacters)
    ) {
      this.#characters -= this.#kept.get(this.#first)?.json.length ?? 0;
      this.#kept.delete(this.#first);
      this.#first += 1;
    }
  }

  /** Begins a new run, and forgets the events of the old one. */
  clear(): void {
    this.#run += 1;
    this.#kept.clear();
    this.#characters = 0;
    this.#first = 1;
    this.#last = 0;
  }

  /** The next events after number `after` that are still kept, as a message `events`; undefined if there are none. */
  batch(after: number): Batch | undefined {
    const events: string[] = [];
    let characters = 0;
    let last = Math.max(after, this.dropped);
    for (let next = this.#kept.get(last + 1); next !== undefined; next = this.#kept.get(last + 1)) {
      if (events.length > 0 && characters + next.json.length > BATCH_CHARACTERS) break;
      events.push(next.json);
      characters += next.json.length;
      last += 1;
    }
    if (events.length === 0) return undefined;
    const head = `{"kind":"events","run":${this.#run},"dropped":${this.dropped}`;
    return { json: `${head},"events":[${events.join(',')}]}`, last };
  }

  /** All events that are kept now, as messages `events`. What comes or goes afterwards changes nothing of them. */
  snapshot(): string[] {
    const messages: string[] = [];
    for (let batch = this.batch(0); batch !== undefined; batch = this.batch(batch.last))
      messages.push(batch.json);
    return messages;
  }

  /** What the log of a process has, as lines with their ends, as far as it is kept. @param process its name and its pid, `bob-4711` */
  log(process: string): string[] {
    const events = [...this.#kept.values()].filter((kept) => kept.process === process);
    return events.map(({ json }) => `${formatJson((JSON.parse(json) as BoardEvent).recorded)}\n`);
  }
}
