// What happens in each run, drawn from a seed: the route, how far the message has come when the fault strikes, the fault, and when it is
// mended. Pure. The same seed gives the same schedule; what a kernel then does with it may differ slightly.

import { type Random, randomFrom } from '../lib/random.ts';

/** `wait` is async with --wait: the faults strike between the relay and the recipient, and the sender is told what became of it. */
export const MODES = ['sync', 'async', 'wait'] as const;

/** A route, and the leg of it on which the faults strike. */
export type Mode = (typeof MODES)[number];

/**
 * How far the frame has come, in order. The frame is SEND on its way to the receiver or the relay, and with `wait` it is MESSAGE on its
 * way to the recipient.
 */
export const PHASES = {
  before: 'nobody has called',
  connect: 'connected; READY is under way',
  greeted: 'READY was read; nothing of the frame is written',
  partly: 'part of the frame has passed the link',
  out: 'the whole frame is under way, but not read',
  taken: 'read, but not handled or durable',
  done: 'handled or durable; the answer is not written',
  reply: 'the answer, or part of it, is under way',
  after: 'the answer was read',
} as const;

/** A phase, or `storm`: several faults, at random moments. */
export type Phase = keyof typeof PHASES;

/** Everything that is done to the network and to the processes, with a description. */
export const FAULTS = {
  cut: 'nothing passes, nobody is told',
  reset: 'RST to both sides, what is held is lost',
  close: 'FIN to both sides',
  refuse: 'new calls are refused; open connections are left alone',
  full: 'the backlog is full: new calls hang',
  'reset, refuse': 'RST to both sides, new calls are refused',
  'stall up': 'nothing passes from the client',
  'stall down': 'nothing passes to the client',
  limit: 'cut after a number of bytes',
  latency: 'every byte comes later, perhaps after the deadline',
  rate: 'a few bytes a second',
  kill: 'the server is killed; with wait: the recipient',
  freeze: 'it stands still, its kernel goes on',
  restart: 'it is stopped politely and started again',
  fails: 'the program cannot handle the message',
  'kill relay': 'wait: the relay is killed',
  'freeze relay': 'wait: it stands still',
  'restart relay': 'wait: it is stopped politely and started again',
  replaced: 'another program takes over the mailbox',
  'disk full': 'it has no room for a message',
  'full later': 'the relay is killed, and comes back with a full disk',
  forgets: 'the same, and it has forgotten the ids, as it may after running for 11 more minutes',
  'disk fails': 'the next sync fails: the relay ends itself',
  'kill sender': 'async: another process repeats the message with --id',
  'freeze sender': 'the sender stands still, its kernel goes on',
  interrupt: 'Ctrl-C at the sender',
} as const;

/** A fault. */
export type FaultName = keyof typeof FAULTS;

/** The faults of the network, which the link applies. */
export const NETWORK: ReadonlySet<FaultName> = new Set<FaultName>([
  'cut',
  'reset',
  'close',
  'refuse',
  'full',
  'reset, refuse',
  'stall up',
  'stall down',
  'limit',
  'latency',
  'rate',
]);

const ONLY_RELAY: ReadonlySet<FaultName> = new Set<FaultName>([
  'disk full',
  'full later',
  'forgets',
  'disk fails',
]);
const ONLY_WAIT: ReadonlySet<FaultName> = new Set<FaultName>([
  'kill relay',
  'freeze relay',
  'restart relay',
  'replaced',
]);
const OF_SENDER: ReadonlySet<FaultName> = new Set<FaultName>(['kill sender', 'freeze sender', 'interrupt']);

/** Why a cell cannot exist; undefined if it can. */
export function impossible(mode: Mode, phase: Phase, fault: FaultName): string | undefined {
  if (mode === 'wait') {
    if (phase === 'connect' || phase === 'greeted')
      return 'wait: until the relay sends the message, the phase is `before`';
    if (fault === 'fails')
      return 'async: a receiver that cannot handle a message ends; that is `kill`, taken';
    if (OF_SENDER.has(fault)) return 'wait: the sender has its answer; its own faults are under async';
    if (fault === 'full later' || fault === 'forgets')
      return 'wait: nobody repeats what was STORED; see async';
    if (phase === 'before' && (fault === 'kill' || fault === 'freeze' || fault === 'restart'))
      return 'before: a program that is not there yet cannot be killed, frozen or stopped';
    if (phase === 'before' && fault === 'replaced') return 'before: nobody is there to be replaced';
    return undefined;
  }
  if (ONLY_WAIT.has(fault)) return 'sync, async: for the server there are `kill`, `freeze`, `restart`';
  if (mode === 'sync' && ONLY_RELAY.has(fault)) return 'sync: a receiver keeps nothing and needs no disk';
  if (fault === 'fails') {
    if (mode === 'async') return 'async: a receiver that cannot handle a message ends; that is `kill`, taken';
    if (phase !== 'taken' && phase !== 'done')
      return 'fails: only a program that handles a message can fail at it';
  }
  if (OF_SENDER.has(fault) && phase === 'before')
    return 'before: a sender that has not begun cannot be killed, frozen or interrupted';
  if (fault === 'interrupt' && phase === 'after')
    return 'after: nothing is under way that could be interrupted';
  return undefined;
}

/** One cell of the table. */
export interface Cell {
  readonly mode: Mode;
  readonly phase: Phase;
  readonly fault: FaultName;
}

/** Every phase × fault that can exist. */
export const CELLS: readonly Cell[] = MODES.flatMap((mode) =>
  (Object.keys(PHASES) as Phase[]).flatMap((phase) =>
    (Object.keys(FAULTS) as FaultName[])
      .filter((fault) => impossible(mode, phase, fault) === undefined)
      .map((fault) => ({ mode, phase, fault })),
  ),
);

/** One fault of a schedule. Times in milliseconds. */
export interface Blow {
  readonly fault: FaultName;
  /** How long after the message was sent it strikes; undefined: when the phase is reached. */
  readonly at: number | undefined;
  /** How long after it everything is mended; undefined: after the verdict. */
  readonly back: number | undefined;
}

/** What happens in one run. */
export interface Schedule {
  readonly seed: number;
  /** The number of the run, and for an additional run its cell. With the seed it is enough to repeat the run. */
  readonly name: string;
  readonly mode: Mode;
  readonly phase: Phase | 'storm';
  readonly blows: readonly Blow[];
}

/** The deadline of a message, in milliseconds. It is short, so that many runs fit and faults are mended both before and after it. */
export const DEADLINE_MS: Readonly<Record<Mode, number>> = { sync: 150, async: 500, wait: 2000 };

/** One run in this many is a storm. */
const STORM = 10;

/** The random numbers of one run: the schedule takes the first ones, the run itself the rest. */
export function chanceOf(seed: number, run: number): Random {
  const mixed = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) + Math.imul(run + 1, 0xc2b2ae35);
  return randomFrom(mixed ^ (mixed >>> 15));
}

/** The schedule of a run: a storm, or a cell of the table. Each round goes through all cells in an order drawn from the seed. */
export function scheduleOf(seed: number, run: number, random: Random): Schedule {
  if (run % STORM === STORM - 1) return storm(seed, run, random);
  const turn = run - Math.floor(run / STORM);
  const round = Math.floor(turn / CELLS.length);
  const cell = shuffled(seed + round)[turn % CELLS.length];
  if (cell === undefined) throw new RangeError('there are cells');
  const { mode, phase, fault } = cell;
  const blow: Blow = { fault, at: undefined, back: backOf(mode, random) };
  return { seed, name: `${run}`, mode, phase, blows: [blow] };
}

const SEQUELS = ['cut', 'cut', 'stall up', 'stall up', 'stall down', 'reset', 'kill', 'restart'] as const;

/** The schedule of an additional run for one cell. Most of them add a second fault, because some outcomes need one. */
export function scheduleAt(cell: Cell, seed: number, run: number, random: Random): Schedule {
  const { mode, phase, fault } = cell;
  const name = `${run}:${mode}/${phase}/${fault}`;
  const blows: Blow[] = [{ fault, at: undefined, back: backOf(mode, random) }];
  if (random.next() < 0.6) {
    const sequel = random.pick(SEQUELS);
    const at = random.next() < 0.5 ? random.whole(2, 40) : random.whole(5, DEADLINE_MS[mode]);
    blows.push({ fault: sequel, at, back: undefined });
  }
  return { seed, name, mode, phase, blows };
}

/** The schedule with this seed and name. @throws RangeError if there is no such name */
export function scheduleNamed(seed: number, name: string): { schedule: Schedule; random: Random } {
  const [, number, place] = /^(\d+)(?::(.+))?$/.exec(name) ?? [];
  const run = Number(number);
  const random = chanceOf(seed, run);
  if (number !== undefined && place === undefined) return { schedule: scheduleOf(seed, run, random), random };
  const cell = CELLS.find(({ mode, phase, fault }) => place === `${mode}/${phase}/${fault}`);
  if (cell === undefined) throw new RangeError(`no run is named ${name}`);
  return { schedule: scheduleAt(cell, seed, run, random), random };
}

function storm(seed: number, run: number, random: Random): Schedule {
  const mode = random.pick(['sync', 'async', 'async', 'wait'] as const);
  // A sender that is killed or interrupted says nothing more; those faults have their own cells.
  const faults = (Object.keys(FAULTS) as FaultName[]).filter(
    (fault) =>
      impossible(mode, 'taken', fault) === undefined && fault !== 'kill sender' && fault !== 'interrupt',
  );
  const blows = Array.from({ length: random.whole(2, 5) }, (): Blow => {
    const at = random.next() < 0.5 ? random.whole(0, 12) : random.whole(0, DEADLINE_MS[mode]);
    return { fault: random.pick(faults), at, back: backOf(mode, random) };
  });
  return { seed, name: `${run}`, mode, phase: 'storm', blows };
}

function backOf(mode: Mode, random: Random): number | undefined {
  const chance = random.next();
  if (chance < 0.4) return random.whole(0, 60);
  if (chance < 0.7) return random.whole(60, 1.5 * DEADLINE_MS[mode]);
  return undefined;
}

const orders = new Map<number, readonly Cell[]>();

function shuffled(seed: number): readonly Cell[] {
  let cells = orders.get(seed);
  if (cells === undefined) {
    const random = randomFrom(seed);
    const made = [...CELLS];
    for (let i = made.length - 1; i > 0; i--) {
      const j = random.whole(0, i);
      [made[i], made[j]] = [made[j] as Cell, made[i] as Cell];
    }
    cells = made;
    orders.set(seed, cells);
  }
  return cells;
}
