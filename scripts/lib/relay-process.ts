// A relay as a real process, and clients that count what they hear.

import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Message } from '../../src/wire/verbs.ts';
import { MAIN, Program } from './process.ts';
import { Wire } from './wire.ts';

/** How many SENDs are written at once. */
const BATCH = 500;
/** How many unanswered SENDs a client may have: more would only wait in this process's memory. */
const AHEAD = 20_000;
/** How many connections `each` has open at a time. */
const SIDE_BY_SIDE = 50;

/** A running `async relay`, from its start until it ends. */
export class RelayProcess {
  readonly port: number;
  /** How long it took from its start until it listened, and how much processor time that needed, in milliseconds. */
  readonly ms: number;
  readonly cpu: number;
  readonly program: Program;

  private constructor(program: Program, port: number, ms: number) {
    this.program = program;
    this.port = port;
    this.ms = ms;
    const stat = readFileSync(`/proc/${program.child.pid}/stat`, 'latin1').split(' ');
    // User and system time, in hundredths of a second.
    this.cpu = 10 * (Number(stat[13]) + Number(stat[14]));
  }

  /** Starts a relay. @param args more options of `async relay`. @param options of Node itself */
  static async start(
    dir: string,
    args: readonly string[] = [],
    options: readonly string[] = [],
  ): Promise<RelayProcess> {
    const began = performance.now();
    const all = ['async', 'relay', '--port', '0', '--journal', dir, ...args];
    const program = new Program(MAIN, all, { node: options });
    const listens = await program.says(/relay listens on 127\.0\.0\.1:(\d+), /);
    if (listens === undefined) throw new Error(`the relay did not start: ${program.stderr}`);
    return new RelayProcess(program, Number(listens[1]), performance.now() - began);
  }

  /** How much memory it has now, and the most it has had, in megabytes. */
  get memory(): { readonly now: number; readonly most: number } {
    const status = readFileSync(`/proc/${this.program.child.pid}/status`, 'latin1');
    const of = (key: string): number => Number(new RegExp(`${key}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
    return { now: of('VmRSS'), most: of('VmHWM') };
  }

  /** Ends it: SIGINT lets it close in order, SIGKILL does not. */
  async end(signal: 'SIGINT' | 'SIGKILL' = 'SIGKILL'): Promise<void> {
    this.program.child.kill(signal);
    await this.program.ended;
  }

  /** Connects to it, and waits for READY. */
  talk(as: string, session?: string, from?: string): Promise<Talk> {
    return Talk.call(this.port, as, session, from);
  }

  /** How many messages it holds. */
  async held(): Promise<number> {
    const talk = await this.talk('looking');
    talk.say({ verb: 'STATUS' });
    const end = await talk.next('END');
    talk.drop();
    if (end.verb !== 'END') throw new Error('expected END');
    return Number(`${end.messages}`.split('/')[0]);
  }

  /** Waits until it holds `count` messages. */
  async holds(count: number): Promise<void> {
    while ((await this.held()) !== count) await pause(200);
  }

  /** Calls `act` `count` times, 50 at a time, with 250 loopback addresses in turn to connect from. */
  async each(count: number, act: (index: number, from: string) => Promise<void>): Promise<void> {
    let next = 0;
    const one = async (): Promise<void> => {
      for (let index = next++; index < count; index = next++)
        await act(index, `127.0.1.${1 + (index % 250)}`);
    };
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, one));
  }
}

/** The segments of a journal. */
export const segmentsOf = (dir: string): string[] => readdirSync(dir).filter((name) => name.endsWith('.wal'));

/** A connection on which READY has come. */
export class Talk {
  readonly #wire: Wire;
  readonly #counts = new Map<Message['verb'], number>();
  readonly #waiting = new Set<() => void>();
  #last: Message | undefined;
  #closed = false;
  /** Called with each message that comes. */
  heard: (message: Message) => void = () => {};

  private constructor(port: number, from: string | undefined) {
    const closed = (): void => {
      this.#closed = true;
      this.#wake();
    };
    this.#wire = new Wire(port, { message: (message) => this.#message(message), closed }, from);
  }

  /** Connects to a relay, waits for READY and says HELLO. */
  static async call(port: number, as: string, session?: string, from?: string): Promise<Talk> {
    const talk = new Talk(port, from);
    await talk.count('READY', 1);
    talk.say({ verb: 'HELLO', version: 1, as, session, try: session === undefined ? undefined : 1 });
    return talk;
  }

  say(message: Message): void {
    this.#wire.say(message);
  }

  drop(): void {
    this.#wire.drop();
  }

  /** Waits until `count` messages of this verb have come in all. */
  async count(verb: Message['verb'], count: number): Promise<void> {
    while ((this.#counts.get(verb) ?? 0) < count) {
      if (this.#closed) throw new Error(`the relay hung up; last: ${JSON.stringify(this.#last)}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Waits for the next message of this verb. */
  async next(verb: Message['verb']): Promise<Message> {
    await this.count(verb, (this.#counts.get(verb) ?? 0) + 1);
    return this.#last as Message;
  }

  /** Sends, and waits for the answer. */
  async send(id: string, to: string, body: Buffer): Promise<Message<'STORED' | 'REFUSED'>> {
    const answer = new Promise<Message<'STORED' | 'REFUSED'>>((resolve) => {
      this.heard = (message) => {
        if ((message.verb === 'STORED' || message.verb === 'REFUSED') && message.id === id) resolve(message);
      };
    });
    this.say({ verb: 'SEND', id, to, body });
    return await answer;
  }

  /** Sends `count` messages as fast as the relay takes them, and waits until all are stored. */
  async flood(count: number, message: (index: number) => Message<'SEND'>): Promise<void> {
    const before = this.#counts.get('STORED') ?? 0;
    for (let index = 0; index < count; index += BATCH) {
      const batch = Array.from({ length: Math.min(BATCH, count - index) }, (_, at) => message(index + at));
      this.#wire.sayAll(batch);
      await this.count('STORED', before + Math.max(0, index - AHEAD));
    }
    await this.count('STORED', before + count);
  }

  #message(message: Message): void {
    this.#last = message;
    this.#counts.set(message.verb, (this.#counts.get(message.verb) ?? 0) + 1);
    this.heard(message);
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}
