// A lane: one sender, and the programs behind it that are killed and frozen at random moments around what it sends. It writes down
// what the sender concluded and what was really shown; it judges nothing.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseRecorded } from '../../src/trace/line.ts';
import { Program } from './process.ts';
import type { Random } from './random.ts';

/** One message and what its sender concluded. */
export interface Said {
  readonly text: string;
  readonly verdict: string;
  /** How far its sender had come, on this call, when it concluded. */
  readonly phase: 'not connected' | 'connected' | 'greeted' | 'sent';
  /** The number that STORED told. */
  readonly seq: number | undefined;
  /** What was done to the programs behind it around that time. */
  readonly done: string;
}

/** One time a receiver showed a message. */
export interface Shown {
  readonly text: string;
  readonly seq: number | undefined;
}

/** What a lane came to. */
export interface Result {
  readonly route: 'sync' | 'async' | 'async --wait';
  readonly said: readonly Said[];
  readonly shown: readonly Shown[];
  readonly kills: number;
  readonly freezes: number;
}

const VERDICT = /^(DELIVERED|STORED|NOT DELIVERED|UNKNOWN)([^\n]*)\n/m;

/** A sender that is given one line at a time. */
class Speaker {
  readonly #program: Program;
  readonly #waits: boolean;
  #from = 0;

  constructor(program: Program, waits: boolean) {
    this.#program = program;
    this.#waits = waits;
  }

  async say(text: string): Promise<Omit<Said, 'done'>> {
    this.#program.type(text);
    const [verdict, rest, before] = await this.#verdict();
    const phase = / sent {2}/.test(before)
      ? 'sent'
      : / READY {2}/.test(before)
        ? 'greeted'
        : / connected {2}/.test(before)
          ? 'connected'
          : 'not connected';
    const seq = verdict === 'STORED' ? Number(/number (\d+) for/.exec(rest)?.[1]) : undefined;
    // With --wait what becomes of a stored message is told, too.
    const last = this.#waits && verdict === 'STORED' ? (await this.#verdict())[0] : verdict;
    return { text, verdict: last, phase, seq };
  }

  async #verdict(): Promise<[verdict: string, rest: string, before: string]> {
    const found = await this.#program.says(VERDICT, this.#from);
    if (found === undefined) throw new Error(`the sender ended: ${this.#program.stderr}`);
    const [line, verdict = '', rest = ''] = found;
    const before = this.#program.stderr.slice(this.#from, this.#from + found.index);
    this.#from += found.index + line.length;
    return [verdict, rest, before];
  }
}

/** A program that is started again when it was killed. */
class Victim {
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

  get alive(): boolean {
    return this.lives.at(-1)?.over === false;
  }

  async start(): Promise<void> {
    if (this.alive) return;
    const program = new Program(this.#main, this.#args);
    this.lives.push(program);
    if ((await program.says(this.#ready)) === undefined)
      throw new Error(`${this.#args.join(' ')} did not start: ${program.stderr}`);
  }

  freeze(ms: number): void {
    this.lives.at(-1)?.type(`freeze ${ms}ms`);
  }

  async kill(): Promise<void> {
    this.lives.at(-1)?.child.kill('SIGKILL');
    await this.lives.at(-1)?.ended;
  }

  shown(): Shown[] {
    return this.lives.flatMap(({ stdout }) => shownIn(stdout));
  }
}

function shownIn(stdout: string): Shown[] {
  const shown: Shown[] = [];
  for (const line of stdout.split('\n').slice(0, -1)) {
    const recorded = parseRecorded(line);
    if (recorded.event === 'shown' && recorded.kind === undefined)
      shown.push({ text: recorded.text ?? '', seq: recorded.seq });
  }
  return shown;
}

/** What every lane is given. */
export interface LaneOptions {
  /** Of all actors. */
  readonly main: string;
  readonly random: Random;
  /** Kills and freezes to be made. */
  readonly disturbances: number;
  /** Told at each. */
  readonly progress: () => void;
  /** What its messages begin with. */
  readonly label: string;
}

/** The deadline of a message, in milliseconds: freezes are as long on average, so that both sides of it are met. */
const TIMEOUT_MS = 350;

/** How long after everything what is still under way may take to be shown. */
const SETTLE_MS = 1200;

/** Sends straight to a receiver. */
export async function syncLane(options: LaneOptions): Promise<Result> {
  const { main, random, label } = options;
  const port = await freePort();
  const work = random.pick([0, 0, 15, 40]);
  const receiver = new Victim(
    main,
    ['sync', 'receive', '--port', `${port}`, '--work', `${work}ms`, '--json'],
    /"event":"listening"/,
  );
  const sender = new Program(main, [
    ...['sync', 'send', '--lines', '--to', `127.0.0.1:${port}`, '--timeout', `${TIMEOUT_MS}ms`],
  ]);
  await receiver.start();
  const made = await disturb(options, new Speaker(sender, false), [receiver], label, work);
  await receiver.start();
  await pause(SETTLE_MS);
  sender.child.kill('SIGKILL');
  await receiver.kill();
  return { route: 'sync', ...made, shown: receiver.shown() };
}

/** Sends to a relay, of which a receiver collects. @param waits with --wait and --ttl: the sender is told what became of it */
export async function asyncLane(options: LaneOptions, waits: boolean): Promise<Result> {
  const { main, random, label } = options;
  const port = await freePort();
  const dir = mkdtempSync(join(tmpdir(), 'detour-verdicts-'));
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
  const work = random.pick([0, 0, 15, 40]);
  const at = ['--relay', `127.0.0.1:${port}`];
  const relay = new Victim(
    main,
    ['async', 'relay', '--port', `${port}`, '--journal', join(dir, 'journal'), '--json'],
    /"event":"listening"/,
  );
  const receiver = new Victim(
    main,
    ['async', 'receive', '--follow', ...at, '--work', `${work}ms`, '--json'],
    /"event":"connected"/,
  );
  const fate = waits ? ['--ttl', '1s', '--wait', '2500ms'] : [];
  const sender = new Program(main, [
    'async',
    'send',
    '--lines',
    ...at,
    '--timeout',
    `${TIMEOUT_MS}ms`,
    ...fate,
  ]);
  await relay.start();
  await receiver.start();
  const made = await disturb(options, new Speaker(sender, waits), [relay, receiver], label, work);
  await relay.start();
  await pause(SETTLE_MS);
  sender.child.kill('SIGKILL');
  await receiver.kill();
  // What is still held, as any receiver would find it.
  const last = new Victim(main, ['async', 'receive', ...at, '--json'], /"event":"stopping"/);
  await last.start();
  await last.lives[0]?.ended;
  await relay.kill();
  return { route: waits ? 'async --wait' : 'async', ...made, shown: [...receiver.shown(), ...last.shown()] };
}

// Sends one message after the other, and around each one does something to one of the victims, or nothing.
async function disturb(
  { random, disturbances, progress }: LaneOptions,
  speaker: Speaker,
  victims: readonly Victim[],
  label: string,
  work: number,
): Promise<Omit<Result, 'route' | 'shown'>> {
  const said: Said[] = [];
  let kills = 0;
  let freezes = 0;
  for (let n = 1; kills + freezes < disturbances; n++) {
    const victim = random.pick(victims);
    const action = random.pick(['kill', 'kill', 'freeze', 'freeze', 'nothing'] as const);
    // An undisturbed exchange takes a few milliseconds, and what is done from here needs one to get there.
    const moment = random.whole(-4, 10 + work);
    const act = async (): Promise<void> => {
      if (action === 'nothing' || !victim.alive) return;
      if (action === 'kill') {
        kills += 1;
        await victim.kill();
      } else {
        freezes += 1;
        victim.freeze(random.whole(50, 2 * TIMEOUT_MS));
      }
      progress();
    };
    if (moment < 0) {
      const acted = act();
      await pause(-moment);
      said.push({ ...(await speaker.say(`${label} ${n}`)), done: action });
      await acted;
    } else {
      const saying = speaker.say(`${label} ${n}`);
      await pause(moment);
      await act();
      said.push({ ...(await saying), done: action });
    }
    // Mostly all are there again for the next message; sometimes it finds one missing.
    for (const one of victims) if (random.next() < 0.7) await startIfPossible(one, victims[0]);
  }
  return { said, kills, freezes };
}

// A receiver that follows can only say that it is connected while the relay runs.
async function startIfPossible(victim: Victim, first: Victim | undefined): Promise<void> {
  if (victim !== first && first?.alive === false) return;
  await victim.start();
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
