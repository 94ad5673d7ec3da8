// The program in the guest: the relay, on the log that the last power cut left, and clients that keep it busy until it is killed or the
// power goes. It prints what the clients are told, as soon as they are told.
//
// What it prints, one line each:
//
//   @B                                the relay is about to open its log
//   @V ms                             it listens
//   @F facts                          what clients were told (facts.ts)
//   @C checkpoints moves freed        what has been done to the log since it was opened
//   @T text                           a torn commit was cut off at the end of the log
//   @N text                           a notice of the relay; none is expected
//   @X text                           something is wrong

import { spawn } from 'node:child_process';
import { writeSync } from 'node:fs';
import { openDiskLog } from '../../src/async/log/disk.ts';
import type { Lsn, OpenLog, Snapshot } from '../../src/async/log/log.ts';
import { startRelay } from '../../src/async/relay.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { Event } from '../../src/core/event.ts';
import { netContext } from '../../src/net/context.ts';
import { Passing } from '../lib/lying-log.ts';
import { randomFrom } from '../lib/random.ts';
import { Receiver, type Repeat, Sender } from './clients.ts';
import { type Fact, writeFacts } from './facts.ts';
import { filesWith, type Lie } from './lies.ts';
import { MAX_BYTES, SIZES, SPEED } from './sizes.ts';

/** What the host wants from one run of this program. It comes as JSON on the command line. */
export interface Plan {
  readonly dir: string;
  readonly seed: number;
  /** The number of this run of the program: the `try` of its sessions, and the beginning of its new ids. */
  readonly run: number;
  /** When the faster clock agreed with the real one, in milliseconds since the epoch. */
  readonly since: number;
  /** The number of SENDs without an answer that each sender keeps. */
  readonly window: number;
  /** The messages that each sender repeats. */
  readonly repeats: Readonly<Record<string, readonly Repeat[]>>;
  /** The mailboxes that are to be emptied. */
  readonly drained: readonly string[];
  /** When this program, not the kernel, is to be killed: `ms` milliseconds after it begins to open the log (`begin`) or has opened it (`open`). */
  readonly kill?: { readonly from: 'begin' | 'open'; readonly ms: number };
  readonly lie?: Lie;
}

/** The shortest time between two lines, in milliseconds. Printing a line costs as much as a sync, so facts are collected until then. */
const TELL_MS = 5;

const plan = JSON.parse(process.argv[2] ?? '') as Plan;
const say = (line: string): void => void writeSync(1, `${line}\n`);
const wrong = (error: unknown): never => {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  say(`@X ${text.replaceAll('\n', ' ; ')}`);
  process.exit(1);
};
process.on('uncaughtException', wrong);
process.on('unhandledRejection', wrong);

// ---- what clients were told

let told: Fact[] = [];
let toldAt = 0;
let timer: NodeJS.Timeout | undefined;

const highest = new Map<string, number>();
const known = (name: string): number => highest.get(name) ?? 0;

function report(fact: Fact, now = false): void {
  if (fact.kind === 'stored') highest.set(fact.to, Math.max(known(fact.to), fact.seq));
  told.push(fact);
  if (now || performance.now() - toldAt >= TELL_MS) tell();
  else timer ??= setTimeout(tell, TELL_MS);
}

function tell(): void {
  clearTimeout(timer);
  timer = undefined;
  toldAt = performance.now();
  if (told.length > 0) say(`@F ${writeFacts(told)}`);
  told = [];
}

function heard(event: Event): void {
  if (event.event === 'expired') report({ kind: 'expired', to: event.to, seq: event.seq });
  else if (event.event === 'cut') say(`@T ${event.bytes} bytes at ${event.offset} of ${event.file}`);
  else if (event.event === 'notice') say(`@N ${event.text}`);
}

// ---- the relay

// A faster clock: expiry, checkpoints and compaction, which are checked every second, must happen several times before the power goes.
const clock: Clock = {
  monotonic: () => systemClock.monotonic() * SPEED,
  epoch: () => plan.since + (systemClock.epoch() - plan.since) * SPEED,
  after: (ms, fire) => systemClock.after(ms / SPEED, fire),
};

/** Counts what is done to the log. */
class Counted extends Passing {
  #checkpoints = 0;
  #moves = 0;
  readonly #freed = new Set<Lsn>();

  override append(...parts: readonly Uint8Array[]): Lsn {
    if (Buffer.from(parts[0] ?? []).toString('latin1', 0, 5) === 'MOVE ') this.#moves += 1;
    return super.append(...parts);
  }

  override async checkpoint(take: (lsn: Lsn) => Snapshot): Promise<void> {
    await super.checkpoint(take);
    this.#checkpoints += 1;
    say(`@C ${this.#checkpoints} ${this.#moves} ${this.#freed.size}`);
  }

  override free(first: Lsn): void {
    this.#freed.add(first);
    super.free(first);
  }
}

const open: OpenLog = async (owner) => {
  const { dir, lie } = plan;
  const files = filesWith(lie);
  return new Counted(
    await openDiskLog({ dir, files, clock: systemClock, maxBytes: MAX_BYTES, ...SIZES }, owner),
  );
};

// Kills this process from outside, so that it can happen in the middle of a synchronous call.
function killLater(ms: number): void {
  spawn('/bin/sh', ['-c', `sleep ${ms / 1000}; kill -9 ${process.pid}`], { stdio: 'ignore' });
}

say('@B');
const began = performance.now();
if (plan.kill?.from === 'begin') killLater(plan.kill.ms);
const relay = await startRelay({
  host: '127.0.0.1',
  port: 0,
  context: netContext(heard, clock, false),
  log: open,
  onFailure: wrong,
});
say(`@V ${(performance.now() - began).toFixed(0)}`);
if (plan.kill?.from === 'open') killLater(plan.kill.ms);

const random = randomFrom(plan.seed);
const { port } = relay.address;
for (const [index, [name, repeats]] of Object.entries(plan.repeats).entries())
  new Sender(port, {
    name,
    tryNumber: plan.run,
    label: `${plan.run}-${index}`,
    repeats,
    window: plan.window,
    random,
    report,
  });
for (const name of ['bob', 'carol']) new Receiver(port, name, false, known, random, report);
for (const name of plan.drained) new Receiver(port, name, true, known, random, report);
