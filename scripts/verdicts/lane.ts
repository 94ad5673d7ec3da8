// A lane of real processes: a sender, the link, and a receiver, or a relay and its receiver. Around each message something is done to one
// of them, or nothing. The lane records what the sender concluded and what was really shown; the oracle compares them.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OWN_ADDRESS } from '../../src/lab/stage/address.ts';
import { Program } from '../lib/process.ts';
import type { Random } from '../lib/random.ts';
import { type Heard, Speaker, Victim } from './actors.ts';
import type { Handled, Said } from './oracle.ts';
import { takePort } from './ports.ts';
import { pause } from './world.ts';

/** What is done to processes and to the network. */
export const ACTIONS = [
  'kill',
  'freeze',
  'restart',
  'kill sender',
  'freeze sender',
  'cut',
  'reset',
  'close',
  'refuse',
  'full',
  'stall up',
  'stall down',
  'limit',
  'latency',
  'rate',
  'nothing',
] as const;

/** Something that is done to a process or to the network. */
export type Action = (typeof ACTIONS)[number];

/** A message, what its sender concluded, and what was done around it. */
export interface Spoken extends Said {
  readonly done: Action;
}

/** The result of a lane. */
export interface LaneResult {
  readonly route: 'sync' | 'async' | 'async --wait';
  readonly said: readonly Spoken[];
  readonly handled: readonly Handled[];
}

/** What a lane needs. */
export interface LaneOptions {
  /** The program that all actors run. */
  readonly main: string;
  readonly random: Random;
  /** How often something is to be done. */
  readonly disturbances: number;
  /** Called each time. */
  readonly progress: () => void;
  /** The beginning of its messages. */
  readonly label: string;
}

/** The deadline of a message, in milliseconds. Freezes are as long on average, so that some end before it and some after. */
const TIMEOUT_MS = 350;

/** How long to wait at the end for what is still to be shown, in milliseconds. */
const SETTLE_MS = 1500;

const heal = (link: Victim): void => {
  for (const line of ['heal', 'accept', 'latency 0s', 'rate off']) link.type(line);
};

/** The programs of a lane. */
interface Cast {
  readonly speaker: Speaker;
  readonly link: Victim;
  /** The programs that are killed, frozen and restarted. The first must run before the others can connect. */
  readonly victims: readonly Victim[];
  /** How long a receiver works on a message, in milliseconds. */
  readonly work: number;
  /** The command that repeats a message under its id, in async. */
  readonly repeat: ((text: string, id: string) => Program) | undefined;
  readonly mortal: boolean;
}

/** A lane that sends straight to a receiver. */
export async function syncLane(options: LaneOptions): Promise<LaneResult> {
  const { main, random } = options;
  const [port, through] = [await takePort(), await takePort()];
  const work = random.pick([0, 0, 15, 40]);
  const receiver = new Victim(
    main,
    ['sync', 'receive', '--host', OWN_ADDRESS, '--port', `${port}`, '--work', `${work}ms`, '--json'],
    /"event":"listening"/,
  );
  const link = linkOf(main, through, port, random);
  await receiver.start();
  await link.start();
  const to = ['--to', `${OWN_ADDRESS}:${through}`, '--timeout', `${TIMEOUT_MS}ms`];
  const speaker = new Speaker(() => new Program(main, ['sync', 'send', '--lines', ...to]), false);
  const cast: Cast = { speaker, link, victims: [receiver], work, repeat: undefined, mortal: false };
  const said = await disturb(options, cast);
  await receiver.start();
  await pause(SETTLE_MS);
  speaker.program.child.kill('SIGKILL');
  await receiver.end('SIGKILL');
  await link.end('SIGKILL');
  return { route: 'sync', said, handled: receiver.shown(1) };
}

/** A lane that sends to a relay, from which a receiver collects. @param waits with --wait and --ttl: the sender learns the outcome */
export async function asyncLane(options: LaneOptions, waits: boolean): Promise<LaneResult> {
  const { main, random } = options;
  const [port, through] = [await takePort(), await takePort()];
  const dir = mkdtempSync(join(tmpdir(), 'detour-verdicts-'));
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
  const work = random.pick([0, 0, 15, 40]);
  const relay = new Victim(
    main,
    [
      'async',
      'relay',
      '--host',
      OWN_ADDRESS,
      '--port',
      `${port}`,
      '--journal',
      join(dir, 'journal'),
      '--json',
    ],
    /"event":"listening"/,
  );
  const at = ['--relay', `${OWN_ADDRESS}:${port}`];
  const receiver = new Victim(
    main,
    ['async', 'receive', '--follow', ...at, '--work', `${work}ms`, '--json'],
    /"event":"connected"/,
  );
  const link = linkOf(main, through, port, random);
  await relay.start();
  await link.start();
  await receiver.start();
  const sends = ['--relay', `${OWN_ADDRESS}:${through}`, '--timeout', `${TIMEOUT_MS}ms`];
  const fate = waits ? ['--ttl', '1s', '--wait', '2500ms'] : [];
  const speaker = new Speaker(
    () => new Program(main, ['async', 'send', '--lines', ...sends, ...fate]),
    waits,
  );
  const repeat = (text: string, id: string): Program =>
    new Program(main, ['async', 'send', text, '--id', id, ...sends]);
  const cast: Cast = { speaker, link, victims: [relay, receiver], work, repeat, mortal: waits };
  const said = await disturb(options, cast);
  await relay.start();
  await pause(SETTLE_MS);
  speaker.program.child.kill('SIGKILL');
  await receiver.end('SIGKILL');
  // Collects what is still held.
  const last = new Victim(main, ['async', 'receive', ...at, '--json'], /"event":"stopping"/);
  await last.start();
  await last.lives[0]?.ended;
  await relay.end('SIGKILL');
  await link.end('SIGKILL');
  const handled = [...receiver.shown(1), ...last.shown(receiver.lives.length + 1)];
  return { route: waits ? 'async --wait' : 'async', said, handled };
}

const linkOf = (main: string, listen: number, to: number, random: Random): Victim =>
  new Victim(
    main,
    [
      'link',
      '--host',
      OWN_ADDRESS,
      '--listen',
      `${listen}`,
      '--to',
      `${OWN_ADDRESS}:${to}`,
      '--seed',
      `${random.whole(1, 1e6)}`,
      '--json',
    ],
    /"event":"listening"/,
  );

// Sends one message after another, and around each one does something to one of the actors, or nothing.
async function disturb(
  { random, disturbances, progress, label }: LaneOptions,
  { speaker, link, victims, work, repeat, mortal }: Cast,
): Promise<Spoken[]> {
  const said: Spoken[] = [];
  // Every action comes at least once in each round.
  let actions: Action[] = [];
  for (let n = 1, made = 0; made < disturbances; n++) {
    if (actions.length === 0) actions = shuffled(['kill', 'kill', 'freeze', 'freeze', ...ACTIONS], random);
    const action = actions.pop() ?? 'nothing';
    if (action !== 'nothing') {
      made += 1;
      progress();
    }
    const text = `${label} ${n}`;
    const act = (): Promise<void> => perform(action, random, speaker, link, random.pick(victims));
    let heard: Heard | undefined;
    let done: Promise<void>;
    // An undisturbed exchange takes a few milliseconds, and an action takes about one to have an effect.
    const moment = random.next() < 0.3 ? 'sent' : random.whole(-4, 10 + work);
    if (typeof moment === 'number' && moment < 0) {
      done = act();
      await pause(-moment);
      heard = await speaker.say(text);
    } else {
      const saying = speaker.say(text);
      if (moment === 'sent') await speaker.sent();
      else await pause(moment);
      done = act();
      heard = await saying;
    }
    await done;
    if (heard === undefined) {
      // The sender was killed. In async another process repeats the message, if it had an id.
      const id = / sent {2}.*, id (\S+)\n/.exec(speaker.steps)?.[1];
      speaker.replace();
      if (id !== undefined && repeat !== undefined)
        heard = await new Speaker(() => repeat(text, id), false).hear();
    }
    if (heard !== undefined) {
      const { verdict, seq, phase } = heard;
      said.push({ id: text, verdict, seq, mortal, view: `${phase}, ${action}`, done: action });
    }
    heal(link);
    // Usually all are running again for the next message; sometimes one is missing.
    for (const one of victims) if (random.next() < 0.7) await startIfPossible(one, victims[0]);
  }
  return said;
}

async function perform(
  action: Action,
  random: Random,
  speaker: Speaker,
  link: Victim,
  victim: Victim,
): Promise<void> {
  const ms = random.whole(50, 2 * TIMEOUT_MS);
  const typed = (command: string): void => {
    link.type(command);
    // Mended before the deadline or after it.
    setTimeout(() => heal(link), ms);
  };
  switch (action) {
    case 'nothing':
      return;
    case 'kill':
      if (victim.alive) await victim.end('SIGKILL');
      return;
    case 'restart':
      if (victim.alive) await victim.end('SIGINT');
      return;
    case 'freeze':
      victim.type(`freeze ${ms}ms`);
      return;
    case 'kill sender':
      speaker.program.child.kill('SIGKILL');
      return;
    case 'freeze sender': {
      const { child } = speaker.program;
      child.kill('SIGSTOP');
      await pause(ms);
      child.kill('SIGCONT');
      return;
    }
    case 'refuse':
      link.type('reset');
      typed('refuse');
      return;
    case 'limit':
      typed(`limit ${random.whole(1, 400)}`);
      return;
    case 'latency':
      typed(`latency ${random.whole(10, 2 * TIMEOUT_MS)}ms`);
      return;
    case 'rate':
      typed(`rate ${random.whole(100, 3000)}B/s`);
      return;
    default:
      typed(action);
  }
}

// A receiver that follows is only ready when it is connected, so it is not started while the relay is down.
async function startIfPossible(victim: Victim, first: Victim | undefined): Promise<void> {
  if (victim !== first && first?.alive === false) return;
  await victim.start();
}

function shuffled<T>(from: readonly T[], random: Random): T[] {
  const all = [...from];
  for (let i = all.length - 1; i > 0; i--) {
    const j = random.whole(0, i);
    [all[i], all[j]] = [all[j] as T, all[i] as T];
  }
  return all;
}
