// The program inside the guest. It opens the log that the power cut before left, checks all that is there, and goes on with the history:
// appends, deletes, moves, checkpoints, frees segments, and prints what has become durable, until it is killed or the power goes.
//
// What it prints, one line each:
//
//   @B                                             the log is about to be opened
//   @V last live digest restores ms                it is open and right: the newest entry, how many are live, and which
//   @A acknowledged checkpoints moves freed        everything up to entry `acknowledged` is durable
//   @T text                                        a torn commit was cut off at the end of the log
//   @N text                                        a notice of the log; none is expected
//   @X text                                        something is wrong

import { spawn } from 'node:child_process';
import { writeSync } from 'node:fs';
import type { Log, Lsn, Owner } from '../../src/async/log/log.ts';
import { decode, digest, type Entry, encode, History } from './history.ts';
import { filesWith, type Lie } from './lies.ts';
import { State } from './state.ts';
import { openSubject } from './subject.ts';

/** What the host wants of one run of this program. It comes as JSON on the command line. */
export interface Plan {
  readonly dir: string;
  /** Of the history. */
  readonly seed: number;
  /** So many entries may be appended and not durable yet. */
  readonly window: number;
  /** A checkpoint is made after so many entries. */
  readonly checkpointEvery: number;
  /** The program is to be killed, and not the kernel, so many milliseconds after it begins to open the log or has opened it. */
  readonly kill?: { readonly from: 'begin' | 'open'; readonly ms: number };
  readonly lie?: Lie;
}

/** Acknowledgements are printed this often, in milliseconds; a line costs as much as a sync. With a small window, each is. */
const TELL_MS = 5;
const SMALL_WINDOW = 2;
/** After so many entries the guest looks which segments it can free. */
const UPKEEP_EVERY = 150;
/** There may be so many segments more than are full of what is live. */
const SLACK_SEGMENTS = 10;

const plan = JSON.parse(process.argv[2] ?? '') as Plan;
const say = (line: string): void => void writeSync(1, `${line}\n`);
const wrong = (error: unknown): never => {
  say(
    `@X ${String(error instanceof Error ? (error.stack ?? error.message) : error).replaceAll('\n', ' | ')}`,
  );
  process.exit(1);
};

const history = new History(plan.seed);
const state = new State(history);
/** The log under test, once it is open. */
let log: Log;

let restores = 0;
let wake = (): void => {};
const signal = (): Promise<void> =>
  new Promise((resolve) => {
    wake = resolve;
  });

const owner: Owner = {
  restore(_id, chunks) {
    restores += 1;
    return state.thaw(chunks);
  },
  entry: (bytes, lsn) => state.apply(decode(bytes), lsn),
  lost: (part) => wrong(`LOST part ${JSON.stringify(part)}`),
  durable: () => {
    acknowledge();
    wake();
  },
  room: () => wake(),
  failed: wrong,
  torn: (file, offset, bytes) => say(`@T ${bytes} bytes at ${offset} of ${file}`),
  notice: (text) => say(`@N ${text}`),
};

// ---- what is durable

const outstanding: { readonly number: number; readonly end: Lsn }[] = [];
let acknowledged = 0;
let toldAt = 0;
let timer: NodeJS.Timeout | undefined;
let checkpoints = 0;
let moves = 0;

function acknowledge(): void {
  const count = outstanding.findIndex(({ end }) => end > log.durable);
  const done = outstanding.splice(0, count === -1 ? outstanding.length : count).at(-1);
  if (done === undefined) return;
  acknowledged = done.number;
  if (plan.window <= SMALL_WINDOW || performance.now() - toldAt >= TELL_MS) tell();
  else timer ??= setTimeout(tell, TELL_MS);
}

function tell(): void {
  clearTimeout(timer);
  timer = undefined;
  toldAt = performance.now();
  say(`@A ${acknowledged} ${checkpoints} ${moves} ${freed.size}`);
}

// ---- segments

// Segments into which nothing points any more, and where the log ended when that was seen; and those of which the log was told.
const emptied = new Map<Lsn, Lsn>();
const freed = new Set<Lsn>();

/** The live entries of each segment, oldest segment first. */
function occupied(): Map<Lsn, number[]> {
  const segments = log.segments();
  const found = new Map<Lsn, number[]>(segments.map(({ first }) => [first, []]));
  for (const [number, lsn] of state.live) {
    const segment = segments.findLast(({ first }) => first <= lsn);
    if (segment === undefined || lsn >= segment.end) wrong(`no segment holds LSN ${lsn}`);
    else found.get(segment.first)?.push(number);
  }
  return found;
}

/** Frees the segments in which nothing is live, and chooses one to be emptied if there are many. */
function upkeep(): readonly number[] {
  const segments = log.segments();
  const full = new Set(segments.filter(({ end }) => end <= log.end).map(({ first }) => first));
  const candidates: number[][] = [];
  let live = 0;
  for (const [first, numbers] of occupied()) {
    if (numbers.length > 0) live += 1;
    if (!full.has(first) || freed.has(first)) continue;
    if (numbers.length > 0) candidates.push(numbers);
    // What emptied it must be durable: else its entries are live again after a power cut.
    else if (!emptied.has(first)) emptied.set(first, log.end);
    else if (log.durable >= (emptied.get(first) ?? 0)) {
      freed.add(first);
      log.free(first);
    }
  }
  if (live <= SLACK_SEGMENTS) return [];
  return candidates.sort((a, b) => a.length - b.length)[0] ?? [];
}

async function move(numbers: readonly number[]): Promise<void> {
  for (const number of numbers) {
    const lsn = state.live.get(number);
    if (lsn === undefined || lsn >= log.durable) continue;
    const bytes = await log.read(lsn);
    state.checkRead(number, bytes);
    const entry = decode(bytes);
    if (entry.kind === 'delete' || state.live.get(number) !== lsn) continue;
    append({ kind: 'move', number, after: state.last, body: entry.body });
    moves += 1;
  }
}

async function checkpoint(): Promise<void> {
  await log.checkpoint((lsn) => {
    if (lsn !== log.end) wrong(`a checkpoint as of LSN ${lsn}, and the log ends at ${log.end}`);
    const segments = [...occupied()].filter(([, numbers]) => numbers.length > 0).map(([first]) => first);
    return { segments, chunks: state.freeze() };
  });
  checkpoints += 1;
}

// ---- the run

function append(entry: Entry): void {
  const lsn = log.append(...encode(entry));
  state.apply(entry, lsn);
  if (entry.kind !== 'move') outstanding.push({ number: entry.number, end: log.end });
}

async function open(): Promise<void> {
  say('@B');
  const began = performance.now();
  if (plan.kill?.from === 'begin') killLater(plan.kill.ms);
  log = await openSubject({ dir: plan.dir, files: filesWith(plan.lie) }, owner);
  await Promise.all(
    [...state.live].map(async ([number, lsn]) => state.checkRead(number, await log.read(lsn))),
  );
  acknowledged = state.last;
  const ms = (performance.now() - began).toFixed(0);
  say(`@V ${state.last} ${state.live.size} ${digest(state.live.keys())} ${restores} ${ms}`);
  if (plan.kill?.from === 'open') killLater(plan.kill.ms);
}

// From outside, so that it may come in the middle of a synchronous call.
function killLater(ms: number): void {
  spawn('/bin/sh', ['-c', `sleep ${ms / 1000}; kill -9 ${process.pid}`], { stdio: 'ignore' });
}

async function work(): Promise<never> {
  let checkpointAt = state.last + plan.checkpointEvery;
  let upkeepAt = state.last;
  let background: Promise<void> | undefined;
  const inBackground = (task: Promise<void>): void => {
    background = task.catch(wrong).then(() => {
      background = undefined;
    });
  };
  for (;;) {
    if (background === undefined && state.last >= checkpointAt) {
      checkpointAt = state.last + plan.checkpointEvery;
      inBackground(checkpoint());
    } else if (background === undefined && state.last >= upkeepAt) {
      upkeepAt = state.last + UPKEEP_EVERY;
      const numbers = upkeep();
      if (numbers.length > 0) inBackground(move(numbers));
    }
    const entry = state.next();
    const size = encode(entry).reduce((sum, part) => sum + part.length, 0);
    if (outstanding.length >= plan.window) await signal();
    else if (log.hasRoom(size, 12 * state.live.size + 12) !== 'yes') await signal();
    else append(entry);
  }
}

await open().catch(wrong);
await work().catch(wrong);
