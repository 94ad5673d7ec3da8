// The real processes of a lane: the sender, which gets one line at a time, and the programs that are killed and started again.

import type { VerdictName } from '../../src/core/event.ts';
import { parseRecorded } from '../../src/trace/line.ts';
import { Program } from '../lib/process.ts';
import type { Handled } from './oracle.ts';

/** What a sender said about one message. */
export interface Heard {
  readonly verdict: VerdictName;
  /** The number in STORED. */
  readonly seq: number | undefined;
  /** How far it had come on its connection when it concluded. */
  readonly phase: 'not connected' | 'connected' | 'greeted' | 'sent';
}

const VERDICT = /^(DELIVERED|STORED|NOT DELIVERED|UNKNOWN)([^\n]*)\n/m;
const SENT = / sent {2}/;
const SENT_OR_OVER = new RegExp(`${SENT.source}|${VERDICT.source}`, 'm');

/** A sender that gets one line at a time and is started again after it was killed. */
export class Speaker {
  readonly #start: () => Program;
  readonly #waits: boolean;
  #program: Program;
  #from = 0;

  /** @param waits does it give a second verdict, about what became of a stored message? */
  constructor(start: () => Program, waits: boolean) {
    this.#start = start;
    this.#waits = waits;
    this.#program = start();
  }

  /** The process. */
  get program(): Program {
    return this.#program;
  }

  /** What it has said about the message under way. */
  get steps(): string {
    return this.#program.stderr.slice(this.#from);
  }

  /** Sends a message; undefined if it was killed before it concluded. */
  async say(text: string): Promise<Heard | undefined> {
    this.#program.type(text);
    return this.hear();
  }

  /** Resolves when the message under way has been sent or, if it never is, when it has its verdict. */
  async sent(): Promise<void> {
    await this.#program.says(SENT_OR_OVER, this.#from);
  }

  /** Waits for its verdict: the second one, if there is one. @throws Error if STORED has no number */
  async hear(): Promise<Heard | undefined> {
    const first = await this.#verdict();
    if (first?.verdict === 'STORED' && first.seq === undefined) throw new Error('STORED without a number');
    if (first === undefined || first.verdict !== 'STORED' || !this.#waits) return first;
    const last = await this.#verdict();
    return last && { ...first, verdict: last.verdict };
  }

  /** Starts another process in its place. */
  replace(): void {
    this.#program = this.#start();
    this.#from = 0;
  }

  async #verdict(): Promise<Heard | undefined> {
    const found = await this.#program.says(VERDICT, this.#from);
    if (found === undefined) return undefined;
    const [line, verdict = '', rest = ''] = found;
    const before = this.steps.slice(0, found.index);
    this.#from += found.index + line.length;
    const seq = verdict === 'STORED' ? /number (\d+) for/.exec(rest)?.[1] : undefined;
    return {
      verdict: verdict.replace(' ', '_') as VerdictName,
      seq: seq === undefined ? undefined : Number(seq),
      phase: phaseOf(before),
    };
  }
}

function phaseOf(steps: string): Heard['phase'] {
  if (SENT.test(steps)) return 'sent';
  if (/ READY {2}/.test(steps)) return 'greeted';
  return / connected {2}/.test(steps) ? 'connected' : 'not connected';
}

/** A program that is started again when it has ended. */
export class Victim {
  readonly #main: string;
  readonly #args: readonly string[];
  readonly #ready: RegExp;
  readonly lives: Program[] = [];

  /** @param ready what it prints when it can be used */
  constructor(main: string, args: readonly string[], ready: RegExp) {
    this.#main = main;
    this.#args = args;
    this.#ready = ready;
  }

  /** Is it running? */
  get alive(): boolean {
    const last = this.lives.at(-1);
    return last !== undefined && last.exit === undefined;
  }

  /** Starts it if it is not running. */
  async start(): Promise<void> {
    if (this.alive) return;
    const program = new Program(this.#main, this.#args);
    this.lives.push(program);
    if ((await program.says(this.#ready)) === undefined)
      throw new Error(`${this.#args.join(' ')} did not start: ${program.stderr}`);
  }

  /** Types a line to it. */
  type(line: string): void {
    this.lives.at(-1)?.type(line);
  }

  /** Ends it: by SIGKILL, or politely. */
  async end(signal: 'SIGKILL' | 'SIGINT'): Promise<void> {
    this.lives.at(-1)?.child.kill(signal);
    await this.lives.at(-1)?.ended;
  }

  /** What all its processes showed. @param first the number of its first process */
  shown(first: number): Handled[] {
    return this.lives.flatMap(({ stdout }, i) => shownIn(stdout, first + i));
  }
}

function shownIn(stdout: string, life: number): Handled[] {
  return stdout
    .split('\n')
    .slice(0, -1)
    .flatMap((line) => {
      const recorded = parseRecorded(line);
      if (recorded.event !== 'shown' || recorded.kind !== undefined) return [];
      return [{ id: recorded.text ?? '', seq: recorded.seq, life }];
    });
}
